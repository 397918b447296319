"""Every handler of layers, reductions and linear algebra means what Torch computes.

A row of nn_rows.py is a function of tensors and their shapes; it is lifted over symbolic reads, evaluated in float64, and
compared with Torch on random numbers, once with whole axes and once with axes cut and factored.
To add here: a way of checking rows.  Never here: rows, proofs.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from commute.lowering.arrays import Array, Layouts
from commute.lowering.constants import read_float
from commute.lowering.families import load_handlers
from commute.lowering.registry import HANDLERS, Unsupported, Unusable
from commute.theory.axes import Axis, Size
from commute.theory.terms import NINF, Term, index
from commute.verify.evaluate import evaluate

load_handlers()
_spec = importlib.util.spec_from_file_location("nn_rows", Path(__file__).parent / "nn_rows.py")
assert _spec and _spec.loader
rows: Any = importlib.util.module_from_spec(_spec)
sys.modules["nn_rows"] = rows
_spec.loader.exec_module(rows)
SIZES, M3, X, R = rows.SIZES, rows.M3, rows.X, rows.R
G: Any = rows.Given
Row = tuple[Any, tuple[Any, ...], dict[str, Any]]


@dataclass
class Bench:
    """What a handler asks of a trace, without a trace."""

    layouts: Layouts = field(default_factory=Layouts)

    def number(self, value: Any) -> Term:
        return NINF if value == float("-inf") else read_float(float(value)).term

    def ask(self, question: Any) -> bool:
        return question.size.provably_nonnegative()

    def equal(self, size: Size, other: int) -> bool:
        return size == other

    def indexes(self, array: Array, size: Size) -> None:
        """Bounds of targets are not looked at here."""


def put(args: Any, leaf: Callable[[Any], Any]) -> Any:
    """Arguments with each leaf replaced."""
    return type(args)(put(a, leaf) for a in args) if isinstance(args, list | tuple) else leaf(args)


def values(trace: Bench, array: Array, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """The numbers of an array, block by block of the common refinement."""
    result = np.full([s.at(SIZES) for s in array.shape], np.nan)

    def fill(positions: list[Term], axes: list[Axis]) -> None:
        if len(positions) < array.rank:
            for position, new in trace.layouts.walk(array.shape[len(positions)], axes):
                fill([*positions, position], [*axes, *new])
            return
        got, *places = evaluate([array.at(positions), *positions], SIZES, inputs, axes)
        result[tuple(places)] = got

    fill([], [])
    return result


def check(function: Any, args: Sequence[Any], kwargs: dict[str, Any], refined: bool = False) -> None:
    """The handler's terms and Torch agree."""
    draw = np.random.default_rng(len(str(args)))
    known = {s: Size(n) for s, n in SIZES.items()} if refined else {}
    trace = Bench(refined_layouts() if refined else Layouts())
    tensors: list[torch.Tensor] = []
    arrays: list[Array] = []

    def concrete(leaf: Any) -> Any:
        if isinstance(leaf, G):
            tensors.append(leaf.tensor(draw))
            return tensors[-1]
        return leaf.at(SIZES) if isinstance(leaf, Size) else leaf

    def symbolic(leaf: Any) -> Any:
        if isinstance(leaf, G):
            arrays.append(leaf.array(f"x{len(arrays)}", known))
            return arrays[-1]
        return leaf.put(known) if isinstance(leaf, Size) else leaf

    expected = function(*put(tuple(args), concrete), **{k: put(a, concrete) for k, a in kwargs.items()})
    result = HANDLERS[function](trace, *put(tuple(args), symbolic), **{k: put(a, symbolic) for k, a in kwargs.items()})
    pairs = [(expected, result)]
    if not isinstance(result, Array):
        pairs = list(zip(expected, result, strict=True))[: 1 if hasattr(expected, "indices") else None]
    inputs = {f"x{i}": t.numpy() for i, t in enumerate(tensors)}
    for e, r in pairs:
        if e is None or r is None:
            assert e is r
            continue
        got = values(trace, r, inputs)
        assert got.shape == tuple(e.shape)
        np.testing.assert_allclose(got, e.numpy().astype(float), rtol=1e-9, atol=1e-11)


def refined_layouts() -> Layouts:
    """Sizes cut and factored as other programs of the same question might."""
    layouts = Layouts()
    for size in (3, 5, 7, 9):
        layouts.cut(Size(size), size // 2)
    layouts.factor(Size(4), (2, 2))
    layouts.factor(Size(6), (3, 2))
    layouts.factor(Size(8), (2, 2, 2))
    layouts.cut(Size(6), 4)
    return layouts


def _name(row: Row) -> str:
    function, args, kwargs = row
    shown = [getattr(a, "shape", str(a)) or "scalar" for a in (*args, *kwargs.items())]
    return f"{getattr(function, '__name__', function)}({'; '.join(shown)})"


@pytest.mark.parametrize("row", rows.ROWS, ids=map(_name, rows.ROWS))
def test_terms_are_what_torch_computes(row: Row) -> None:
    check(*row)


@pytest.mark.parametrize("row", rows.ROWS, ids=map(_name, rows.ROWS))
def test_blocks_and_factors_change_nothing(row: Row) -> None:
    check(*row, refined=True)


def _lift(row: Row) -> Any:
    function, args, kwargs = row
    names = iter(range(9))
    leaf = lambda a: a.array(f"x{next(names)}", {}) if isinstance(a, G) else a  # noqa: E731
    return HANDLERS[function](Bench(), *put(args, leaf), **{k: put(a, leaf) for k, a in kwargs.items()})


@pytest.mark.parametrize(("row", "why"), rows.REFUSED, ids=[_name(r) for r, _ in rows.REFUSED])
def test_what_is_not_lifted_says_why(row: Row, why: str) -> None:
    with pytest.raises(Unsupported, match=why):
        _lift(row)


@pytest.mark.parametrize("row", rows.WRONG, ids=map(_name, rows.WRONG))
def test_shapes_that_do_not_fit_are_unusable(row: Row) -> None:
    with pytest.raises((Unusable, ValueError)):
        _lift(row)


def test_indices_of_an_extreme_fail_only_when_read() -> None:
    found = _lift(R(torch.max, X, 1))
    with pytest.raises(Unsupported, match="two equal numbers"):
        found.indices.at([index(Axis(Size.symbol("n")))])


def test_softmax_stays_visible_where_it_runs_over_whole_axes() -> None:
    n, m = Axis(Size.symbol("n")), Axis(Size.symbol("m"))
    assert _lift(R(torch.softmax, X, 1)).at([index(n), index(m)]).op == "softmax"
    assert _lift(R(F.log_softmax, X, 0)).at([index(n), index(m)]).op == "log_softmax"
    assert _lift(R(torch.logsumexp, M3, (0, 2))).at([index(n)]).op == "logsumexp"
    assert _lift(R(torch.softmax, G("n n"), 1)).at([index(n), index(n)]).op == "mul"
