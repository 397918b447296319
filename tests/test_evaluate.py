"""The fold that evaluates terms: axes, reads, reductions, folds, total and strict arithmetic, budgets."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from commute.theory.axes import Axis, Size, axis
from commute.theory.ops import (
    add,
    composite,
    div,
    eq,
    exp,
    floordiv,
    le,
    log,
    lt,
    maximum,
    mean,
    mod,
    mul,
    neg,
    recip,
    size_value,
    sqrt,
    sub,
    total,
    where,
)
from commute.theory.terms import INT, NINF, ONE, ZERO, Term, const, fold_over, index, read, reduce, state
from commute.verify.ball import balls
from commute.verify.evaluate import BudgetExceeded, evaluate
from commute.verify.unroll import unroll

B, N, M, D = axis("b"), axis("n"), axis("n", 1), axis("d")
RNG = np.random.default_rng(3)


def whole(name: str, *axes: Axis) -> Term:
    return read(name, [index(a) for a in axes], [a.size for a in axes])


def one(term: Term, sizes: dict[str, int], axes: tuple[Axis, ...] = (), strict: bool = False, **inputs: Any) -> Any:
    return evaluate([term], sizes, {k: np.asarray(v) for k, v in inputs.items()}, axes, strict=strict)[0]


def attention(online: bool) -> Term:
    q, k, v = whole("q", B, N, D), whole("k", B, M, D), whole("v", B, M, D)
    scores = where(
        le(index(M), index(N)), mul(total(D, mul(q, k)), recip(sqrt(size_value(D.size)))), NINF
    )
    if not online:
        return total(M, mul(composite("softmax", scores, axes=(M,)), v))
    weights = exp(sub(scores, reduce("max", M, scores)))
    return div(total(M, mul(weights, v)), total(M, weights))


def test_attention() -> None:
    sizes = {"b": 2, "n": 7, "d": 3}
    inputs: dict[str, Any] = {name: RNG.normal(size=(2, 7, 3)) for name in "qkv"}
    scores = np.einsum("bnd,bmd->bnm", inputs["q"], inputs["k"]) / np.sqrt(3)
    scores[:, ~np.tril(np.ones((7, 7), bool))] = -np.inf
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    for online in (False, True):
        assert np.allclose(one(attention(online), sizes, (B, N, D), **inputs), weights @ inputs["v"])
    turned = one(attention(False), sizes, (D, B, N), **inputs)
    assert np.allclose(turned, (weights @ inputs["v"]).transpose(2, 0, 1))


def test_several_terms_with_axes_of_their_own() -> None:
    x = RNG.normal(size=(2, 3))
    a, b = evaluate([whole("x", B, N), mean(N, whole("x", B, N))], {"b": 2, "n": 3}, {"x": x}, [(N, B), (B,)])
    assert np.array_equal(a, x.T)
    assert np.allclose(b, x.mean(1))


def test_an_axis_that_a_result_does_not_depend_on() -> None:
    assert np.array_equal(one(whole("x", N), {"b": 2, "n": 2}, (B, N), x=[1.0, 2.0]), [[1, 2], [1, 2]])
    assert one(total(N, ONE), {"n": 4}) == 4
    assert one(reduce("prod", N, const(3)), {"n": 4}) == 81
    assert np.isclose(one(total(N, mul(const(Fraction(1, 2)), const(Fraction(1, 3)))), {"n": 6}), 1)


def test_reads_at_computed_indices() -> None:
    table, ids = RNG.normal(size=(5, 2)), np.array([4, 0, 2])
    row = read("ids", [index(N)], [N.size], INT, Size.symbol("v"))
    found = one(read("t", [row, index(D)], [Size.symbol("v"), D.size]), {"n": 3, "d": 2}, (N, D), t=table, ids=ids)
    assert np.array_equal(found, table[ids])
    shifted = read("x", [add(index(N), const(-1))], [N.size])
    assert np.array_equal(one(shifted, {"n": 3}, (N,), x=[1.0, 2.0, 3.0]), [0, 1, 2])
    diagonal = read("x", [index(N), index(N)], [N.size, N.size])
    assert np.array_equal(one(diagonal, {"n": 3}, (N,), x=np.arange(9.0).reshape(3, 3)), [0, 4, 8])
    halves = read("x", [floordiv(index(N), const(2)), mod(index(N), const(2))], [D.size, Size(2)])
    assert np.array_equal(one(halves, {"n": 4, "d": 2}, (N,), x=np.arange(4.0).reshape(2, 2)), [0, 1, 2, 3])


def test_shadowed_axis() -> None:
    inner = total(N, whole("x", N))
    assert one(total(N, mul(inner, whole("x", N))), {"n": 3}, x=[1.0, 2.0, 3.0]) == 36
    assert one(total(N, inner), {"n": 3}, x=[1.0, 2.0, 3.0]) == 18


def test_total_and_strict_arithmetic() -> None:
    x = whole("x", N)
    values = np.array([-1.0, 0.0, 4.0])
    for term, want in ((recip(x), [-1, 0, 0.25]), (log(x), [0, 0, np.log(4)]), (sqrt(x), [0, 0, 2])):
        assert np.allclose(one(term, {"n": 3}, (N,), x=values), want)
    assert np.isnan(one(log(x), {"n": 3}, (N,), strict=True, x=values)).tolist() == [True, True, False]
    assert np.isnan(one(sqrt(x), {"n": 3}, (N,), strict=True, x=values)).tolist() == [True, False, False]
    lazy = where(lt(ZERO, x), recip(x), ZERO)
    assert one(lazy, {"n": 3}, (N,), strict=True, x=values).tolist() == [0, 0, 0.25]


def test_fold_and_its_states() -> None:
    prefix = fold_over(M, ("s",), [ZERO], [add(state("s"), whole("x", M))])
    assert one(prefix, {"n": 4}, x=[1.0, 2.0, 3.0, 4.0]) == 10
    step_top = maximum(state("m"), whole("x", M))
    step_sum = add(mul(state("l"), exp(sub(state("m"), step_top))), exp(sub(whole("x", M), step_top)))
    running = fold_over(M, ("m", "l"), [NINF, ZERO], [step_top, step_sum], 1)
    x = RNG.normal(size=5)
    assert np.isclose(one(running, {"n": 5}, x=x), np.exp(x - x.max()).sum())


def test_a_state_is_not_captured() -> None:
    step = add(state("s"), reduce("sum", N, mul(state("s"), whole("y", N))))
    term = fold_over(B, ("s",), [whole("x", N)], [step])
    x, y = RNG.normal(size=3), RNG.normal(size=3)
    assert np.allclose(one(term, {"b": 2, "n": 3}, (N,), x=x, y=y), x * (1 + y.sum()) ** 2)
    assert not unroll([term], {"b": 2, "n": 3})[0].states


def test_large_exponents_stay_finite() -> None:
    x = np.array([1000.0, 1001.0])
    assert np.allclose(one(composite("softmax", whole("x", N), axes=(N,)), {"n": 2}, (N,), x=x), [0.26894142, 0.73105858])
    assert np.isclose(one(composite("logsumexp", whole("x", N), axes=(N,)), {"n": 2}, x=x), 1001.31326169)
    assert one(composite("sigmoid", neg(whole("x", N))), {"n": 2}, (N,), x=x).tolist() == [0, 0]


def test_truth_values_and_integers() -> None:
    mask = read("m", [index(N)], [N.size], "bool")
    assert one(where(mask, ONE, ZERO), {"n": 2}, (N,), m=np.array([True, False])).tolist() == [1, 0]
    assert one(eq(mod(index(N), const(0)), ZERO), {"n": 2}, (N,)).all()
    assert one(mul(const(2**40), const(2**40)), {}) == 2.0**80


def test_budget() -> None:
    outer = add(whole("x", N), whole("x", M))
    with pytest.raises(BudgetExceeded):
        evaluate([outer], {"n": 100}, {"x": np.zeros(100)}, (N, M), limit=1000)


def test_a_softmax_over_an_axis_that_its_body_lacks_keeps_that_axis() -> None:
    """Also where it is opened by its definition, which has no such axis."""
    n, m = axis("n"), axis("m")
    share = composite("softmax", read("x", [index(n)], [n.size]), axes=(m,))
    (value,) = balls([reduce("sum", m, mul(share, index(m)))], {"n": 2, "m": 3}, {"x": np.array([1.0, 2.0])}, (n,))
    assert [float(v) for v in value.flat] == pytest.approx([1.0, 1.0])
