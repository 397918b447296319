"""The numbers of THEORY section 4, to the digits given there: tiles, traffic, memory, slopes, formulae, online softmax."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from math import log
from typing import Any

import numpy as np
import pytest
import sympy
import torch
from jaxtyping import Float
from torch import Tensor as T

from commute.egraph.kernels import Target
from commute.egraph.symbolic import MEMORY, Formulae, formulae, stages_memory
from commute.egraph.tiles import Optimum, least_traffic
from commute.lowering import to_torch
from commute.optimizing import optimize
from commute.theory.machine_files import with_figure
from commute.theory.machines import MACHINES
from tests.plan_cases import Case, attended, grouped, heads, matmul

H100 = 227 * 1024 // 2
"""Values of two bytes that the inner level of an H100 holds: 116,224."""


@cache
def case(fn: Callable[..., Any], *sizes: tuple[str, int]) -> Case:
    return Case(fn, dict(sizes))


def best(found: Case, stream: str, axes: list[str], capacity: float, fixed: dict[str, int] | None = None) -> Optimum:
    whole = {found.axis(a): t for a, t in (fixed or {}).items()}
    optimum = least_traffic(found.costing(stream), [found.axis(a) for a in axes], capacity, fixed=whole)
    assert optimum is not None
    return optimum


def symbolic(found: Case, stream: str = "x") -> Formulae:
    return formulae(found.forms, found.fused(stream), found.search.sizes)


# --- 1: online softmax in the steps of a plan ------------------------------------------------------------------------


def normaliser(s: Float[T, "n x"]) -> Float[T, " n"]:
    return torch.exp(s - s.amax(-1, keepdim=True)).sum(-1)


def weighted(s: Float[T, "n x"], v: Float[T, " x"]) -> Float[T, " n"]:
    return torch.exp(s - s.amax(-1, keepdim=True)) @ v


def divided(s: Float[T, "n x"], v: Float[T, " x"]) -> Float[T, " n"]:
    return torch.softmax(s, -1) @ v


@pytest.mark.parametrize(
    ("fn", "after"), [(normaliser, (1.367879, 1.553002)), (weighted, (2.367879, 9.791975)), (divided, (None, 6.305193))]
)
def test_online_softmax_in_blocks_of_two(fn: Callable[..., Any], after: tuple[float | None, float], monkeypatch: Any) -> None:
    monkeypatch.setattr(to_torch, "plain_kernels", lambda plan: frozenset())
    small = with_figure(MACHINES["toy"], "local", "capacity", 64.0)
    plan = optimize(fn, machine=small, sizes={"n": 4, "x": 64}, dtype="float32", objective="traffic")
    (kernel,) = plan.kernels
    assert kernel.passes == 1 and kernel.corrected and kernel.stream is not None
    blocks = replace(kernel, stream=(kernel.stream[0], 2), kernel=replace(kernel.kernel, chunk=2))
    plan.kernels = (blocks,)
    assert "range(0, x, 2)" in plan.emit("torch")
    run = plan.compile("torch")
    scores, values = torch.tensor([[0.0, 1, 2, 3]], dtype=torch.float64), torch.tensor([1.0, 2, 4, 8], dtype=torch.float64)
    for size, wanted in zip((2, 4), after, strict=True):
        given = (scores[:, :size], values[:size])
        if wanted is not None:
            assert run(*given[: 1 if fn is normaliser else 2]).item() == pytest.approx(wanted, abs=5e-7)


# --- 2: matmul -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("memory", "tiles", "traffic", "bound"),
    [(1024, (31, 31), 4.450e9, 4.312e9), (16384, (127, 127), 1.0990e9, 1.0905e9), (H100, (332, 348), 4.2123e8, 4.1992e8)],
)
def test_matmul(memory: int, tiles: tuple[int, int], traffic: float, bound: float) -> None:
    found = case(matmul, ("a", 4096), ("b", 4096), ("c", 4096))
    optimum = best(found, "b", ["a", "c"], memory)
    assert tuple(sorted(optimum.tiles.values())) == tiles
    digits = 1e-4 if memory == 1024 else 5e-5
    assert optimum.traffic == pytest.approx(traffic, rel=digits) and optimum.memory <= memory
    formula = symbolic(found, "b").optimum
    assert formula is not None
    least = float(formula.subs({MEMORY: memory, **{sympy.Symbol(s, positive=True): 4096 for s in "abc"}}))
    assert least == pytest.approx(bound, rel=digits) and optimum.traffic >= least


def test_matmul_with_room_for_all() -> None:
    optimum = best(case(matmul, ("a", 4096), ("b", 4096), ("c", 4096)), "b", ["a", "c"], 1e12)
    assert optimum.traffic == 3 * 4096**2


# --- 3, 4: attention, and heads that share keys ----------------------------------------------------------------------

SQUARE = (("q", 4096), ("x", 4096), ("d", 128))


def test_attention() -> None:
    found = case(attended, *SQUARE)
    optimum = best(found, "x", ["q"], H100)
    assert optimum.tiles == {found.axis("q"): 451} and round(optimum.traffic) == 10_571_785
    formula = symbolic(found).optimum
    assert formula is not None
    at = {sympy.Symbol(s, positive=True): n for s, n in SQUARE}
    assert round(float(formula.subs({**at, MEMORY: H100}))) == 10_508_856


def test_attention_in_three_kernels_and_where_fusing_pays() -> None:
    anything = Target(MACHINES["toy"], objective="traffic", capacity=1e15)
    apart = Case(attended, dict(SQUARE), anything).search.unfused()
    assert apart is not None and len(apart.kernels) == 3 and apart.traffic == 69_206_016
    formula = symbolic(case(attended, *SQUARE)).optimum
    assert formula is not None
    at = {sympy.Symbol(s, positive=True): n for s, n in SQUARE}
    once = 2 * 4096 * 128  # keys and values, read at least once by either: what the closed form leaves out
    assert float(formula.subs({**at, MEMORY: 128**2})) + once == apart.traffic
    found = case(attended, *SQUARE)
    assert best(found, "x", ["q"], 128**2 * 0.9).traffic > apart.traffic > best(found, "x", ["q"], 128**2 * 1.1).traffic


@pytest.mark.parametrize(
    ("queries", "shared", "traffic"),
    [(1, 32, 33_562_624), (1, 8, 8_396_800), (1, 1, 1_056_768), (4096, 32, 336_283_404), (4096, 8, 336_283_404)],
)
def test_shared_keys_pay_in_decode_and_not_in_prefill(queries: int, shared: int, traffic: int) -> None:
    found = case(grouped, ("k", shared), ("r", 32 // shared), ("q", queries), ("x", 4096), ("d", 128))
    if queries == 1:
        assert best(found, "x", ["r"], H100, {"k": 1}).traffic == traffic
        return
    formula = symbolic(found).optimum
    assert formula is not None
    at = {sympy.Symbol(s, positive=True): n for s, n in found.search.sizes.items()}
    assert round(float(formula.subs({**at, MEMORY: H100}))) == traffic
    whole = best(found, "x", ["r", "q"], H100, {"k": 1})
    assert traffic <= whole.traffic <= 1.01 * traffic


# --- 5: one group ----------------------------------------------------------------------------------------------------


def test_one_group() -> None:
    found = case(matmul, ("a", 1024), ("b", 1024), ("c", 1024))
    costing = found.costing("b")
    figures = costing.figures({found.axis("a"): np.asarray(32.0), found.axis("c"): np.asarray(32.0)}, np.asarray(16.0))
    assert (figures.per_group.item(), figures.memory.item()) == (2048, 2048)


def test_one_group_of_heads() -> None:
    sizes = {"h": 12, "q": 512, "x": 512, "d": 64}
    apart = Case(heads, sizes, Target(MACHINES["toy"], objective="traffic", capacity=1e15)).search.unfused()
    assert apart is not None and len(apart.kernels) == 3 and apart.traffic == 14_155_776
    found = case(heads, *sizes.items())
    tiles = {found.axis("h"): 12, found.axis("q"): 64}
    costing = found.costing("x")
    figures = costing.figures({a: np.asarray(float(t)) for a, t in tiles.items()}, np.asarray(32.0))
    assert figures.per_group.item() == 147_456
    assert costing.widest(tiles, 32) == 98_304


# --- 6: slopes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fn", "sizes", "stream", "axes", "slope"),
    [
        (matmul, (("a", 4096), ("b", 4096), ("c", 4096)), "b", ["a", "c"], -0.5),
        (attended, (("q", 65536), ("x", 4096), ("d", 64)), "x", ["q"], -1.0),
    ],
)
def test_the_slope_that_is_measured_is_the_exponent_of_the_formula(
    fn: Callable[..., Any], sizes: tuple[tuple[str, int], ...], stream: str, axes: list[str], slope: float
) -> None:
    found = case(fn, *sizes)
    fixed = {"matmul": 4096.0**2, "attended": 2.0 * 65536 * 64}[fn.__name__]
    points = [(log(m), log(best(found, stream, axes, m).traffic - fixed)) for m in (2**k for k in range(13, 20))]
    x, y = np.array(points).T
    measured = np.polyfit(x, y, 1)[0]
    assert measured == pytest.approx(slope, abs=0.02)
    ((_, beta),) = symbolic(found, stream).exponents
    assert float(beta) == -slope


def test_formulae_as_a_person_writes_them() -> None:
    found = symbolic(case(attended, *SQUARE))
    d, q, x, g, s = sympy.symbols("d q x g_q s_x", positive=True)
    assert sympy.expand(found.traffic - (2 * d * q + 2 * d * x * q / g)) == 0
    assert sympy.expand(found.memory - (2 * g * d + s * d + g * s)) == 0
    assert found.optimum is not None and sympy.expand(found.optimum - (2 * q * d + 4 * q * x * d**2 / MEMORY)) == 0


# --- 9: the shared memory of a kernel that keeps one operand and buffers two -----------------------------------------


@pytest.mark.parametrize("width", [64, 128])
@pytest.mark.parametrize(("rows", "chunk", "stages"), [(64, 32, 2), (128, 64, 3), (128, 128, 2)])
def test_shared_memory_of_staged_kernels(width: int, rows: int, chunk: int, stages: int) -> None:
    found = case(attended, *SQUARE)
    tiles = {"q": rows, "x": chunk, "d": width}
    assert stages_memory(found.forms, found.fused("x"), tiles, stages) * 2 == 2 * width * (rows + 2 * stages * chunk)
