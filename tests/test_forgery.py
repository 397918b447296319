"""Forged certificates: made up to prove what is false, or to keep the checker busy for ever.  Each is rejected, and soon.

To add here: a trick against the checker, with what it would have proved.  Never here: real proofs (test_certificate.py).
"""

import json
from time import process_time
from typing import Any

import pytest

from commute.proof import deep_recursion
from commute.theory.axes import Axis, Size, axis
from commute.theory.codec import Malformed, decode, decode_size, encode_size
from commute.theory.facts import Facts
from commute.theory.law import find_law
from commute.theory.ops import add, composite, eq, exp, indicator, land, le, lnot, lt, maximum, mul, recip, total, where
from commute.theory.polynomial import TooLarge, poly_of
from commute.theory.step import Step, law_step
from commute.theory.terms import FALSE, INT, NINF, ONE, TRUE, ZERO, Term, const, index, read, reduce, state
from commute.verify.certificate import EVERYWHERE, Case, Checked, check, check_text, digest, write

N, K, M = axis("n"), axis("k"), axis("n", 1)
X = read("x", [index(N)], [N.size])
Y = read("y", [index(N)], [N.size])
V = read("v", [index(K)], [K.size])


def computed(name: str, left: Term, right: Term) -> Step:
    return Step(name, left, right)


def tried(goal: tuple[Term, Term], *steps: Step, given: dict[str, int] | None = None, **claim: Any) -> Checked:
    """What the checker says of these steps, as a file."""
    start = process_time()
    text = json.dumps(write(claim, given or {}, EVERYWHERE, [Case("", [goal], list(steps))]))
    checked = check_text(text)
    assert process_time() - start < 5
    return checked


def refused(goal: tuple[Term, Term], *steps: Step, given: dict[str, int] | None = None, **claim: Any) -> str:
    """The reason why they are rejected."""
    checked = tried(goal, *steps, given=given, **claim)
    assert not checked.ok
    return checked.reason


def anything_from(truth: Term) -> list[Step]:
    """From a comparison that comes out both true and false: x = y."""
    return [
        computed("index", truth, TRUE),
        computed("index", lnot(truth), TRUE),
        computed("index", lnot(TRUE), FALSE),
        computed("index", where(TRUE, X, Y), X),
        computed("index", where(FALSE, X, Y), Y),
    ]


# --- nothing follows from what isn't there ---------------------------------------------------------------------------


@pytest.mark.parametrize("size", [Size(0), Size(-3), N.size - 1, N.size - K.size, N.size * 0])
def test_an_empty_range_proves_nothing(size: Size) -> None:
    chosen = read("i", [index(N)], [N.size], INT, size)
    assert "may be empty" in refused((X, Y), *anything_from(lt(chosen, ZERO)))
    assert "may be empty" in refused((X, Y), *anything_from(lt(index(Axis(size)), ZERO)))


def test_an_axis_of_at_least_one_is_fine() -> None:
    one = Axis(Size(1))
    assert tried((total(one, X), X), computed("unroll", total(one, X), X)).ok


def test_an_input_is_one_array() -> None:
    narrow, wide = read("i", [], [], INT, Size(2)), read("i", [], [], INT, Size(3))
    assert "two shapes" in refused((mul(narrow, X), mul(narrow, X)), computed("index", lt(wide, const(3)), TRUE))
    other = read("x", [index(K)], [K.size])
    assert "two shapes" in refused((add(X, other), add(other, X)), computed("ring", add(X, other), add(other, X)))
    truth = read("x", [index(N)], [N.size], "bool")
    assert "two shapes" in refused((where(truth, X, Y), where(truth, X, Y)))


def test_no_input_is_minus_infinity() -> None:
    endless = read("x", [index(N)], [N.size], "ext")
    assert "an input" in refused((add(endless, mul(const(-1), endless)), ZERO))


def test_a_truth_value_is_no_number() -> None:
    for term in (add(TRUE, ONE), exp(TRUE), lt(TRUE, ONE), eq(TRUE, FALSE), where(TRUE, TRUE, ONE), total(N, TRUE)):
        assert "truth value" in refused((X, X), computed("index", term, term))
    for term in (land(X, TRUE), lnot(X), where(X, X, Y), Term("floordiv", (X, ONE)), Term("mod", (X, ONE))):
        assert "another sort" in refused((X, X), computed("index", term, term))
    assert "about numbers" in refused((TRUE, TRUE))


@pytest.mark.parametrize("name", ["", "n = 3 and m", "n\n", "3"])
def test_the_name_of_a_size_is_a_name(name: str) -> None:
    assert decode_size(encode_size(Size.symbol("n"))) == Size.symbol("n")
    with pytest.raises(Malformed, match="isn't an identifier"):
        decode_size(encode_size(Size.symbol(name)))


def test_parameters_of_laws_and_states_of_folds_are_no_terms() -> None:
    assert "isn't about numbers" in refused((state("s"), state("s")))
    assert "isn't a real number" in refused((X, X), computed("index", state("s", INT), state("s", INT)))
    with pytest.raises(Malformed, match="no operator"):
        decode([["hole", [], ["x", "real"]]])


# --- computed steps --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [
        ("ring", mul(X, recip(X)), ONE),
        ("ring", add(X, X), mul(const(3), X)),
        ("ring", add(NINF, mul(const(-1), NINF)), ZERO),
        ("index", mul(X, Y), mul(Y, Y)),
        ("constant", recip(ZERO), ONE),
        ("definition", composite("relu", X), X),
        ("rename", total(K, mul(V, X)), total(N, mul(read("v", [index(N)], [K.size]), X))),
        ("rename", total(N, X), total(axis("m"), read("x", [index(axis("m"))], [N.size]))),
        ("rename", total(N, mul(X, read("x", [index(M)], [N.size]))), total(M, mul(read("x", [index(M)], [N.size]), X))),
        ("sum_constant", total(K, X), X),
        ("sum_constant", total(K, V), mul(Term("size", (), ("k",)), V)),
        ("select_index", total(K, mul(indicator(eq(index(K), index(N))), V)), read("v", [index(N)], [K.size])),
        ("unroll", total(N, X), X),
        ("unroll", reduce("max", Axis(Size(2)), V), V),
    ],
)
def test_a_computed_step_is_computed_again(name: str, left: Term, right: Term) -> None:
    assert name in refused((left, right), computed(name, left, right))


# --- laws ------------------------------------------------------------------------------------------------------------


def test_a_hole_may_not_have_the_axis_of_a_sum_that_it_leaves() -> None:
    step = law_step(find_law("sum_scale"), {"c": V, "x": V}, {find_law("sum_scale").axes[0]: K})
    assert "depends on an axis" in refused((step.lhs, step.rhs), step)


def test_two_axes_of_a_law_are_two_axes() -> None:
    law = find_law("sum_swap")
    step = law_step(law, dict.fromkeys(law.holes, V), dict.fromkeys(law.axes, K))
    assert "the same" in refused((step.lhs, step.rhs), step)


def test_a_hole_for_a_real_takes_no_minus_infinity() -> None:
    hidden = where(lt(index(N), index(M)), X, NINF)
    step = law_step(find_law("add_commutes"), {"x": hidden, "y": X})
    assert "is not" in refused((step.lhs, step.rhs), step)


def test_a_condition_needs_its_witness() -> None:
    law = find_law("recip_cancels")
    for witness in (X, ONE, exp(X), add(mul(X, X), ONE)):
        step = law_step(law, {"x": X}, {}, {"x": witness})
        assert "isn't known to" in refused((mul(X, recip(X)), ONE), step)
    step = law_step(law, {"x": exp(X)})
    assert tried((step.lhs, step.rhs), step).ok


def test_a_witness_leans_on_earlier_steps_only() -> None:
    law, square = find_law("recip_cancels"), add(mul(X, X), ONE)
    other = add(ONE, mul(X, X))
    first, second = computed("ring", other, square), law_step(law, {"x": other}, {}, {"x": square})
    goal = (second.lhs, second.rhs)
    assert tried(goal, first, second).ok
    assert "isn't known to equal" in refused(goal, second, first)


def test_what_is_given_must_be_possible() -> None:
    chosen = read("i", [index(N)], [N.size], INT, K.size)
    assert "can't be" in refused((mul(chosen, X), mul(chosen, X)), given={"i": 1})
    data = write({}, {}, EVERYWHERE, [Case("", [(X, X)], [])])
    data["given"] = {"y": 4}
    assert "doesn't read" in check({**data, "digest": digest(data)}).reason


# --- where the two are defined ---------------------------------------------------------------------------------------


def test_the_candidate_is_defined_where_the_reference_is() -> None:
    twice = recip(recip(X))
    step = law_step(find_law("recip_twice"), {"x": X})
    assert tried((twice, X), step).ok
    assert "undefined" in refused((X, twice), step)


def test_a_guard_keeps_the_axis_of_its_sum() -> None:
    mask = read("m", [index(N)], [N.size], "bool")
    scale = read("c", [], [])
    here = where(mask, recip(scale), ZERO)
    everywhere = add(here, mul(ZERO, total(N, here)))
    assert "undefined" in refused((here, everywhere), computed("ring", here, everywhere))
    assert tried((everywhere, here), computed("ring", everywhere, here)).ok


def test_a_guard_is_not_about_an_inner_index_of_the_same_name() -> None:
    mask = read("m", [index(N)], [N.size], "bool")
    inside = where(mask, total(N, recip(X)), ZERO)
    other = add(inside, mul(ZERO, total(N, where(mask, recip(X), ZERO))))
    assert "undefined" in refused((inside, other), computed("ring", inside, other))


# --- what costs too much ---------------------------------------------------------------------------------------------


def towers(top: int, step: Any) -> Term:
    term = X
    for _ in range(top):
        term = step(term)
    return term


@pytest.mark.parametrize(
    "term",
    [
        towers(60, lambda t: mul(t, t)),
        towers(60, lambda t: mul(add(t, Y), add(t, ONE))),
        mul(X, towers(40, lambda t: mul(t, add(t, const(7))))),
    ],
)
def test_a_product_that_explodes_is_not_written_out(term: Term) -> None:
    assert "too large" in refused((term, X), computed("ring", term, X))


def test_a_sum_of_large_products_is_not_written_out() -> None:
    names = [read(f"a{i}", [], []) for i in range(12)]
    wide = names[0]
    for each in names[1:]:
        wide = add(wide, each)
    power = mul(mul(wide, wide), mul(wide, wide))
    bomb = power
    for number in range(300):
        bomb = add(bomb, mul(const(number + 2), power))
    with pytest.raises(TooLarge):
        poly_of(bomb)
    assert refused((bomb, X), computed("ring", bomb, X))


@pytest.mark.parametrize(
    "text", ["1e999999999", "1/0", " 1", "1.5", "1_0", "0x1", "2/4", "-0", "9" * 5000, "\u0663", "inf", "nan"]
)
def test_a_number_is_one_integer_over_another(text: str) -> None:
    with pytest.raises(Malformed):
        decode([["const", [], [text]]])


@pytest.mark.parametrize(
    "size",
    [
        [[1, [["n", 10**9]]]],
        [[1, [[f"n{i:02}", 1] for i in range(40)]]],
        [[10**40, []]],
        [[1, [["n", 1], ["n", 1]]]],
        [[1, [["n", 1], ["m", 1]]]],
        [[0, []]],
        [[1, [["n", -1]]]],
        [[True, []]],
        [[1.0, []]],
        [["1", []]],
        [[1, []], [1, []]],
    ],
)
def test_a_size_is_small_and_in_normal_form(size: Any) -> None:
    with pytest.raises(Malformed):
        decode([["axis", [], [[size, 0]]]])


def test_witnesses_inside_witnesses_have_an_end() -> None:
    term: Term = X
    for number in range(40):
        inner = axis(f"a{number}")
        term = reduce("max", inner, where(le(index(inner), ZERO), add(term, index(inner)), NINF))
    start = process_time()
    with deep_recursion():
        Facts().real(term)
        Facts().signs(term)
        tried((term, term))
    assert process_time() - start < 5


def test_selections_inside_selections_have_an_end() -> None:
    term = recip(X)
    for number in range(40):
        mask = lt(read(f"c{number}", [], []), ZERO)
        term = add(where(mask, term, ZERO), where(mask, ZERO, term))
    assert not tried((mul(ZERO, X), mul(ZERO, term))).ok


def test_a_claim_is_plain_text() -> None:
    for name in ("\x1b[2J", "a\naccepted: b", "\u202e", "\ud800"):
        assert "plain text" in refused((X, X), reference=name, candidate="g")


def test_a_maximum_of_everything_is_itself() -> None:
    """The helper accepts what is true, so that a rejection above means something."""
    assert tried((maximum(X, X), maximum(X, X)), reference="f", candidate="g").claim == "f = g, everywhere"


def test_a_tower_of_shared_sums_is_one_monomial() -> None:
    assert poly_of(towers(60, lambda t: add(mul(const(3), t), mul(t, const(5))))) == {((X, 1),): 8**60}
