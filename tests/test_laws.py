"""The table of laws: each is proved or an axiom, its wrong neighbour is refuted, and what must not be proved isn't.

What may be added here: a row in `FALSE_LAWS`, a way in which the prover could be fooled. What never belongs here: a law
by name, unless it shows one point of soundness.
"""

import json
import os
import random
from dataclasses import replace
from fractions import Fraction

import flint
import pytest
import z3

from commute.theory.axes import axis
from commute.theory.facts import Facts
from commute.theory.law import AnyAxis, BadInstance, Extended, Integer, Law, Real, Sides, Truth, all_laws, find_law, law
from commute.theory.ops import (
    add,
    exp,
    floordiv,
    indicator,
    log,
    lt,
    maximum,
    mean,
    mul,
    recip,
    sqrt,
    sub,
    total,
    where,
)
from commute.theory.terms import NINF, ONE, ZERO, const, index, read, reduce, size_value
from commute.verify.induction import closed
from commute.verify.lawbook import (
    AXIOM,
    AXIOM_LIMIT,
    BOOK,
    BadOrder,
    LawResult,
    book,
    check_laws,
    in_order,
    missing,
    proved,
    read_book,
    write_book,
)
from commute.verify.sample import BITS, Undecided, counterexample, differ, samples
from commute.verify.smt import prove_law

TABLE = {made.name: made for made in all_laws()}


@pytest.fixture(scope="module")
def results() -> list[LawResult]:
    return check_laws()


def test_every_law_is_proved_or_an_axiom(results: list[LawResult]) -> None:
    assert not [str(r) for r in results if not r.ok]
    assert len(results) == len(TABLE)
    assert sum(r.seconds for r in results) < 60


def test_the_axioms_are_few(results: list[LawResult]) -> None:
    assert sum(r.standing == AXIOM for r in results) <= AXIOM_LIMIT


def test_each_proof_names_the_axioms_that_it_rests_on(results: list[LawResult]) -> None:
    by_name = {r.law.name: r for r in results}
    assert by_name["add_commutes"].axioms == ()
    assert by_name["exp_sum"].axioms == ("exp_sum",)
    assert by_name["log_quotient"].axioms == ("exp_of_log", "exp_sum", "exp_zero", "log_of_exp")


def test_every_law_says_what_it_means_and_names_a_wrong_neighbour() -> None:
    assert not [made.name for made in TABLE.values() if not made.doc.endswith(".") or "\n" in made.doc]
    assert not [made.name for made in TABLE.values() if made.near is None]


@pytest.mark.parametrize("family", sorted({made.family for made in TABLE.values()}))
def test_wrong_neighbours_are_refuted_by_values_and_never_proved(family: str) -> None:
    for made in TABLE.values():
        if made.family == family and made.near is not None:
            assert counterexample(made, closed(*made.near), 40) is not None, made.name
            wrong = replace(made, lhs=made.near[0], rhs=made.near[1], near=None)
            assert not prove_law(wrong, TABLE, timeout=0.2).proved, made.name


def test_the_axioms_hold_on_samples() -> None:
    for made in (made for made in TABLE.values() if made.axiom):
        sides, decided = closed(made.lhs, made.rhs), 0
        with flint.ctx.workprec(BITS):
            for sample in samples(made, 200, seed=7):
                try:
                    assert not differ(sample.of(sides[0]), sample.of(sides[1])), made.name
                    decided += 1
                except Undecided:
                    continue
        assert decided > 150, made.name


def test_the_golden_book_is_up_to_date(results: list[LawResult]) -> None:
    if os.environ.get("COMMUTE_GOLDEN") == "write":
        write_book(results)
    assert missing() == [], "commute laws --check --write"
    assert json.loads(BOOK.read_text()) == book(results, read_book())
    assert all(proved(made.digest) for made in TABLE.values())
    assert not proved("0" * 24)


# --- what must not be proved -----------------------------------------------------------------------------------------


def declared(function, **options) -> Law:
    """A law of the test's own, that joins no family."""
    return law(family="test", **options)(function)


def root_of_square(x: Real) -> Sides:
    return sqrt(mul(x, x)), x


def cancels(x: Real) -> Sides:
    return mul(x, recip(x)), ONE


def sum_of_products(k: AnyAxis, x: Real, y: Real) -> Sides:
    return total(k, mul(x, y)), mul(total(k, x), total(k, y))


def sum_of_constant(k: AnyAxis, c: Real) -> Sides:
    return total(k, c), c


def shift_of_sum(k: AnyAxis, c: Real, x: Real) -> Sides:
    return total(k, add(x, c)), add(total(k, x), c)


def wrong_only_past_one(k: AnyAxis, x: Real) -> Sides:
    return total(k, x), mul(size_value(k.size), reduce("max", k, x))


def wrong_only_at_one(k: AnyAxis, x: Real) -> Sides:
    return mul(sub(size_value(k.size), ONE), total(k, x)), mul(size_value(k.size), total(k, x))


def scale_by_any(k: AnyAxis, c: Real, x: Real) -> Sides:
    return reduce("max", k, mul(c, x)), mul(c, reduce("max", k, x))


def exp_of_sum_wrong(x: Real, y: Real) -> Sides:
    return exp(add(x, y)), add(exp(x), exp(y))


def masked_is_lost(c: Truth, x: Extended) -> Sides:
    return maximum(where(c, x, NINF), ZERO), maximum(x, ZERO)


def low_is_zero(x: Extended) -> Sides:
    return maximum(x, add(x, NINF)), add(x, x)


def halves(a: Integer) -> Sides:
    return mul(const(2), floordiv(a, const(2))), a


def mean_of_max(k: AnyAxis, x: Real) -> Sides:
    return mean(k, x), reduce("max", k, x)


def strict_is_weak(x: Real, y: Real) -> Sides:
    return indicator(lt(x, y)), sub(ONE, indicator(lt(y, x)))


def log_of_product_anywhere(x: Real, y: Real) -> Sides:
    return log(mul(x, y)), add(log(x), log(y))


EXPONENTS = ("exp_sum", "exp_zero", "exp_of_log", "log_of_exp", "exp_max")
FALSE_LAWS = [
    declared(root_of_square), declared(cancels), declared(sum_of_products), declared(sum_of_constant), declared(shift_of_sum),
    declared(wrong_only_past_one), declared(wrong_only_at_one), declared(scale_by_any), declared(masked_is_lost),
    declared(low_is_zero), declared(halves), declared(mean_of_max), declared(strict_is_weak),
    declared(exp_of_sum_wrong, uses=EXPONENTS), declared(log_of_product_anywhere, uses=EXPONENTS),
    declared(scale_by_any, where=("x nonnegative",)), declared(root_of_square, where=("x nonzero",)),
]  # fmt: skip


@pytest.mark.parametrize("wrong", FALSE_LAWS, ids=lambda made: made.name)
def test_a_false_law_is_not_proved(wrong: Law) -> None:
    assert not prove_law(wrong, TABLE, timeout=1.0).proved
    assert counterexample(wrong, closed(wrong.lhs, wrong.rhs), 80) is not None


def test_a_lemma_serves_only_where_it_is_named() -> None:
    for name in ("exp_neg", "sum_swap", "log_product", "shares_sum_to_one", "squares_about_mean", "exp_of_masked"):
        assert prove_law(TABLE[name], TABLE).proved
        assert not prove_law(replace(TABLE[name], uses=()), TABLE, timeout=1.0).proved, name


def test_a_condition_is_assumed_only_where_it_is_stated() -> None:
    for made in TABLE.values():
        if made.where and not made.axiom:
            assert not prove_law(replace(made, where=()), TABLE, timeout=0.2).proved or _holds_without(made), made.name


def _holds_without(made: Law) -> bool:
    """Whether samples, too, find nothing wrong with the law without its conditions."""
    return counterexample(replace(made, where=()), closed(made.lhs, made.rhs), 300) is None


@pytest.mark.parametrize("answer", [z3.unknown, z3.sat])
def test_a_timeout_is_no_proof(answer: z3.CheckSatResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(z3.Solver, "check", lambda self: answer)
    outcome = prove_law(TABLE["add_commutes"], TABLE)
    assert not outcome.proved
    assert outcome.reason


def test_lemmas_that_prove_each_other_are_refused() -> None:
    first = replace(TABLE["add_zero"], uses=("mul_one",))
    second = replace(TABLE["mul_one"], uses=("add_zero",))
    with pytest.raises(BadOrder, match="circle"):
        in_order({"add_zero": first, "mul_one": second})
    with pytest.raises(BadOrder, match="no law"):
        in_order({"add_zero": replace(first, uses=("nothing",))})


def test_what_rests_on_an_unproved_lemma_is_unproved() -> None:
    wrong = replace(declared(sum_of_constant), name="wrong", near=(ZERO, ONE))
    leaning = replace(TABLE["add_zero"], uses=("wrong",))
    outcome = {r.law.name: r for r in check_laws([wrong, leaning])}
    assert not outcome["wrong"].ok and "false" in outcome["wrong"].reason
    assert not outcome["add_zero"].ok and "lemma" in outcome["add_zero"].reason


# --- points of soundness ---------------------------------------------------------------------------------------------


def test_soundness_2_axes_of_an_instance_are_distinct_and_nothing_is_captured() -> None:
    n, m = axis("n"), axis("m")
    a = read("a", [index(n), index(m)], [n.size, m.size])
    j, k = TABLE["sum_swap"].axes
    with pytest.raises(BadInstance, match="the same"):
        TABLE["sum_swap"].instance({"x": a}, {j: n, k: n}, Facts())
    assert TABLE["sum_swap"].instance({"x": a}, {j: n, k: m}, Facts())[1] is total(m, total(n, a))
    scale = TABLE["sum_scale"]
    with pytest.raises(BadInstance, match="may not depend"):
        scale.instance({"c": a, "x": a}, {scale.axes[0]: n}, Facts())
    other = read("b", [index(m)], [m.size])
    assert scale.instance({"c": other, "x": a}, {scale.axes[0]: n}, Facts())[0] is total(n, mul(other, a))


def test_soundness_2_sizes_follow_their_axes() -> None:
    n = axis("n")
    a, c = read("a", [index(n)], [n.size]), read("c", [], [])
    shift = TABLE["sum_shift"]
    _, rhs = shift.instance({"c": c, "x": a}, {shift.axes[0]: n}, Facts())
    assert rhs is sub(total(n, a), mul(size_value(n.size), c))


def test_soundness_4_laws_hold_where_operators_are_not_defined() -> None:
    """Every law holds at 0, at negative numbers and at ties, where 1/x, log and roots are 0 by convention."""
    edge = tuple(Fraction(v) for v in (0, 0, -1, 1))
    for made in TABLE.values():
        sides = closed(made.lhs, made.rhs)
        with flint.ctx.workprec(BITS):
            for sample in samples(made, 25, seed=3, numbers=edge):
                try:
                    assert not differ(sample.of(sides[0]), sample.of(sides[1])), made.name
                except Undecided:
                    continue


def test_soundness_4_a_reciprocal_cancels_only_where_it_is_defined() -> None:
    assert TABLE["recip_cancels"].where == (("nonzero", "x"),)
    assert not prove_law(replace(TABLE["recip_cancels"], where=()), TABLE).proved


def test_soundness_5_minus_infinity_is_kept_out_of_real_holes() -> None:
    with pytest.raises(BadInstance, match="not real"):
        TABLE["add_zero"].instance({"x": NINF}, {}, Facts())
    assert TABLE["max_unit"].instance({"x": NINF}, {}, Facts()) == (maximum(NINF, NINF), NINF)
    masked = where(lt(read("a", [], []), ZERO), ONE, NINF)
    with pytest.raises(BadInstance):
        TABLE["mul_one"].instance({"x": masked}, {}, Facts())
    masked_exp = TABLE["exp_of_masked"].instance({"c": masked.args[0], "x": masked}, {}, Facts())[0]
    assert masked_exp is exp(where(masked.args[0], masked, NINF))


def test_soundness_5_a_law_of_reals_is_not_one_of_extended_numbers() -> None:
    def finite(x: Extended) -> Sides:
        return exp(add(x, ONE)), mul(exp(add(x, const(2))), exp(const(-1)))

    def positive(x: Extended) -> Sides:
        return indicator(lt(ZERO, exp(x))), ONE

    assert not prove_law(declared(positive, uses=("exp_sum", "exp_zero", "exp_minus_infinity")), TABLE, 1.0).proved
    assert prove_law(declared(finite, uses=("exp_sum", "exp_zero", "exp_minus_infinity")), TABLE).proved


def test_soundness_10_a_law_is_its_digest() -> None:
    made = TABLE["max_scale"]
    changed = [
        replace(made, rhs=made.lhs), replace(made, lhs=made.rhs), replace(made, where=()), replace(made, axiom="because"),
        replace(made, where=(("positive", "c"),)), replace(made, uses=("add_zero",)),
    ]  # fmt: skip
    assert len({made.digest, *(c.digest for c in changed)}) == 7
    assert not any(proved(c.digest) for c in changed)
    assert find_law("max_scale").digest == made.digest and proved(made.digest)


def test_soundness_10_sorts_of_holes_are_in_the_digest() -> None:
    def same(x: Real) -> Sides:
        return maximum(x, x), x

    assert declared(same).digest != TABLE["max_idempotent"].digest


def test_samples_draw_the_same_values_in_every_run() -> None:
    drawn = []
    for _ in range(2):
        sample = next(samples(TABLE["add_commutes"], 1))
        sides = closed(TABLE["add_commutes"].lhs, TABLE["add_commutes"].rhs)
        drawn.append((sample.of(sides[0]), random.Random(0).random()))
    assert drawn[0] == drawn[1]
