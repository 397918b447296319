"""CHECKED: what exact random values accept, and what they must never accept (SOUNDNESS 13, 17 to 22)."""

import random
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from commute.theory.axes import Axis, axis
from commute.theory.ops import (
    HALF,
    add,
    composite,
    div,
    exp,
    indicator,
    le,
    log,
    lt,
    maximum,
    mean,
    minimum,
    mul,
    neg,
    recip,
    size_value,
    sqrt,
    sub,
    total,
    unary,
    where,
)
from commute.theory.terms import INT, NINF, ONE, ZERO, Term, const, fold_over, index, postorder, read, reduce, state
from commute.verify.exact import ExactResult, check_exact
from commute.verify.fields import Field
from commute.verify.inputs import Assume, InputSpec
from commute.verify.primes import is_prime, square_root, tower

B, N, M, D, K = axis("b"), axis("n"), axis("n", 1), axis("d"), axis("k")
SIZES = [{"b": 2, "n": 3, "d": 4, "k": 2}, {"b": 1, "n": 2, "d": 3, "k": 3}]
SYMBOLS = ("b", "n", "d", "k")


def whole(name: str, *axes: Axis, sort: str = "real") -> Term:
    return read(name, [index(a) for a in axes], [a.size for a in axes], sort)


x, y, w = whole("x", N), whole("y", N), whole("w", N, D)


def specs_of(*terms: Term) -> list[InputSpec]:
    reads = [t for t in postorder(*terms) if t.op == "input"]
    return list({t.attrs[0]: InputSpec(t.attrs[0], t.attrs[2], t.attrs[1], t.attrs[3]) for t in reads}.values())


def check(reference: Term, candidate: Term, assume: Assume | None = None) -> ExactResult:
    order = sorted(reference.free | candidate.free, key=lambda a: a.key)
    specs = specs_of(reference, candidate)
    return check_exact([reference], [candidate], [order], SYMBOLS, specs, SIZES, assume=assume)


def c(value: str) -> Term:
    return const(Fraction(value))


def relu(t: Term) -> Term:
    return maximum(t, ZERO)


def clamp(t: Term, low: str, high: str) -> Term:
    return minimum(maximum(t, c(low)), c(high))


def softmax(t: Term, a: Axis) -> Term:
    return composite("softmax", t, axes=(a,))


def safe_softmax(t: Term, a: Axis) -> Term:
    e = exp(sub(t, reduce("max", a, t)))
    return div(e, total(a, e))


def variance(t: Term, a: Axis) -> Term:
    centered = sub(t, mean(a, t))
    return mean(a, mul(centered, centered))


SCORES = mul(total(D, mul(whole("q", N, D), whole("p", M, D))), recip(sqrt(size_value(D.size))))
CAUSAL = le(index(M), index(N))
VALUES = whole("v", M, D)


def attention(scores: Term, soft: Callable[[Term, Axis], Term]) -> Term:
    return total(M, mul(soft(scores, M), VALUES))


def online(values: Term) -> Term:
    """Two blocks of x merged: running maximum and running sum."""
    a, b = whole("x", N), whole("y", N)
    ma, mb = reduce("max", N, a), reduce("max", N, b)
    m = maximum(ma, mb)
    la, lb = total(N, exp(sub(a, ma))), total(N, exp(sub(b, mb)))
    below = add(mul(la, exp(sub(ma, m))), mul(lb, exp(sub(mb, m))))
    top = add(mul(total(N, mul(exp(sub(a, ma)), values)), exp(sub(ma, m))), mul(total(N, exp(sub(b, mb))), exp(sub(mb, m))))
    return div(top, below)


def plain(values: Term) -> Term:
    a, b = whole("x", N), whole("y", N)
    return div(add(total(N, mul(exp(a), values)), total(N, exp(b))), add(total(N, exp(a)), total(N, exp(b))))


def scan_sum() -> Term:
    top = maximum(state("m"), x)
    rest = add(mul(state("l"), exp(sub(state("m"), top))), exp(sub(x, top)))
    m, length = (fold_over(N, ("m", "l"), [NINF, ZERO], [top, rest], part) for part in (0, 1))
    return add(log(length), m)


LOGSUM = composite("logsumexp", x, axes=(N,))
SIGMOID = composite("sigmoid", x)
TWO_X = mul(const(2), x)
MASK = whole("mask", N, M, sort="bool")

TRUE = {
    "softmax is shift invariant": (softmax(w, D), safe_softmax(w, D)),
    "attention, causal": (
        attention(where(CAUSAL, SCORES, NINF), softmax),
        attention(where(CAUSAL, SCORES, NINF), safe_softmax),
    ),
    "online softmax of two blocks": (plain(x), online(x)),
    "mask before = mask after exp": (exp(where(CAUSAL, SCORES, NINF)), where(CAUSAL, exp(SCORES), ZERO)),
    "mask by a product": (exp(where(MASK, whole("s", N, M), NINF)), mul(exp(whole("s", N, M)), indicator(MASK))),
    "sigmoid by tanh": (SIGMOID, mul(HALF, add(ONE, unary("tanh", mul(HALF, x))))),
    "tanh by exp": (unary("tanh", x), div(sub(exp(TWO_X), ONE), add(exp(TWO_X), ONE))),
    "layer norm two ways": (
        div(sub(w, mean(D, w)), sqrt(add(variance(w, D), c("1/100000")))),
        div(sub(w, mean(D, w)), sqrt(add(sub(mean(D, mul(w, w)), mul(mean(D, w), mean(D, w))), c("1/100000")))),
    ),
    "logsumexp by its maximum": (LOGSUM, add(log(total(N, exp(sub(x, reduce("max", N, x))))), reduce("max", N, x))),
    "logsumexp by a scan": (LOGSUM, scan_sum()),
    "mean of log softmax": (
        mean(N, composite("log_softmax", w, axes=(D,))),
        sub(mean(N, w), mean(N, composite("logsumexp", w, axes=(D,)))),
    ),
    "softmax by logsumexp": (softmax(w, D), exp(composite("log_softmax", w, axes=(D,)))),
    "softmax of softmax": (softmax(mul(c("1/10"), softmax(w, D)), D), safe_softmax(mul(c("1/10"), safe_softmax(w, D)), D)),
    "relu by its sign": (relu(x), where(lt(ZERO, x), x, ZERO)),
    "abs by relu": (composite("abs", x), add(relu(x), relu(neg(x)))),
    "max of two": (maximum(x, y), mul(HALF, add(add(x, y), composite("abs", sub(x, y))))),
    "roots of sizes": (mul(sqrt(const(8)), x), mul(mul(const(2), sqrt(const(2))), x)),
    "base two": (exp(mul(x, log(const(2)))), mul(HALF, exp(mul(add(x, ONE), log(const(2)))))),
    "gelu by tanh": (
        composite("gelu_tanh", x),
        mul(x, composite("sigmoid", mul(mul(const(2), sqrt(mul(const(2), recip(Term("named", (), ("pi",)))))),
                                        add(x, mul(c("44715/1000000"), mul(x, mul(x, x))))))),
    ),
    "reads": (total(K, whole("t", K)), reduce("sum", K, read("t", [index(K)], [K.size]))),
    "prod of exps": (reduce("prod", N, exp(x)), exp(total(N, x))),
    "sign times abs": (mul(where(lt(ZERO, x), ONE, where(lt(x, ZERO), neg(ONE), ZERO)), composite("abs", x)), x),
    "renormalised after the mask": (
        attention(where(CAUSAL, SCORES, NINF), softmax),
        div(
            total(M, mul(where(CAUSAL, softmax(SCORES, M), ZERO), VALUES)),
            total(M, where(CAUSAL, softmax(SCORES, M), ZERO)),
        ),
    ),
    "least of negatives": (reduce("min", N, neg(x)), neg(reduce("max", N, x))),
    "least of two sums": (minimum(add(x, y), add(x, x)), add(x, minimum(x, y))),
    "x/x where x isn't 0": (div(x, x), ONE),
}

FALSE = {
    "gelu = silu exp": (composite("gelu", x), mul(composite("silu", x), exp(x))),
    "clamps with different bounds": (clamp(x, "-1", "1"), clamp(x, "-1", "2")),
    "clamps far out": (clamp(x, "-100", "100"), clamp(x, "-100", "101")),
    "relu6 = relu": (relu(x), clamp(x, "0", "6")),
    "> = >=": (indicator(lt(x, y)), indicator(le(x, y))),
    "> = >= at a constant": (indicator(lt(x, c("3/10"))), indicator(le(x, c("3/10")))),
    "relu is linear": (add(relu(x), relu(y)), relu(add(x, y))),
    "softmax with a wrong scale": (softmax(mul(HALF, w), D), softmax(mul(c("51/100"), w), D)),
    "attention with a wrong scale": (attention(SCORES, softmax), attention(mul(SCORES, c("99/100")), softmax)),
    "root of the size = the size": (
        attention(SCORES, softmax),
        attention(mul(SCORES, recip(sqrt(size_value(D.size)))), softmax),
    ),
    "unbiased variance": (
        mul(variance(x, N), div(size_value(N.size), sub(size_value(N.size), ONE))),
        sub(mean(N, mul(x, x)), mul(mean(N, x), mean(N, x))),
    ),
    "root of a product over negatives": (sqrt(mul(x, y)), mul(sqrt(x), sqrt(y))),
    "softmax over another axis": (softmax(w, D), div(exp(w), total(N, exp(w)))),
    "other values": (plain(x), online(y)),
    "softplus with a threshold": (composite("softplus", x), where(lt(const(20), x), x, composite("softplus", x))),
    "causal mask off by one": (
        attention(where(CAUSAL, SCORES, NINF), softmax),
        attention(where(le(index(M), add(index(N), ONE)), SCORES, NINF), softmax),
    ),
    "mask after the softmax": (
        attention(where(CAUSAL, SCORES, NINF), softmax),
        total(M, mul(where(CAUSAL, softmax(SCORES, M), ZERO), VALUES)),
    ),
    "tanh gelu = erf gelu": (composite("gelu", x), composite("gelu_tanh", x)),
    "1 = x/x": (ONE, div(x, x)),
    "log of a product over negatives": (log(mul(x, y)), add(log(x), log(y))),
    "max of a sum": (reduce("max", N, add(x, y)), add(reduce("max", N, x), reduce("max", N, y))),
    "equal but for a tiny term": (x, add(x, mul(c("1/1000000000000000000000000"), mul(x, y)))),
    "the last key missed": (
        total(M, whole("s", N, M)),
        total(M, where(lt(index(M), add(size_value(N.size), const(-1))), whole("s", N, M), ZERO)),
    ),
    "a rare corner": (x, where(lt(const(2), x), where(lt(const(3), y), add(x, ONE), x), x)),
    "least = greatest": (reduce("min", N, x), reduce("max", N, x)),
    "a root's sign": (sqrt(const(2)), neg(sqrt(const(2)))),
}


@pytest.mark.parametrize("name", TRUE)
def test_true_identities_are_accepted(name: str) -> None:
    result = check(*TRUE[name])
    assert result.kind == "equal", result.reason
    assert result.bound is not None and result.bound <= 2.0**-60, result.claim


@pytest.mark.parametrize("name", FALSE)
def test_false_ones_are_not(name: str) -> None:
    result = check(*FALSE[name])
    assert result.kind != "equal", result.claim


def test_what_fields_do_not_serve_goes_to_balls() -> None:
    odd = (unary("erf", neg(x)), neg(unary("erf", x)))
    angle = (mul(const(2), mul(unary("sin", x), unary("cos", x))), unary("sin", TWO_X))
    norms = (div(x, sqrt(total(N, mul(x, x)))), mul(x, sqrt(recip(total(N, mul(x, x))))))
    for reference, candidate in (odd, angle, norms):
        result = check(reference, candidate)
        assert result.kind == "equal" and result.bound is None, result.reason
        assert "2^-300" in result.claim
    result = check(unary("sin", x), unary("cos", x))
    assert result.kind == "unequal" and set(result.where) == {"sizes", "inputs", "output", "index"}


def test_a_branch_that_is_never_taken_is_named() -> None:
    deep = maximum(x, add(mul(mul(x, x), const(10**12)), const(10**9)))
    result = check(deep, add(mul(mul(x, x), const(10**12)), const(10**9)))
    assert result.kind == "undecided" and result.reason.startswith("branch never taken: max("), result.reason


def test_a_branch_that_can_not_be_taken_is_no_objection() -> None:
    assert check(maximum(exp(x), ZERO), exp(x)).kind == "equal"
    assert check(maximum(mul(x, x), neg(ONE)), mul(x, x)).kind == "equal"
    assert check(relu(x), x, {"x": "nonnegative"}).kind == "equal"
    assert check(relu(x), x).kind != "equal"


def test_assumptions_restrict_the_draws() -> None:
    split = (sqrt(mul(x, y)), mul(sqrt(x), sqrt(y)))
    result = check(*split, {"x": "positive", "y": "positive"})
    assert result.kind == "equal" and result.bound is None, result.reason


def test_nothing_is_claimed_of_undefined_values() -> None:
    result = check(div(x, x), ONE)
    assert "where the reference is defined" in result.claim
    assert check(ONE, div(x, x)).reason == "the candidate is undefined where the reference is not"
    assert check(recip(sub(x, x)), recip(sub(x, x))).kind == "equal"
    assert check(recip(sub(x, x)), x).reason == "no random draw gave a defined value"


def test_several_results_and_sizes() -> None:
    specs = specs_of(x, y)
    result = check_exact([x, y], [x, add(y, ZERO)], [[N], [N]], ["n"], specs, [{"n": 2}, {"n": 5}])
    assert result.kind == "equal" and "n = 2; n = 5" in result.claim
    assert check_exact([x, y], [y, x], [[N], [N]], ["n"], specs, [{"n": 2}]).kind != "equal"
    assert check_exact([x], [x, y], [[N]], ["n"], specs, [{"n": 2}]).kind == "undecided"


def test_integers_index_exactly() -> None:
    ids = InputSpec("ids", (N.size,), "int", K.size, "int64")
    row = read("ids", [index(N)], [N.size], INT, K.size)
    gathered = read("t", [row, index(D)], [K.size, D.size])
    one_hot = total(K, mul(indicator(Term("eq", (index(K), row))), whole("t", K, D)))
    specs = [ids, InputSpec("t", (K.size, D.size))]
    assert check_exact([gathered], [one_hot], [[N, D]], SYMBOLS, specs, SIZES).kind == "equal"
    shifted = read("t", [add(row, ONE), index(D)], [K.size, D.size])
    assert check_exact([gathered], [shifted], [[N, D]], SYMBOLS, specs, SIZES).kind != "equal"


def test_a_branch_inside_a_branch_counts_where_it_is_looked_at() -> None:
    never = where(lt(x, ZERO), where(lt(add(mul(x, x), x), c("-1")), y, x), x)
    assert check(x, never).reason.startswith("branch never taken: ")


def test_deeper_than_the_tower() -> None:
    term = x
    for _ in range(6):
        term = exp(neg(mul(term, term)))
    assert "nested 6 deep" in check(term, mul(term, ONE)).reason


def test_budget() -> None:
    result = check_exact([x], [x], [[N]], ["n"], specs_of(x), [{"n": 2}], budget_seconds=0)
    assert result.reason == "the budget of 0 s is spent"


def test_towers_are_towers() -> None:
    rng = random.Random(5)
    for deep, square, log2 in ((0, (2, 3), False), (1, (5,), True), (3, (2,), False)):
        found = tower(deep, square, log2, rng)
        assert all(is_prime(p) and p < 2**50 for p in found.primes)
        for level, (p, q) in enumerate(pairwise(found.primes)):
            assert (p - 1) % q == 0 and pow(found.generators[level], q, p) == 1 != found.generators[level]
            assert not log2 or pow(found.generators[level], found.log2[level + 1], p) == 2
        for p, roots in zip(found.primes, found.roots, strict=True):
            assert all(r * r % p == s % p for s, r in roots.items())
    assert square_root(2, 7) in (3, 4)


def test_arithmetic_modulo_large_primes() -> None:
    found = [tower(1, (), False, random.Random(s)) for s in range(4)]
    top, below = Field(found, 0), Field(found, 1)
    rng = np.random.default_rng(2)
    a, b = (top.mod(rng.integers(0, 2**62, size=(4, 50))) for _ in range(2))
    for p, us, vs, products in zip(top.primes, a, b, top.mul(a, b), strict=True):
        assert [int(u) * int(v) % p for u, v in zip(us, vs, strict=True)] == products.tolist()
    assert (top.mul(a, top.inverse(a)) == 1).all()
    s, t = (below.mod(rng.integers(0, 2**62, size=(4, 50))) for _ in range(2))
    assert (top.exp(below.add(s, t)) == top.mul(top.exp(s), top.exp(t))).all()
    halves = top.dyadic(np.array([[0.5, -3.25, 0.0]]))
    assert (top.add(halves[:, 0], halves[:, 0]) == 1).all() and (halves[:, 2] == 0).all()
