"""Exact values keep to SOUNDNESS 17 to 22: what each point forbids is not accepted, and mutants of true identities aren't.

A test named after a point shows its trap.  To add here: a pair that deceived exact values, or could have.
Never here: tests of one module (`test_exact.py`, `test_exact_array.py`).
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest

from commute.theory.axes import axis
from commute.theory.ops import (
    PRIMITIVES,
    add,
    composite,
    div,
    eq,
    exp,
    floordiv,
    indicator,
    land,
    le,
    lnot,
    log,
    lor,
    lt,
    maximum,
    mean,
    minimum,
    mod,
    mul,
    neg,
    recip,
    sqrt,
    sub,
    total,
    unary,
    where,
)
from commute.theory.terms import INT, NINF, ONE, ZERO, Term, const, fold_over, index, read, reduce, size_value, state
from commute.verify.ball import balls, confirm_difference
from commute.verify.draws import draw_inputs
from commute.verify.engine import SERVES, Engine
from commute.verify.exact import check_exact
from commute.verify.exact_draws import entropy, rows
from commute.verify.inputs import InputSpec
from commute.verify.mutants import mutants
from commute.verify.primes import random_towers
from tests.test_exact import CAUSAL, MASK, SCORES, TRUE, B, D, K, M, N, c, check, clamp, relu, softmax, specs_of, w, whole, x, y

a, v, z = whole("a", N), whole("v", M, D), whole("z", N)
SEVERAL = [{"b": 2, "n": 3, "d": 2, "k": 2}, {"b": 1, "n": 5, "d": 3, "k": 4}, {"b": 1, "n": 1, "d": 1, "k": 1}]

# --- 17: branches ----------------------------------------------------------------------------------------------------

ONE_SIDED = {
    "relu6 = relu": (clamp(x, "0", "6"), relu(x)),
    "relu6 = relu, far out": (clamp(x, "0", "4000"), relu(x)),
    "two clamps": (clamp(x, "-1", "3"), clamp(x, "-1", "4")),
    "> = >=": (where(lt(ZERO, x), ONE, ZERO), where(le(ZERO, x), ONE, ZERO)),
    "> = >= between two": (indicator(lt(y, x)), indicator(le(y, x))),
    "softplus with a threshold": (where(lt(const(20), x), x, log(add(ONE, exp(x)))), log(add(ONE, exp(x)))),
    "relu of a sum": (add(relu(x), relu(y)), relu(add(x, y))),
    "the last of ties": (where(le(y, x), ONE, ZERO), where(lt(y, x), ONE, ZERO)),
    "within a window of indices": (whole("s", N, M), where(le(index(M), add(index(N), const(7))), whole("s", N, M), ZERO)),
}


@pytest.mark.parametrize("name", ONE_SIDED)
def test_point_17_a_branch_counts_only_if_it_went_each_way(name: str) -> None:
    left, right = ONE_SIDED[name]
    for reference, candidate in ((left, right), (right, left)):
        assert check(reference, candidate).kind != "equal"


def test_point_17_integers_and_masks_that_decide() -> None:
    row = read("ids", [index(N)], [N.size], INT, K.size)
    specs = [InputSpec("ids", (N.size,), "int", K.size, "int64"), *specs_of(x)]
    for wrong in (where(eq(row, ZERO), x, ZERO), mul(row, x), where(lt(row, const(2)), x, ZERO)):
        assert check_exact([x], [wrong], [[N]], ["n", "k"], specs, [{"n": 3, "k": 4}]).kind != "equal"
    masked = where(MASK, whole("s", N, M), ZERO)
    assert check(masked, whole("s", N, M)).kind != "equal"
    assert check(where(land(MASK, lnot(MASK)), ONE, masked), masked).kind != "equal"  # a branch that nothing takes


# --- 18: ties --------------------------------------------------------------------------------------------------------


def test_point_18_a_tie_is_found_where_floats_see_a_difference() -> None:
    third = c("1/3")
    left, right = add(add(mul(x, third), mul(x, third)), mul(x, third)), x
    assert check(indicator(eq(left, right)), ONE).reason.startswith("branch never taken")
    assert check(where(lt(left, right), y, where(lt(right, left), y, x)), x).kind != "equal"
    both = [lt(left, right), lt(right, left)]
    engine = Engine(both, {"n": 400}, {"x": np.random.default_rng(1).normal(size=(4, 400))}, 4, 4, 1)
    engine.run(both)
    assert not any(engine.truth(t).any() for t in both) and not engine.space.spoiled.any()


def test_point_18_nearly_a_tie_is_none() -> None:
    tiny = c("1/1000000000000000000000000000000")
    left, right = add(x, tiny), x
    engine = Engine([lt(right, left)], {"n": 9}, {"x": np.random.default_rng(1).normal(size=(4, 9))}, 4, 4, 1)
    engine.run([lt(right, left)])
    assert engine.truth(lt(right, left)).all() and not engine.space.spoiled.any()


# --- 19: towers ------------------------------------------------------------------------------------------------------


def test_point_19_exps_nest_and_the_scale_inside_counts() -> None:
    inner = softmax(mul(SCORES, recip(sqrt(const(80)))), M)
    twice = softmax(mul(c("1/10"), inner), M)
    e = exp(sub(mul(c("1/10"), inner), reduce("max", M, mul(c("1/10"), inner))))
    assert check(twice, div(e, total(M, e))).kind == "equal"
    assert check(twice, softmax(mul(c("1/11"), inner), M)).kind != "equal"
    assert check(twice, softmax(mul(c("1/10"), softmax(mul(SCORES, recip(sqrt(const(81)))), M)), M)).kind != "equal"


def test_point_19_gelu_is_not_silu_times_exp() -> None:
    for gelu in ("gelu", "gelu_tanh"):
        assert check(composite(gelu, x), mul(composite("silu", x), exp(x))).kind != "equal"


@pytest.mark.parametrize("p", [3, Fraction(5, 2), Fraction(1, 2)])
def test_point_19_a_power_of_a_product_over_negatives(p: int | Fraction) -> None:
    def power(t: Term) -> Term:
        return exp(mul(const(p), log(t)))

    assert check(power(mul(x, y)), mul(power(x), power(y))).kind != "equal"


def test_point_19_every_tower_has_the_roots_and_is_drawn_anew() -> None:
    first, second = (random_towers(2, (2, 3, 5), False, 4, seed) for seed in (1, 2))
    assert len({t.primes[0] for t in [*first, *second]}) == 8
    for each in [*first, *second]:
        assert all(roots[s] ** 2 % p == s for p, roots in zip(each.primes, each.roots, strict=True) for s in (2, 3, 5))


# --- 20: what no field serves ----------------------------------------------------------------------------------------


def test_point_20_balls_claim_no_probability_and_stand_ins_no_inequality() -> None:
    result = check(unary("sin", add(x, y)), add(mul(unary("sin", x), unary("cos", y)), mul(unary("cos", x), unary("sin", y))))
    assert result.kind == "equal" and result.bound is None and "2^-300" in result.claim
    nearly = check(unary("erf", x), unary("erf", mul(x, c("1000000000000001/1000000000000000"))))
    assert nearly.kind == "unequal"
    same_value = check(sqrt(mul(x, x)), composite("abs", x))
    assert same_value.kind == "equal" and same_value.bound is None


# --- 21: the bound ---------------------------------------------------------------------------------------------------


def test_point_21_a_bound_counts_degrees_and_what_inputs_are_drawn_from() -> None:
    high = x
    for _ in range(50):
        high = mul(high, high)
    assert "bound is too weak" in check(high, mul(high, ONE)).reason
    free = entropy([x], specs_of(x), {"n": 2}, None)
    narrow = entropy([x], specs_of(x), {"n": 2}, {"x": (1e9, 1e9 + 1)})
    assert free[0] >= 45 and narrow[0] < 30


def test_point_21_random_rows_are_as_random_within_a_range() -> None:
    """Values moved into a range were once rounded to 16 bits, which the bound didn't know."""
    for assume in ({"x": (0, 1)}, {"x": (-3, 2)}, {"x": "positive"}):
        drawn = [row["x"] for random, row in rows([x], specs_of(x), {"n": 64}, assume, 0) if random]
        assert np.mean([np.mean(np.ldexp(v, 30) % 1 != 0) for v in drawn]) > 0.9, assume


def test_point_21_integers_are_drawn_widely_where_they_are_numbers() -> None:
    k = read("k", [index(N)], [N.size], INT)
    zero_on_small: Term = ONE
    for i in range(-4, 6):
        zero_on_small = mul(zero_on_small, add(k, const(i)))
    specs = [InputSpec("k", (N.size,), "int", None, "int64"), *specs_of(x)]
    result = check_exact([x], [add(x, mul(zero_on_small, x))], [[N]], ["n"], specs, [{"n": 3}])
    assert result.kind != "equal"


def test_point_21_a_denominator_that_vanishes_modulo_a_prime_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """One prime is 1000003, and the denominator is that number: the draw is tried with another prime."""
    from commute.verify import ground
    from commute.verify.primes import Tower

    real, asked = ground.random_towers, []

    def towers(depth: int, square: tuple[int, ...], log2: bool, count: int, seed: int) -> list[Tower]:
        asked.append(seed)
        found = list(real(depth, square, log2, count, seed))
        return [Tower([1000003], [], [1]), *found[1:]] if len(asked) == 1 else found

    monkeypatch.setattr(ground, "random_towers", towers)
    result = check(mul(x, recip(const(1000003))), mul(recip(mul(const(1000003), ONE)), x))
    assert result.kind == "equal" and len(set(asked)) > 1


def test_point_21_undefined_everywhere_is_no_agreement() -> None:
    zero = sub(x, x)
    assert check(recip(zero), x).kind != "equal"
    assert check(where(lt(index(N), size_value(N.size)), x, recip(zero)), x).kind == "equal"


# --- 22: the same at any size ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("equal", "scale"), [(True, "1"), (False, "1000001/1000000")])
def test_point_22_sums_of_products_are_not_multiplied_out(equal: bool, scale: str) -> None:
    b, n, m, d = axis("b"), axis("n"), axis("n", 1), axis("d")
    sizes = {"b": 2, "n": 37, "d": 16}
    q, k, values = whole("q", b, n, d), whole("k", b, m, d), whole("u", b, m, d)
    scores = total(d, mul(q, k))
    masked = where(le(index(m), index(n)), mul(c(scale), scores), NINF)
    e = exp(sub(masked, reduce("max", m, masked)))
    reference = total(m, mul(composite("softmax", where(le(index(m), index(n)), scores, NINF), axes=(m,)), values))
    candidate = div(total(m, mul(e, values)), total(m, e))
    result = check_exact([reference], [candidate], [[b, n, d]], list(sizes), specs_of(reference), [sizes], budget_seconds=60)
    assert (result.kind == "equal") is equal, result.reason


@pytest.mark.parametrize("sizes", [{"n": 10**6, "d": 1000}, {"n": 2000, "d": 1000}, {"n": 10**5, "d": 1}])
def test_point_22_what_is_too_large_is_undecided_at_once(sizes: dict[str, int]) -> None:
    q, p = whole("q", N, D), whole("p", D, M)
    product = total(D, mul(q, p))
    rows_of = [[N, M]], ["n", "d"], specs_of(product), [sizes]
    result = check_exact([product], [mul(product, ONE)], *rows_of, budget_seconds=60)
    assert result.kind == "undecided" and ("elements" in result.reason or "steps" in result.reason)


# --- identities and their mutants ------------------------------------------------------------------------------------


def scan(init: Sequence[Term], steps: Sequence[Term], part: int = 0) -> Term:
    return fold_over(N, tuple("pqr"[: len(init)]), list(init), list(steps), part)


P, Q, R = (state(s) for s in "pqr")
LATER = index(axis("n", 2))
WELFORD = scan([ZERO, ZERO, ZERO], [add(P, ONE), add(Q, div(sub(x, Q), add(P, ONE))),
                                    add(R, mul(sub(x, Q), sub(x, add(Q, div(sub(x, Q), add(P, ONE))))))], 2)  # fmt: skip
TOP = maximum(P, x)
ONLINE = [
    TOP,
    add(mul(Q, exp(sub(P, TOP))), exp(sub(x, TOP))),
    add(mul(R, exp(sub(P, TOP))), mul(y, exp(sub(x, TOP)))),
]

MORE_TRUE = {
    "sum by a scan": (total(N, mul(x, y)), scan([ZERO], [add(P, mul(x, y))])),
    "maximum by a scan": (reduce("max", N, x), scan([NINF], [maximum(P, x)])),
    "least by a scan": (reduce("min", N, x), neg(scan([NINF], [maximum(P, neg(x))]))),
    "product by a scan": (reduce("prod", N, x), scan([ONE], [mul(x, P)])),
    "variance by Welford's scan": (total(N, mul(sub(x, mean(N, x)), sub(x, mean(N, x)))), WELFORD),
    "softmax's sum by a scan": (
        div(total(N, mul(exp(x), y)), total(N, exp(x))),
        div(scan([NINF, ZERO, ZERO], ONLINE, 2), scan([NINF, ZERO, ZERO], ONLINE, 1)),
    ),
    "a recurrence by products": (
        scan([ZERO], [add(mul(where(eq(index(N), ZERO), ONE, read("a", [index(N)], [N.size])), P), x)]),
        total(N, mul(x, reduce("prod", axis("n", 2), where(lt(index(N), LATER), read("a", [LATER], [N.size]), ONE)))),
    ),
    "max distributes over a sum": (maximum(add(x, z), add(y, z)), add(maximum(x, y), z)),
    "the greater and the less": (add(maximum(x, y), minimum(x, y)), add(x, y)),
    "clamp by relu": (clamp(x, "0", "1"), sub(relu(x), relu(sub(x, ONE)))),
    "a mask split": (
        total(M, whole("s", N, M)),
        add(total(M, where(CAUSAL, whole("s", N, M), ZERO)), total(M, where(CAUSAL, ZERO, whole("s", N, M)))),
    ),
    "de Morgan": (
        where(land(MASK, CAUSAL), whole("s", N, M), ZERO),
        where(lor(lnot(MASK), lnot(CAUSAL)), ZERO, whole("s", N, M)),
    ),
    "halves of an index": (index(K), add(mul(const(2), floordiv(index(K), const(2))), mod(index(K), const(2)))),
    "leaky relu": (where(lt(ZERO, x), x, mul(c("1/100"), x)), maximum(x, mul(c("1/100"), x))),
    "sigmoid of a difference": (composite("sigmoid", sub(x, y)), div(exp(x), add(exp(x), exp(y)))),
}  # fmt: skip


@pytest.mark.parametrize("name", MORE_TRUE)
def test_more_true_identities_are_accepted(name: str) -> None:
    reference, candidate = MORE_TRUE[name]
    order = sorted(reference.free | candidate.free, key=lambda k: k.key)
    specs = specs_of(reference, candidate)
    result = check_exact([reference], [candidate], [order], "bndk", specs, [{**s, "n": 2 + s["n"]} for s in SEVERAL])
    assert result.kind == "equal" and result.bound is not None, result.reason


MUTATED = [
    "attention, causal", "online softmax of two blocks", "layer norm two ways", "logsumexp by a scan", "sigmoid by tanh",
    "renormalised after the mask", "max of two", "sum by a scan", "variance by Welford's scan", "clamp by relu", "de Morgan",
    "leaky relu",
]  # fmt: skip


@pytest.mark.parametrize("name", MUTATED)
def test_mutants_are_accepted_only_where_no_digit_differs(name: str) -> None:
    reference, candidate = {**TRUE, **MORE_TRUE}[name]
    order = sorted(reference.free, key=lambda k: k.key)
    specs, tried = specs_of(reference, candidate), 0
    for mutant in islice(mutants([candidate], 5), 6):
        changed = mutant.terms[0]
        if not changed.free <= reference.free:
            continue
        tried += 1
        result = check_exact([reference], [changed], [order], "bndk", [*specs, *specs_of(changed)], SEVERAL[:2])
        if result.kind == "equal":
            for sizes in SEVERAL:
                for seed in range(3):
                    inputs = draw_inputs(specs, sizes, "normal", np.random.default_rng(seed))
                    assert confirm_difference(reference, changed, sizes, inputs) is not True, mutant.what
    assert tried >= 2


# --- every primitive -------------------------------------------------------------------------------------------------

INTEGERS = read("i", [index(N)], [N.size], INT), read("j", [index(N)], [N.size], INT)
WHOLE = {"floordiv", "mod"}
TRUTHS = {"and", "or", "not"}


def instance(op: str, arity: int) -> Term:
    """A primitive over inputs, as a number."""
    if op in WHOLE:
        return Term(op, INTEGERS)
    if op in TRUTHS:
        return indicator(Term(op, (lt(x, y), le(z, a))[:arity]))
    if op in ("lt", "le", "eq"):
        return indicator(Term(op, (x, y)))
    return Term(op, (lt(x, y), x, z)) if op == "where" else Term(op, (x, y)[:arity])


def test_every_primitive_is_served_by_something_named() -> None:
    assert set(SERVES) >= set(PRIMITIVES) | {"const", "named", "ninf", "size", "axis", "input", "reduce", "true", "false"}
    result = check(Term("besselj", (x,)), Term("besselj", (x,)))
    assert result.kind == "undecided" and "besselj" in result.reason


@pytest.mark.parametrize("op", PRIMITIVES)
def test_every_primitive_has_the_value_that_many_digits_give(op: str) -> None:
    term = instance(op, PRIMITIVES[op].arity)
    rng = np.random.default_rng(3)
    inputs = {n: rng.integers(-3, 4, size=(5, 12)) / 2 for n in ("x", "y", "z", "a")}
    inputs |= {n: rng.integers(-3, 4, size=(5, 12)) for n in ("i", "j")}
    engine = Engine([term], {"n": 12}, inputs, 5, 5, 1)
    engine.run([term])
    value = engine.real(engine.values[term])
    for row in range(5):
        digits = balls([term], {"n": 12}, {n: v[row] for n, v in inputs.items()}, [N])[0]
        shadows = zip(digits, value.value[row], value.error[row], strict=True)
        assert all(abs(float(d.mid()) - near) <= error + 1e-15 for d, near, error in shadows)
    assert not engine.space.spoiled.any() and value.at(0).shape == (5, 12)


def test_reads_out_of_range_are_zero_and_infinity_stays_below() -> None:
    shifted = read("x", [add(index(N), const(-1))], [N.size])
    assert check(shifted, where(lt(ZERO, index(N)), shifted, ZERO)).kind == "equal"
    assert check(shifted, x).kind != "equal"
    low = where(CAUSAL, SCORES, NINF)
    assert check(reduce("max", M, low), reduce("max", M, where(CAUSAL, SCORES, SCORES))).kind != "equal"
    assert check(exp(add(low, whole("s", N, M))), where(CAUSAL, exp(add(SCORES, whole("s", N, M))), ZERO)).kind == "equal"
    assert check(w, w).kind == "equal" and B.size != N.size
