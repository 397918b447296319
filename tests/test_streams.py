"""Which families of reductions take one pass, proved and as folds, which don't and why, and mistakes that must not pass.

To add here: a family of reductions, or a mistake in a correction.  Never here: what a plan costs.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

import commute
from commute.egraph import running
from commute.egraph.corrections import Fixed, NotSeparable, Product, Scaled, Shifted, expand
from commute.egraph.cost import Region
from commute.egraph.forms import Forms
from commute.egraph.kernels import Kernel
from commute.egraph.masks import cases_of, share_left
from commute.egraph.streams import Passes, Scheduler
from commute.lowering.lift_torch import lift_one
from commute.proof import deep_recursion
from commute.scheduling import schedule_of, stream_proofs
from commute.streaming import PassProofs, passes_of
from commute.theory.axes import axis
from commute.theory.facts import Facts
from commute.theory.folds import prefix, put_states, up_to
from commute.theory.ops import add, eq, land, lnot, lor, lt, maximum, where
from commute.theory.terms import NINF, ONE, ZERO, Term, const, index, read, size_value, state, substitute
from commute.verify.blocks_empty import counterexample

Rows = Float[Tensor, "n m"]
Row = Float[Tensor, "n"]


class Loop:
    """A program as it is written, as one kernel that goes over m."""

    def __init__(self, program: Callable[..., Any]):
        self.forms = Forms()
        blocks = [b for o in lift_one(program).programs[0].outputs for b in o.blocks]
        self.roots = [self.forms.find(self.forms.insert(b.term)) for b in blocks]
        order = self.forms.order({}, self.roots)
        node = {c: self.forms.canonical(self.forms.first[c]) for c in order}
        inner = tuple(c for c in order if node[c].op != "leaf")
        leaves = tuple(c for c in order if node[c].op == "leaf")
        region = Region(tuple(self.roots), inner, leaves, node)
        reduced = {a for c in inner for a in node[c].bound}
        along = next(a for a in sorted(reduced, key=lambda a: a.key) if a.name.rstrip("'") == "m")
        self.passes: Passes = Scheduler(self.forms, node, inner, self.roots, along).schedule()
        self.kernel = Kernel(region, self.passes, {}, along, 1, *[0.0] * 9, "", split=along, parts=2)  # type: ignore[arg-type]

    def proofs(self) -> list[PassProofs]:
        return passes_of(self.forms, self.kernel, self.passes)

    def schedule(self):
        with deep_recursion():
            return schedule_of(self.forms, [self.kernel], self.roots, [self.forms.build({}, r) for r in self.roots])[0]


# --- one pass --------------------------------------------------------------------------------------------------------


def tilted(s: Rows, v: Rows) -> Row:
    w = torch.exp(s - s.amax(-1, keepdim=True))
    return (w * v).sum(-1) / w.sum(-1)


def log_of_weights(s: Rows, v: Rows) -> tuple[Row, Row]:
    top = s.amax(-1, keepdim=True)
    w = torch.exp(s - top)
    total = top[:, 0] + torch.log(w.sum(-1))
    return total, (w * v * v).sum(-1)


def place(s: Rows) -> Row:
    w = torch.exp(s - s.amax(-1, keepdim=True))
    return (w * torch.arange(s.shape[1])).sum(-1) / w.sum(-1)


def shared(s: Rows, u: Rows, v: Rows) -> tuple[Row, Row]:
    hot = torch.exp(2 * s - (2 * s).amax(-1, keepdim=True))
    cold = torch.exp(s - s.amax(-1, keepdim=True))
    return (hot * u).sum(-1) / hot.sum(-1), (cold * v).sum(-1) / cold.sum(-1)


def entropy(s: Rows) -> Row:
    below = s - s.amax(-1, keepdim=True)
    w = torch.exp(below)
    return torch.log(w.sum(-1)) - (w * below).sum(-1) / w.sum(-1)


def divergence(a: Rows, b: Rows) -> Row:
    x, y = a - a.amax(-1, keepdim=True), b - b.amax(-1, keepdim=True)
    w = torch.exp(x)
    return (w * (x - y)).sum(-1) / w.sum(-1) - torch.log(w.sum(-1)) + torch.log(torch.exp(y).sum(-1))


def variance(x: Rows) -> Row:
    gap = x - x.mean(-1, keepdim=True)
    return (gap * gap).mean(-1)


def kurtosis(x: Rows) -> tuple[Row, Row]:
    gap = x - x.mean(-1, keepdim=True)
    return (gap * gap).sum(-1), (gap * gap * gap * gap).sum(-1)


def covariance(x: Rows, y: Rows) -> Row:
    return ((x - x.mean(-1, keepdim=True)) * (y - y.mean(-1, keepdim=True))).sum(-1)


def weighted_spread(s: Rows, x: Rows) -> Row:
    w = torch.exp(s)
    gap = x - (w * x).sum(-1, keepdim=True) / w.sum(-1, keepdim=True)
    return (w * gap * gap).sum(-1)


def reach(x: Rows) -> tuple[Row, Row]:
    gap = x - x.mean(-1, keepdim=True)
    return gap.amax(-1), gap.amin(-1)


def masked(s: Float[Tensor, "m m"], v: Float[Tensor, "m"]) -> Float[Tensor, "m"]:
    i = torch.arange(s.shape[0])
    s = torch.where(i[None, :] > i[:, None], float("-inf"), s)
    w = torch.exp(s - s.amax(-1, keepdim=True))
    return (w * v).sum(-1) / w.sum(-1)


ONE_PASS = [
    (tilted, 2, True), (log_of_weights, 2, False), (place, 2, False), (shared, 4, False), (entropy, 2, True),
    (divergence, 3, False), (variance, 2, False), (kurtosis, 4, True), (covariance, 3, False), (weighted_spread, 2, False),
    (reach, 2, False),
]  # fmt: skip
"""Programs that take one pass, how many of their states are corrected at least, and whether the fold is proved here too."""


@pytest.mark.parametrize(("program", "corrected", "fold"), ONE_PASS, ids=[p.__name__ for p, _, _ in ONE_PASS])
def test_one_pass_with_proofs(program: Callable[..., Any], corrected: int, fold: bool) -> None:
    loop = Loop(program)
    assert loop.passes.count == 1
    claims = stream_proofs(loop.forms, loop.kernel)
    assert all(c.proved and c.certificate for c in claims), [(c.what, c.reason) for c in claims if not c.proved]
    assert sum(c.what == "correction" for c in claims) >= corrected
    assert {"unit", "merge"} <= {c.what for c in claims}
    if fold:
        schedule = loop.schedule()
        assert schedule is not None
        assert schedule.proved, schedule.reason


def test_a_fold_that_may_be_undefined_on_the_way_is_not_covered() -> None:
    schedule = Loop(weighted_spread).schedule()
    assert schedule is not None
    assert schedule.verdict == "UNKNOWN"
    assert "may be undefined" in schedule.reason


def test_a_masked_stream_skips_blocks() -> None:
    loop = Loop(masked)
    claims = stream_proofs(loop.forms, loop.kernel)
    assert all(c.proved for c in claims), [(c.what, c.reason) for c in claims if not c.proved]
    assert [c.correction for c in claims if c.what == "blocks"] == ["skipped where m < m' on the whole block"]
    schedule = loop.schedule()
    assert schedule is not None
    assert schedule.proved, schedule.reason


# --- more passes -----------------------------------------------------------------------------------------------------


def soft(x: Rows) -> Rows:
    w = torch.exp(x - x.amax(-1, keepdim=True))
    return w / w.sum(-1, keepdim=True)


def scaled(x: Rows) -> Rows:
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1)


def second(x: Rows) -> Row:
    return torch.where(x < x.amax(-1, keepdim=True), x, -torch.ones(())).amax(-1)


def median_gap(x: Rows) -> Row:
    return torch.abs(x - x.mean(-1, keepdim=True)).sum(-1)


def dependent(s: Rows, x: Rows) -> Row:
    r = x.sum(-1, keepdim=True)
    return ((s + r) * torch.exp(s * r)).sum(-1)


def heated(s: Rows) -> Row:
    return torch.exp(s * s.amax(-1, keepdim=True)).sum(-1)


def multiplied(x: Rows) -> Row:
    return (x - x.amax(-1, keepdim=True)).prod(-1)


def picked(s: Rows, v: Rows) -> Row:
    return torch.where(s < s.amax(-1, keepdim=True), 0.0, v).sum(-1)


REFUSED = [soft, scaled, second, median_gap, dependent, heated, multiplied, picked]


@pytest.mark.parametrize("program", REFUSED, ids=[p.__name__ for p in REFUSED])
def test_two_passes_and_what_is_waited_for(program: Callable[..., Any]) -> None:
    loop = Loop(program)
    node = loop.kernel.region.node
    assert loop.passes.count == 2
    assert loop.passes.blocks
    assert all(loop.passes.axis in node[c].bound for c in loop.passes.blocks.values())
    assert all(c.proved for c in stream_proofs(loop.forms, loop.kernel))


def test_nothing_runs_beside_what_only_a_later_pass_makes() -> None:
    def chained(s: Rows, v: Rows) -> Row:
        far = torch.where(s < s.amax(-1, keepdim=True), s, -torch.ones(())).amax(-1, keepdim=True)
        return (torch.exp(s - s.amax(-1, keepdim=True) - far) * v).sum(-1)

    loop = Loop(chained)
    assert loop.passes.count == 2
    assert loop.passes.ready[loop.roots[0]] == 2
    assert all(c.proved for c in stream_proofs(loop.forms, loop.kernel))


# --- mistakes --------------------------------------------------------------------------------------------------------


def claims_of(program: Callable[..., Any]) -> dict[str, bool]:
    loop = Loop(program)
    found: dict[str, bool] = {}
    for c in stream_proofs(loop.forms, loop.kernel):
        found[c.what] = found.get(c.what, True) and c.proved
    return found


def test_a_running_value_that_may_be_undefined_is_refused() -> None:
    def spread(w: Rows, x: Rows) -> Row:
        gap = x - (w * x).sum(-1, keepdim=True) / w.sum(-1, keepdim=True)
        return (w * gap * gap).sum(-1)

    loop = Loop(spread)
    assert loop.passes.count == 1
    reasons = [c.reason for c in stream_proofs(loop.forms, loop.kernel) if c.what == "correction" and not c.proved]
    assert reasons
    assert all("a running value may be undefined" in r for r in reasons)


WRONG: dict[str, Callable[[Any], list[tuple[Term, Any]]]] = {
    "twice": lambda b: [(add(c, c), p) for c, p in expand(b)],
    "not at all": lambda b: [(ONE, b)],
    "as if shifted": lambda b: [*expand(b), (ONE, Fixed(ONE))],
    "turned round": lambda b: [
        (substituted(c), p) for c, p in expand(b)
    ],
}  # fmt: skip


def substituted(coefficient: Term) -> Term:
    """The coefficient with the old and the new running values exchanged."""
    names = coefficient.states
    return put_states(coefficient, {n: state(n[:-1] if n.endswith("'") else n + "'") for n in names})


@pytest.mark.parametrize("mistake", WRONG)
@pytest.mark.parametrize("program", [tilted, variance], ids=lambda p: p.__name__)
def test_a_wrong_correction_is_refused(program: Any, mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "expand", WRONG[mistake])
    assert not claims_of(program)["correction"]


def test_a_plan_with_a_wrong_correction_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"n": 4096, "m": 1_000_000}
    good = commute.optimize(tilted, sizes=sizes)
    assert good.verdict == "PROVED"
    assert any(k.corrected for k in good.kernels)
    assert good.schedule == "the schedule too, by a certificate"
    assert len(good.scheduled) == 1
    monkeypatch.setattr(running, "expand", WRONG["twice"])
    other = commute.optimize(tilted, sizes=sizes)
    assert other.verdict != "PROVED" or not any(k.corrected for k in other.kernels)
    assert any("the correction along m isn't proved" in r for r in [other.reason, *(r.reason for r in other.rivals)])


def test_a_schedule_that_corrects_nothing_is_no_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running.Running, "moved", lambda self, place, values, before: values[place])
    loop = Loop(tilted)
    schedule = loop.schedule()
    assert schedule is not None
    assert not schedule.proved
    found = claims_of(tilted)
    assert not found["correction"]


def test_a_merge_that_forgets_a_correction_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def merged(self: running.Running, left: Any, right: Any) -> dict[int, Term]:
        return {
            i: running.OPS[s.kind](left[i], self.moved(i, right, self.between(right, left, i)))
            for i, s in enumerate(self.states)
        }

    monkeypatch.setattr(running.Running, "merged", merged)
    assert not claims_of(tilted)["merge"]


def test_bodies_move_as_they_say() -> None:
    one, other = (Shifted(read(n, [], []), read(f"{n}'", [], [])) for n in "uv")
    assert expand(one) == [(ONE, one), (one.by, Fixed(ONE))]
    assert expand(Scaled(one.term, one.by)) == [(one.by, Scaled(one.term, one.by))]
    assert expand(Fixed(one.term)) == [(ONE, Fixed(one.term))]
    assert len(expand(Product((one, other), frozenset()))) == 4
    assert len(expand(Product((one, one), frozenset()))) == 3


def test_a_body_without_a_correction_has_none() -> None:
    loop = Loop(heated)
    loop.passes.ready |= dict.fromkeys(loop.passes.ready, 1)
    loop.passes.loop[1] += [c for c in loop.passes.loop.pop(2) if c not in loop.passes.loop[1]]
    with pytest.raises(NotSeparable, match="exp"):
        loop.proofs()


# --- blocks ----------------------------------------------------------------------------------------------------------

Q, X = axis("n"), axis("n", 1)
AT, BY = index(Q), index(X)
WINDOW = size_value(axis("w").size)


@pytest.mark.parametrize(
    "mask",
    [lt(AT, BY), lnot(lt(BY, AT)), land(lt(AT, BY), lt(const(7), BY)), lor(lt(AT, BY), lt(add(BY, WINDOW), AT))],
    ids=str,
)
def test_corners_decide_masks_of_half_spaces(mask: Term) -> None:
    assert cases_of(mask)
    assert counterexample(mask, cases_of(mask)) == ""


@pytest.mark.parametrize(
    ("mask", "case"),
    [(lnot(eq(AT, BY)), lnot(eq(AT, BY))), (lor(lt(AT, BY), lt(BY, AT)), lor(lt(AT, BY), lt(BY, AT))), (lt(BY, AT), lt(AT, BY)),
     (lt(add(AT, ONE), BY), lt(AT, BY)), (lt(AT, BY), lnot(lt(BY, AT)))],
    ids=str,
)  # fmt: skip
def test_corners_that_don_t_decide_a_mask(mask: Term, case: Term) -> None:
    assert "isn't constant" in counterexample(mask, [case])


def test_a_mask_that_corners_don_t_decide_skips_nothing() -> None:
    full = {Q: 64, X: 64}
    assert share_left([lnot(eq(AT, BY))], full, {Q: 8, X: 32}) == 1.0
    assert share_left([lt(AT, BY)], full, {Q: 16, X: 16}) == pytest.approx(10 / 16)
    assert share_left([lor(lt(AT, BY), lt(BY, AT))], full, {Q: 16, X: 16}) == pytest.approx(4 / 16)


def test_a_masked_maximum_grows_by_one_index_and_a_masked_sum_does_not() -> None:
    k = axis("n", 2)
    body = where(lt(AT, BY), NINF, read("s", [BY], [X.size]))
    grown = (up_to("max", X, add(index(k), ONE), body), up_to("max", X, index(k), body))
    here = substitute(body, {X: index(k)})
    assert prefix(grown[0], maximum(grown[1], here), Facts())
    assert not prefix(grown[0], maximum(grown[1], substitute(body, {X: ZERO})), Facts())
    low = where(lt(AT, BY), NINF, ZERO)
    sums = [Term("reduce", (where(lt(BY, e), low, ZERO),), ("sum", X)) for e in (add(index(k), ONE), index(k))]
    assert not prefix(sums[0], Term("add", (sums[1], substitute(low, {X: index(k)}))), Facts())
