"""Arrays of exact values without terms: arithmetic against Python's integers, decisions, memory, and a kernel of blocks."""

import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from commute.verify.blas import matmul
from commute.verify.contract import contract
from commute.verify.evaluate import BudgetExceeded, Unsupported
from commute.verify.exact_array import ExactArray, Space, compare, dot, maximum, minimum, same, where
from commute.verify.fields import INNER, LEFT, RIGHT, Field
from commute.verify.primes import Tower, random_towers, tower
from commute.verify.residues import residue

LARGEST = 2**49 - 111
"""A number below 2^49 at which limbs are as large as they can be; residues need no prime."""


def dyadic(rng: Any, *shape: int) -> Any:
    return np.ldexp(rng.integers(-(2**50), 2**50, size=shape).astype(float), -49)


def tops(seed: int, draws: int = 3) -> Field:
    return Field([tower(0, (), False, random.Random(seed + i)) for i in range(draws)])


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 70, 5), (65, 129, 33), (2, 600, 300)])
def test_products_of_matrices_are_those_of_whole_numbers(shape: tuple[int, int, int]) -> None:
    rows, inner, columns = shape
    field, rng = tops(7), np.random.default_rng(2)
    a, b = (field.mod(rng.integers(0, 2**62, size=(3, 2, *s))) for s in ((rows, inner), (inner, columns)))
    for i, p in enumerate(field.primes):  # the largest limbs of either sign
        a[i, 0], b[i, 0] = p // 2, p // 2
        a[i, 1, :, ::2], b[i, 1, ::2] = p - 1, p // 2 + 1
    expected = [(x.astype(object) @ y.astype(object)) % p for x, y, p in zip(a, b, field.primes, strict=True)]
    assert (field.matmul(a, b) == np.array(expected)).all()


@pytest.mark.parametrize("inner", [INNER, INNER + 1, 2 * INNER + 5])
def test_long_sums_of_products_of_the_largest_limbs(inner: int) -> None:
    field = Field([Tower([LARGEST], [], [])])
    for entry in (LARGEST // 2, LARGEST // 2 + 1, sum(2 ** (LEFT * i + LEFT - 1) for i in range(2)) % LARGEST, LARGEST - 1):
        a, b = np.full((1, 1, inner), entry), np.full((1, inner, 2), entry)
        assert (field.matmul(a, b) == entry * entry * inner % LARGEST).all()
    assert 2 ** (LEFT - 1) * 2 ** (RIGHT - 1) * INNER <= 2**53


def test_products_in_pieces_are_the_products() -> None:
    rng = np.random.default_rng(0)
    for rows, inner, columns in ((5, 3, 2), (300, 70, 90), (9, 3000, 400), (700, 1, 700), (33, 513, 129)):
        a, b = rng.integers(-99, 99, size=(2, rows, inner)), rng.integers(-99, 99, size=(1, inner, columns))
        assert (matmul(a.astype(float), b.astype(float)) == a @ b).all()


def test_inverses_powers_and_sums_at_any_size() -> None:
    field, rng = tops(3), np.random.default_rng(5)
    for size in (1, 2, 3, 40_001):
        a = field.mod(rng.integers(0, 2**62, size=(3, size)))
        a[:, ::5] = 0
        assert ((field.mul(a, field.inverse(a)) == 1) | (a == 0)).all()
        whole = [sum(map(int, row)) % p for row, p in zip(a, field.primes, strict=True)]
        assert field.sum(a, 1)[:, 0].tolist() == whole
    assert (field.power(a, -3) == field.inverse(field.mul(a, field.mul(a, a)))).all()


def test_exp_is_a_homomorphism_on_large_arrays() -> None:
    towers = random_towers(1, (2,), False, 3, 4)
    top, below, rng = Field(towers, 0), Field(towers, 1), np.random.default_rng(5)
    s, t = (below.mod(rng.integers(0, 2**62, size=(3, 30_000))) for _ in range(2))
    assert (top.exp(below.add(s, t)) == top.mul(top.exp(s), top.exp(t))).all()
    for i, each in enumerate(towers):
        assert int(top.exp(s)[i, 7]) == pow(each.generators[0], int(s[i, 7]), each.primes[0])


def test_contraction_is_the_sum_of_products() -> None:
    space, rng = Space(draws=2, seed=3), np.random.default_rng(1)
    sizes = {"i": 3, "j": 4, "k": 5, "l": 2, "b": 2}
    parts = [("bik", "bkj", "jl"), ("ik", "k", "ij"), ("bi", "bj"), ("ikl", "jb"), ("kl", "kl")]
    for labels in parts:
        raw = [rng.integers(-3, 4, size=(2, *(sizes[c] for c in each))).astype(float) for each in labels]
        out = sorted({c for each in labels for c in each} - {"k", "l"})
        value = contract([(space.input(v), tuple(each)) for v, each in zip(raw, labels, strict=True)], out, sizes)
        formula = ",".join(f"z{each}" for each in labels) + "->z" + "".join(out)
        assert same(value, space.input(np.einsum(formula, *raw))).all()
    with pytest.raises(BudgetExceeded):
        outer = [(space.input(np.ones((1, 4, 5))), ("j", "k")), (space.input(np.ones((1, 3, 2))), ("i", "l"))]
        contract(outer, ("i", "j", "k", "l"), sizes, limit=100)


def test_decisions_and_selections() -> None:
    space = Space(draws=2, seed=1)
    x = space.input(np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 3.0]]))
    third = space.const(Fraction(1, 3)).reshape(1)
    again = (x * third + x * third) + x * third
    assert compare("eq", again, x).all() and not compare("lt", x, again).any()
    assert maximum(x, -x).value.tolist() == [[1, 2, 0.5], [0, 3, 3]] and same(minimum(x, -x), -maximum(x, -x)).all()
    assert x.max(0).choice.tolist() == [[0], [1]] and x.min(0).value.tolist() == [[-2], [0]]
    assert same(where(x.value > 0, x, -x), maximum(x, -x)).all()
    low = where(np.array([[True, False, True]]), x, space.ninf().reshape(1))
    assert low.exp().at(0)[:, 1].tolist() == [0, 0] if space.depth else low.value[:, 1].tolist() == [-np.inf] * 2
    assert not space.spoiled.any()


def test_what_stays_open_gives_the_draw_up() -> None:
    space = Space(draws=2, seed=1)
    x = space.input(np.array([[1.0], [1.0]]))
    y = space.input(np.array([[1.0], [2.0]])) + space.const(Fraction(1, 10**30)).reshape(1)
    compare("lt", x, y)
    assert space.spoiled.tolist() == [True, False]


def test_logarithms_are_consumed_by_exp_only() -> None:
    space = Space(draws=2, depth=1, seed=1)
    x = space.input(np.array([[1.5, 2.0], [0.25, 7.0]]))
    merged = (x.unary("log") + x.unary("log") + x).exp()
    assert same(merged, x * x * x.exp()).all()
    assert not same(x.unary("log") + x.unary("log"), (x * x).unary("log")).any()
    with pytest.raises(Unsupported):
        _ = x.exp().exp().at(0)
    with pytest.raises(Unsupported):
        x.unary("gamma")


def test_memory_is_stored_loaded_and_settled() -> None:
    space = Space(draws=2, depth=1, seed=2)
    memory = space.input(np.zeros((1, 10)))
    block = space.input(np.arange(6.0).reshape(1, 2, 3)).exp()
    index = np.array([[[0, 1, 2], [5, 6, 99]]])
    memory = memory.put(index, block, mask=np.array([[[True, True, False]] * 2])).settle()
    assert memory.args == () and same(memory.gather(np.array([[6, 2, 5, 42]])).reshape(4), space.input(
        np.array([[4.0, -1, 3, -1]])).exp() * space.input(np.array([[1.0, 0, 1, 0]]))).all()  # fmt: skip
    with pytest.raises(Unsupported):
        residue(("res", memory, 1, Fraction(1)))


def flash(q: ExactArray, k: ExactArray, v: ExactArray, block: int, rescale: bool = True) -> ExactArray:
    """Attention over blocks of keys, as a kernel computes it: running maximum, sum and output."""
    space, rows = q.space, q.shape[0]
    m = space.ninf().reshape(1, 1).broadcast_to(rows, 1)
    total = space.whole(np.zeros((1, rows, 1), dtype=np.int64))
    out = space.whole(np.zeros((1, rows, v.shape[1]), dtype=np.int64))
    for start in range(0, k.shape[0], block):
        keys, values = (t.moved(lambda a, s=start: a[:, s : s + block]) for t in (k, v))
        scores = dot(q, keys.transpose(1, 0))
        top = maximum(m, scores.max(1))
        weights, keep = (scores - top).exp(), (m - top).exp()
        total = total * keep + weights.sum(1)
        out = (out * keep if rescale else out) + dot(weights, values)
        m = top
    return out / total


def test_a_kernel_of_blocks_equals_its_formula_and_a_wrong_one_does_not() -> None:
    rng = np.random.default_rng(4)
    space = Space(draws=3, depth=1, seed=5)
    q, k, v = (space.input(dyadic(rng, 3, *s)) for s in ((6, 4), (12, 4), (12, 5)))
    weights = dot(q, k.transpose(1, 0)).exp()
    plain = dot(weights, v) / weights.sum(1)
    assert same(flash(q, k, v, 4), plain).all() and same(flash(q, k, v, 5), plain).all()
    assert not same(flash(q, k, v, 4, rescale=False), plain).all(axis=(1, 2)).any()
    assert not space.spoiled.any()
