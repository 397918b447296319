"""Loops over an axis of any size: lifted to folds, proved by families with two premises, and what the checker won't have.

To add here: a shape of loop, or a way to misuse a fold.  Never here: labelled pairs (corpus/loops.py).
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

import commute
from commute.egraph.canon import Canon
from commute.egraph.folding import closed_form
from commute.egraph.journal import Journal
from commute.proof import deep_recursion
from commute.theory.axes import axis, first_free
from commute.theory.codec import Malformed, Table, decode
from commute.theory.facts import Facts
from commute.theory.folds import by_family, last_step, prefix, premises, put_states, up_to
from commute.theory.law import find_law
from commute.theory.ops import add, maximum, mul, recip, sub
from commute.theory.step import Step, law_step
from commute.theory.terms import (
    MINUS_ONE,
    NINF,
    ONE,
    ZERO,
    Term,
    const,
    fold_over,
    index,
    read,
    reduce,
    size_value,
    state,
    substitute,
)
from commute.verify.certificate import EVERYWHERE, WHERE_DEFINED, Case, Checked, check, digest, write
from commute.verify.definedness import obligations, uncovered
from tests.test_pairs import load

LOOPS = load(Path(__file__).parent / "corpus" / "loops.py")
K = axis("n")
S = state("s0")
X = read("x", [index(K)], [K.size])
SUMMED = fold_over(K, ("s0",), [ZERO], [add(S, X)])
TOTAL = reduce("sum", K, X)


@pytest.mark.parametrize(("name", "reference", "candidate", "equal"), LOOPS.PAIRS, ids=[p[0] for p in LOOPS.PAIRS])
def test_loops_of_the_corpus(name: str, reference: Callable[..., Any], candidate: Callable[..., Any], equal: bool) -> None:
    verdict = commute.prove(reference, candidate)
    assert verdict.kind == ("PROVED" if equal else "REFUTED"), verdict.reason


# --- families --------------------------------------------------------------------------------------------------------


def proved(goal: tuple[Term, Term], *steps: Step, where: str = EVERYWHERE) -> Checked:
    """What the checker says of these steps."""
    return check(json.loads(json.dumps(write({}, {}, where, [Case("", [goal], list(steps))]))))


def through(family: Term) -> Term:
    """The sum as a fold through a family, the state after each step."""
    return fold_over(K, ("s0",), [ZERO], [family])


def steps_for(family: Term) -> list[Step]:
    """The step to a family, after all that the normaliser finds about its premises."""
    canon = Canon(Facts(), Journal())
    canon.journal.computed("prefix", up_to("sum", INNER, add(index(K), ONE), _moved()), _split())
    for a, b in premises(SUMMED, through(family)):
        canon.norm(a)
        canon.norm(b)
    return [*canon.journal.steps, Step("fold", SUMMED, through(family)), Step("last", through(family), last_of(family))]


def last_of(family: Term) -> Term:
    final = last_step(through(family))
    assert final is not None
    return final


def _moved() -> Term:
    return substitute(X, {K: index(INNER)})


def _split() -> Term:
    return add(up_to("sum", INNER, index(K), _moved()), X)


INNER = axis("n", 1)


def test_a_sum_is_its_fold() -> None:
    canon = Canon(Facts(), Journal())
    found = canon.norm(SUMMED)
    assert found is canon.norm(TOTAL)
    assert proved((SUMMED, TOTAL), *canon.journal.steps).ok


WRONG = {
    "one too few": lambda k: up_to("sum", INNER, k, _moved()),
    "one too many": lambda k: up_to("sum", INNER, add(k, const(2)), _moved()),
    "another start": lambda k: add(up_to("sum", INNER, add(k, ONE), _moved()), ONE),
    "another factor": lambda k: mul(const(2), up_to("sum", INNER, add(k, ONE), _moved())),
    "the last alone": lambda k: X,
    "nothing": lambda k: ZERO,
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_family_is_rejected(name: str) -> None:
    family = WRONG[name](index(K))
    checked = proved((SUMMED, last_of(family)), *steps_for(family))
    assert not checked.ok
    assert "fold doesn't give" in checked.reason


def test_the_right_family_is_accepted() -> None:
    family = up_to("sum", INNER, add(index(K), ONE), _moved())
    checked = proved((SUMMED, last_of(family)), *steps_for(family))
    assert checked.ok, checked.reason


def test_a_family_needs_both_premises() -> None:
    start, step = premises(SUMMED, through(up_to("sum", INNER, add(index(K), ONE), _moved())))
    assert start[1] is ZERO
    assert step[0].free >= {K}
    grown = fold_over(K, ("s0",), [ONE], [add(S, X)])
    assert not proved((grown, last_of(ZERO)), Step("fold", grown, fold_over(K, ("s0",), [ONE], [ZERO]))).ok


def test_a_family_may_not_read_the_states() -> None:
    written = fold_over(K, ("s0",), [ZERO], [add(X, S)])
    assert not by_family(SUMMED, written, Facts())
    assert not proved((SUMMED, SUMMED), Step("ring", add(S, X), add(X, S)), Step("fold", SUMMED, written)).ok


def test_a_fold_that_reads_its_states_has_no_last_step() -> None:
    assert last_step(SUMMED) is None
    assert not proved((SUMMED, X), Step("last", SUMMED, add(S, substitute(X, {K: sub(size_value(K.size), ONE)})))).ok


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (up_to("sum", INNER, ONE, _moved()), add(up_to("sum", INNER, ZERO, _moved()), substitute(X, {K: ONE}))),
        (up_to("sum", INNER, ZERO, _moved()), add(up_to("sum", INNER, MINUS_ONE, _moved()), substitute(X, {K: MINUS_ONE}))),
        (
            up_to("sum", INNER, add(size_value(K.size), ONE), _moved()),
            add(up_to("sum", INNER, size_value(K.size), _moved()), substitute(X, {K: size_value(K.size)})),
        ),
        (up_to("max", INNER, ONE, _moved()), add(up_to("max", INNER, ZERO, _moved()), substitute(X, {K: ZERO}))),
        (up_to("sum", INNER, const(2), _moved()), add(up_to("sum", INNER, ZERO, _moved()), substitute(X, {K: ZERO}))),
    ],
    ids=["another index", "before the first", "past the last", "another operator", "two at once"],
)
def test_a_prefix_grows_by_one_index_in_range(left: Term, right: Term) -> None:
    assert not prefix(left, right, Facts())
    begun = up_to("sum", INNER, ZERO, _moved())
    assert prefix(up_to("sum", INNER, ONE, _moved()), add(begun, substitute(X, {K: ZERO})), Facts())


# --- tampering -------------------------------------------------------------------------------------------------------


def streamed() -> dict[str, Any]:
    """A fresh certificate of online softmax as a loop."""
    if not _KEPT:
        verdict = commute.prove(LOOPS.attended, LOOPS.streamed)
        assert verdict.kind == "PROVED", verdict.reason
        _KEPT.append(json.dumps(verdict.certificate))
    return json.loads(_KEPT[0])


_KEPT: list[str] = []


def judged(data: dict[str, Any]) -> Checked:
    with deep_recursion():
        return check({**data, "digest": digest(data)})


def fold_steps(data: dict[str, Any]) -> list[tuple[list[Any], int]]:
    found = [(p["steps"], i) for p in data["paths"] for i, s in enumerate(p["steps"]) if s[0] == "fold"]
    assert len(found) >= 2
    return found


def test_the_certificate_is_accepted_as_it_is() -> None:
    assert judged(streamed()).ok


def test_a_fold_step_can_t_come_before_its_premises() -> None:
    for each in range(len(fold_steps(streamed()))):
        data = streamed()
        steps, place = fold_steps(data)[each]
        steps.insert(0, steps.pop(place))
        assert not judged(data).ok


def test_a_fold_step_can_t_be_turned_round_or_left_out() -> None:
    for change in (lambda steps, i: steps[i].__setitem__(slice(1, 3), steps[i][2:0:-1]), lambda steps, i: steps.pop(i)):
        data = streamed()
        change(*fold_steps(data)[0])
        assert not judged(data).ok


def test_another_family_or_init_is_rejected() -> None:
    rows = streamed()["terms"]
    steps, place = fold_steps(streamed())[0]
    family = rows[steps[place][2]]
    for argument in range(len(family[1])):
        data = streamed()
        steps, place = fold_steps(data)[0]
        changed = json.loads(json.dumps(family))
        changed[1][argument] = family[1][argument - 1]
        if changed == family:
            continue
        data["terms"].append(changed)
        steps[place][2] = len(data["terms"]) - 1
        assert not judged(data).ok


def test_no_step_of_a_proof_by_folds_is_idle() -> None:
    data = streamed()
    longest = max(range(len(data["paths"])), key=lambda p: len(data["paths"][p]["steps"]))
    count = len(data["paths"][longest]["steps"])
    rejected = 0
    for i in range(0, count, 7):
        fewer = streamed()
        del fewer["paths"][longest]["steps"][i]
        rejected += not judged(fewer).ok
    assert rejected >= 0.8 * len(range(0, count, 7))


# --- what is known of states -----------------------------------------------------------------------------------------


def test_a_state_may_be_any_number() -> None:
    facts = Facts()
    counted = fold_over(K, ("s0",), [ONE], [add(S, ONE)])
    assert not facts.holds("nonzero", S)
    assert not facts.holds("nonzero", counted)
    assert facts.real(counted)


def test_a_state_that_starts_at_minus_infinity_is_no_number() -> None:
    started = fold_over(K, ("s0",), [NINF], [maximum(S, X)])
    assert not Facts().real(started)
    table = Table()
    table.add(started)
    with pytest.raises(Malformed, match="minus infinity"):
        decode(json.loads(json.dumps(table.rows)))


def test_folds_are_read_back_as_they_were() -> None:
    table = Table()
    place = table.add(SUMMED)
    assert decode(json.loads(json.dumps(table.rows)))[place] is SUMMED


@pytest.mark.parametrize("attrs", [[["s0"], 1], [["s0"], -1], [["s0", "s0"], 0], [[], 0], [[3], 0]])
def test_malformed_folds_are_rejected(attrs: list[Any]) -> None:
    table = Table()
    table.add(SUMMED)
    rows = json.loads(json.dumps(table.rows))
    rows[-1][2][1:] = attrs
    with pytest.raises(Malformed):
        decode(rows)


def test_what_one_fold_owes_another_doesn_t() -> None:
    facts = Facts()
    one, other = (fold_over(K, ("s0",), [start], [add(recip(S), X)]) for start in (ONE, ZERO))
    mine, theirs = obligations(one, facts), obligations(other, facts)
    assert [o.term for o in mine] == [o.term for o in theirs] == [S]
    assert not uncovered(mine, mine, lambda a, b: a is b, lambda t: [t], facts, True)
    assert uncovered(mine, theirs, lambda a, b: a is b, lambda t: [t], facts, True)


def test_what_a_fold_owes_of_its_states_is_no_fact_about_all_numbers() -> None:
    reference = fold_over(K, ("s0",), [ONE], [mul(S, recip(S))])
    cancelled = law_step(find_law("recip_cancels"), {"x": S})
    checked = proved((reference, fold_over(K, ("s0",), [ONE], [ONE])), cancelled, where=WHERE_DEFINED)
    assert not checked.ok
    assert "isn't known to be nonzero" in checked.reason


def test_states_are_put_without_capture() -> None:
    inner = axis("n", 1)
    step = add(S, reduce("sum", inner, mul(S, read("y", [index(inner)], [inner.size]))))
    value = read("x", [index(inner)], [inner.size])
    renamed = first_free(inner.size, {inner})
    put = put_states(step, {"s0": value})
    assert put is add(value, reduce("sum", renamed, mul(value, read("y", [index(renamed)], [inner.size]))))
    with pytest.raises(ValueError, match="same names"):
        put_states(fold_over(K, ("s1",), [S], [mul(S, state("s1"))]), {"s0": state("s1")})


# --- congruence, and no guess ----------------------------------------------------------------------------------------


def test_equal_starts_and_equal_steps_give_equal_folds() -> None:
    def one(x: Float[Tensor, "n"]) -> Float[Tensor, ""]:
        h = torch.zeros(())
        for i in range(len(x)):
            h = torch.sin(h + x[i]) * 2
        return h

    def other(x):
        h = torch.zeros(())
        for row in x:
            h = torch.sin(row + h) + torch.sin(row + h)
        return h

    verdict = commute.prove(one, other)
    assert verdict.kind == "PROVED", verdict.reason


def test_a_recurrence_without_a_known_form_has_none() -> None:
    grown = fold_over(K, ("s0",), [ZERO], [add(mul(S, S), X)])
    assert closed_form(Canon(Facts(), Journal()), grown) is None


# --- lifting ---------------------------------------------------------------------------------------------------------

Rows = Float[Tensor, "n d"]


def reason(program: Callable[..., Any]) -> str:
    verdict = commute.prove(program, program)
    assert verdict.kind == "UNKNOWN"
    return verdict.reason


def test_loops_that_are_no_folds_are_unsupported() -> None:
    def weighted(x: Rows, w: Float[Tensor, "d d"]) -> Float[Tensor, "d"]:
        h = x[0]
        for i in range(1, x.shape[0]):
            h = w @ h + x[i]
        return h

    def listed(x: Rows) -> Float[Tensor, "d"]:
        rows = []
        for row in x:
            rows.append(row)
        return torch.stack(rows).sum(0)

    def gathered(x: Rows) -> Float[Tensor, "d"]:
        return torch.stack(tuple(x[i] for i in range(x.shape[0]))).sum(0)

    def unrolled(x: Rows) -> Float[Tensor, "d"]:
        return torch.stack(tuple(x[i] for i in list(range(x.shape[0])))).sum(0)

    def growing(x: Rows) -> Float[Tensor, "n d"]:
        h = x[:1]
        for _ in x:
            h = torch.cat([h, x[:1]])
        return h

    assert "other places than it writes" in reason(weighted)
    assert "variable rows: a list that grows" in reason(listed)
    assert "outside a for statement" in reason(gathered)
    assert "outside a for statement" in reason(unrolled)
    assert "changes its shape" in reason(growing)


def test_a_variable_that_can_t_be_followed_is_an_error_only_where_it_is_read() -> None:
    def named(x: Rows) -> Float[Tensor, "d"]:
        h = torch.zeros(x.shape[1])
        last = "none"
        for i in range(x.shape[0]):
            word = f"row {i}"
            last, h = word, h + x[i]
        return h + len(last)

    def unread(x: Rows) -> Float[Tensor, "d"]:
        h = torch.zeros(x.shape[1])
        for i in range(x.shape[0]):
            word = f"row {i}"
            h = h + x[i] * bool(word)
        return h

    assert "variable last" in reason(named)
    assert commute.prove(unread, LOOPS.total).kind == "PROVED"


def test_aliases_of_what_a_loop_changes_in_place_are_followed() -> None:
    def helped(x: Rows) -> Float[Tensor, "d"]:
        result = torch.zeros(x.shape[1])
        _add_all(result, x)
        return result

    assert commute.prove(LOOPS.total, helped).kind == "PROVED"


def _add_all(result: Tensor, x: Tensor) -> None:
    for i in range(x.shape[0]):
        result += x[i]


def test_the_number_of_the_step_is_a_number() -> None:
    def numbered(x: Float[Tensor, "n"]) -> Float[Tensor, ""]:
        h = torch.zeros(())
        for i in range(x.shape[0]):
            if i == 0 or i < 0:
                h = h + x[i] * 0
            else:
                h = h + (2 * i + 1) * x[i - 1]
        return h

    def written(x):
        n = x.shape[0]
        at = torch.arange(n)
        return torch.where(at < n - 1, (2 * at + 3) * x, 0.0).sum()

    verdict = commute.prove(numbered, written)
    assert verdict.kind in ("PROVED", "CHECKED"), verdict.reason
