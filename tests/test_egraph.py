"""Equality saturation: goals reached by steps that recheck, goals that must fail, budgets, conditions, extraction."""

import time
from collections.abc import Sequence

import pytest

from commute.egraph.encode import Encoding
from commute.egraph.extract import extract, price
from commute.egraph.saturate import Saturation, Unsound, saturate
from commute.theory.axes import Axis, Size, axis
from commute.theory.facts import NIL, POS, Facts
from commute.theory.law import AnyAxis, Real, all_laws, find_law, law
from commute.theory.ops import (
    add,
    composite,
    div,
    exp,
    indicator,
    log,
    lt,
    maximum,
    minimum,
    mul,
    neg,
    recip,
    sqrt,
    sub,
    total,
    where,
)
from commute.theory.schemas import SCHEMAS
from commute.theory.step import Step
from commute.theory.terms import NINF, ONE, ZERO, Term, const, fold, index, read, reduce, substitute
from commute.verify.certificate import Case, check, write
from commute.verify.certificate import Closure as TrustedClosure
from commute.verify.congruence import explain

k, n, m, d, e, w = map(axis, "knmdew")
k1, m1 = axis("k", 1), axis("m", 1)
x, y, z, c = (read(name, (), ()) for name in "xyzc")


def array(name: str, *axes: Axis) -> Term:
    return read(name, [index(a) for a in axes], [a.size for a in axes])


def top(a: Axis, t: Term) -> Term:
    return reduce("max", a, t)


def replay(steps: Sequence[Step], goal: tuple[Term, Term], facts: Facts) -> None:
    """Every step is what it says, its conditions are shown by witnesses that earlier steps justify, and the ends meet."""
    closure = TrustedClosure()
    for step in steps:
        if step.is_law:
            law = find_law(step.name)
            assert law.instance(dict(step.holes), dict(step.axes), facts) == (step.lhs, step.rhs)
            for (predicate, name), witness in zip(law.where, step.witnesses, strict=True):
                assert facts.holds(predicate, witness)
                assert closure.equal(dict(step.holes)[name], witness)
        else:
            assert SCHEMAS[step.name](step.lhs, step.rhs, facts), step
        closure.join(step.lhs, step.rhs)
    assert closure.equal(*goal)


def prove(left: Term, right: Term, facts: Facts | None = None, seconds: float = 10.0) -> Saturation:
    facts = facts or Facts()
    result = saturate([(left, right)], facts=facts, seconds=seconds)
    assert result.stopped == "goal" and result.reached == [True], (result.stopped, result.enodes, result.rounds)
    few = explain(result.steps, left, right)
    assert few is not None
    replay(few, (left, right), facts)
    data = write({"reference": "left", "candidate": "right"}, facts.given, "everywhere", [Case("", [(left, right)], few)])
    checked = check(data)
    assert checked.ok, checked.reason
    return result


S, V = array("S", n, m), array("V", m, d)
A, B, C = array("A", n, m), array("B", m, d), array("C", d, e)
S1, S2, V1, V2 = array("S1", n, w), array("S2", n, w), array("V1", w, d), array("V2", w, d)
M1, M2 = top(w, S1), top(w, S2)


def stable(shift: Term) -> Term:
    p = exp(sub(S, shift))
    return total(m, mul(div(p, total(m, p)), V))


def two_blocks() -> tuple[Term, Term]:
    """Attention over two blocks at once, and block by block with a running maximum."""
    whole = div(add(total(w, mul(exp(S1), V1)), total(w, mul(exp(S2), V2))), add(total(w, exp(S1)), total(w, exp(S2))))
    m2 = maximum(M1, M2)
    a1, a2 = exp(sub(M1, m2)), exp(sub(M2, m2))
    p1, p2 = exp(sub(S1, M1)), exp(sub(S2, M2))
    above = add(mul(total(w, mul(p1, V1)), a1), mul(total(w, mul(p2, V2)), a2))
    return whole, div(above, add(mul(total(w, p1), a1), mul(total(w, p2), a2)))


EQUAL = {
    "the division comes late": (
        total(m, mul(div(exp(S), total(m, exp(S))), V)), div(total(m, mul(exp(S), V)), total(m, exp(S)))
    ),
    "softmax with and without the maximum": (stable(top(m, S)), stable(ZERO)),
    "softmax by name": (composite("softmax", S, axes=(m,)), div(exp(sub(S, top(m, S))), total(m, exp(sub(S, top(m, S)))))),
    "two blocks with a running maximum": two_blocks(),
    "products of matrices reassociated": (total(d, mul(total(m, mul(A, B)), C)), total(m, mul(A, total(d, mul(B, C))))),
    "a product of sums": (mul(total(m, A), total(m, array("b", m))), total(m, total(m1, mul(A, array("b", m1))))),
    "factoring": (add(mul(x, y), mul(x, z)), mul(add(z, y), x)),
    "a maximum of shifted": (top(m, add(S, array("b", n))), add(array("b", n), top(m, S))),
    "maxima in any order": (maximum(x, maximum(y, z)), maximum(maximum(z, maximum(x, y)), x)),
    "addition distributes over max": (maximum(add(y, x), add(z, y)), add(maximum(z, x), y)),
    "minimum by maximum": (minimum(x, neg(y)), neg(maximum(y, neg(x)))),
    "another name for the axis": (total(m, array("f", m)), total(m1, array("f", m1))),
    "a sum of a constant": (total(m, array("b", n)), mul(array("b", n), Term("size", (), ("m",)))),
    "masked exponentials": (exp(where(lt(x, y), z, NINF)), mul(indicator(lt(x, y)), exp(z))),
    "logarithm of a product": (log(mul(exp(x), exp(y))), add(y, x)),
    "a root squared": (mul(sqrt(exp(x)), mul(y, sqrt(exp(x)))), mul(exp(x), y)),
    "silu by sigmoid": (composite("silu", x), mul(composite("sigmoid", x), x)),
    "an axis of two": (total(Axis(Size(2)), array("f", Axis(Size(2)))),
                       add(read("f", [ONE], [2]), read("f", [ZERO], [2]))),
    "relu by where": (composite("relu", x), where(lt(ZERO, x), x, ZERO)),
}  # fmt: skip


@pytest.mark.parametrize("name", EQUAL)
def test_equal_terms_are_joined_by_steps_that_recheck(name: str) -> None:
    prove(*EQUAL[name])


UNEQUAL = {
    "the missing rescale": (
        div(total(m, mul(exp(S), V)), total(m, exp(sub(S, top(m, S))))),
        div(total(m, mul(exp(S), V)), total(m, exp(S))),
    ),
    "a sum of products": (total(m, mul(A, array("b", m))), mul(total(m, A), total(m, array("b", m)))),
    "a reciprocal of a sum": (recip(add(x, y)), add(recip(x), recip(y))),
    "a factor of no known sign": (maximum(mul(c, x), mul(c, y)), mul(c, maximum(x, y))),
    "a number by itself": (mul(x, recip(x)), ONE),
    "a root of a square": (sqrt(mul(x, x)), x),
    "exp of a product": (exp(mul(x, y)), mul(exp(x), exp(y))),
    "other axes": (total(m, A), total(n, A)),
    "transposed": (total(m, mul(A, array("B", m, m1))), total(m, mul(A, array("B", m1, m)))),
}


@pytest.mark.parametrize("name", UNEQUAL)
def test_unequal_terms_are_never_joined(name: str) -> None:
    result = saturate([UNEQUAL[name]], facts=Facts(), seconds=1.5, nodes=3000)
    assert result.reached == [False] and result.stopped in ("saturated", "nodes", "rounds", "time")


def test_no_near_miss_of_a_law_is_joined() -> None:
    goals = [law.near for law in all_laws() if law.near and not law.axes and law.family in ("semiring", "roots")]
    assert len(goals) > 15
    for left, right in goals:
        fixed = {t.attrs[0]: t for t in (x, y, z, c)}
        pair = tuple(_closed(t, fixed) for t in (left, right))
        assert saturate([(pair[0], pair[1])], facts=Facts(), seconds=0.3, nodes=500).reached == [False], pair


def _closed(term: Term, inputs: dict[str, Term]) -> Term:
    """The term with its holes filled by scalar inputs of their names."""

    def put(t: Term, args: tuple[Term, ...]) -> Term:
        if t.op == "hole":
            return inputs.setdefault(t.attrs[0], read(t.attrs[0], (), ()))
        return Term(t.op, args, t.attrs)

    return fold(term, put)


def test_every_logged_step_rechecks_not_only_those_of_the_goal() -> None:
    goal = EQUAL["softmax with and without the maximum"]
    result = saturate([goal], facts=Facts(), seconds=10)
    replay(result.steps, goal, Facts())


# --- budgets ---------------------------------------------------------------------------------------------------------


def forty() -> tuple[Term, Term]:
    parts = [read(f"x{i}", (), ()) for i in range(40)]
    left, right = parts[0], parts[-1]
    for a, b in zip(parts[1:], parts[-2::-1], strict=True):
        left, right = add(left, a), add(right, b)
    return left, right


def test_a_sum_of_forty_terms_needs_no_rearranging() -> None:
    result = prove(*forty(), seconds=5)
    assert result.enodes < 1000


@pytest.mark.parametrize("stop, budget", [
    ("time", {"seconds": 0.5, "nodes": 10**9, "rounds": 10**9}),
    ("nodes", {"seconds": 20.0, "nodes": 800}),
    ("rounds", {"seconds": 20.0, "nodes": 10**9, "rounds": 3}),
])  # fmt: skip
def test_a_budget_stops_raw_rearranging_and_is_named(stop: str, budget: dict) -> None:
    left, right = forty()
    start = time.perf_counter()
    result = saturate(
        [(left, add(right, ONE))], facts=Facts(), laws=[find_law("add_commutes"), find_law("add_associates")], **budget
    )
    assert result.stopped == stop and result.reached == [False]
    assert time.perf_counter() - start < 8


def test_a_small_space_is_saturated() -> None:
    result = saturate([(add(x, y), mul(x, y))], facts=Facts(), laws=[find_law("add_commutes")], seconds=5)
    assert result.stopped == "saturated" and result.reached == [False]


def test_several_goals_share_one_space() -> None:
    goals = [EQUAL["factoring"], (x, y), EQUAL["maxima in any order"]]
    assert saturate(goals, facts=Facts(), seconds=1, nodes=2000).reached == [True, False, True]


# --- conditions ------------------------------------------------------------------------------------------------------


def test_an_instance_takes_the_term_that_shows_the_condition_not_the_one_first_seen() -> None:
    f = array("f", m)
    factor = add(sub(f, f), c)
    left = total(m, mul(factor, array("g", m)))
    result = prove(left, mul(c, total(m, array("g", m))))
    scaled = [s for s in result.steps if s.name == "sum_scale"]
    assert scaled and all(dict(s.axes)[k] not in dict(s.holes)["c"].free for s in scaled)


def test_a_sign_that_only_another_term_of_the_class_shows_is_its_witness() -> None:
    hidden = add(mul(x, x), sub(y, y))
    left = mul(hidden, maximum(z, c))
    prove(maximum(mul(hidden, z), mul(hidden, c)), left)
    prove(mul(add(exp(x), sub(y, y)), recip(add(exp(x), sub(y, y)))), ONE)


def test_assumptions_about_inputs_serve_as_conditions() -> None:
    goal = (maximum(mul(c, x), mul(c, y)), mul(c, maximum(y, x)))
    prove(*goal, facts=Facts({"c": POS | NIL}))
    prove(mul(c, recip(c)), ONE, facts=Facts({"c": POS}))


def test_factoring_under_a_reciprocal() -> None:
    positive = Facts({"x": POS, "y": POS, "z": POS})
    prove(recip(add(mul(x, y), mul(x, z))), mul(recip(x), recip(add(z, y))), facts=positive)


def test_what_the_reference_owes_may_be_granted_for_just_that_term() -> None:
    goal = (mul(x, recip(x)), ONE)
    result = saturate([goal], facts=Facts(), seconds=2, granted=[("nonzero", x)])
    assert result.reached == [True]
    assert [s.witnesses for s in result.steps if s.name == "recip_cancels"] == [(x,)]
    assert saturate([goal], facts=Facts(), seconds=2, granted=[("nonzero", y)]).reached == [False]


def test_equations_of_the_caller_are_known_but_not_logged() -> None:
    result = saturate([(exp(x), exp(add(y, z)))], facts=Facts(), seconds=2, known=[(x, add(y, z))])
    assert result.reached == [True] and result.steps == []


def test_a_free_axis_is_not_captured() -> None:
    f, g = array("f", n), array("g", n)
    assert saturate([(total(n, mul(f, g)), mul(f, total(n, g)))], facts=Facts(), seconds=1, nodes=2000).reached == [False]


def test_minus_infinity_fills_no_real_hole() -> None:
    masked = where(lt(x, y), z, NINF)
    result = saturate([(sub(masked, masked), ZERO)], facts=Facts(), seconds=1, nodes=2000)
    assert result.reached == [False]


def test_an_unsound_law_trips_the_wire() -> None:
    @law(family="user")
    def wrong(k: AnyAxis, x: Real):
        """Nonsense: a sum is its body."""
        return total(k, x), x

    with pytest.raises(Unsound):
        saturate([(total(m, ONE), x), (total(m, const(2)), ZERO), (total(m, index(m)), x), (total(m, ONE), total(m, const(2)))],
                 facts=Facts(), laws=[wrong, find_law("sum_scale")], seconds=5)  # fmt: skip


# --- encoding and extraction -----------------------------------------------------------------------------------------


def test_a_term_comes_back_from_its_shape() -> None:
    encoding = Encoding(lambda term, tag: (tag, tag))
    for left, right in EQUAL.values():
        for term in (left, right):
            assert encoding.terms[encoding.tag(term)] is term
            if term.args:
                axes = tuple(a for a in term.attrs if isinstance(a, Axis))
                assert encoding.shape(term).fill(axes, term.args) is term


def test_encoding_ten_thousand_nodes_takes_a_moment() -> None:
    big = ZERO
    for i in range(5000):
        big = add(mul(big, const(i)), x)
    start = time.perf_counter()
    saturate([(big, x)], facts=Facts(), seconds=0.0)
    assert time.perf_counter() - start < 4


def test_extraction_counts_shared_nodes_once() -> None:
    shared = exp(add(x, y))
    result = saturate([(mul(shared, shared), ZERO)], facts=Facts(), seconds=2, laws=[find_law("exp_sum")])
    assert result.reached == [False]

    def cost(t: Term) -> float:
        return {"exp": 10.0, "mul": 1.0, "add": 1.0}.get(t.op, 0.0)

    assert price(extract(result, mul(shared, shared), cost), cost) == 12.0


def test_extraction_finds_the_cheaper_order_of_products() -> None:
    big, small = Size(1000), Size(10)
    sizes = {a: s for a, s in ((n, big), (m, small), (d, big), (e, small))}
    left, right = EQUAL["products of matrices reassociated"]
    result = saturate([(left, right)], facts=Facts(), seconds=5)

    def cost(t: Term) -> float:
        work = 1.0
        for a in t.free | ({t.attrs[1]} if t.op == "reduce" else set()):
            work *= sizes[a].constant or 1
        return work if t.op in ("mul", "reduce") else 0.0

    found = extract(result, left, cost)
    assert price(found, cost) <= min(price(left, cost), price(right, cost))
    assert explain(result.steps, left, found) is not None
    assert substitute(found, {}) is found
