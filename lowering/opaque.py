"""Operators that aren't lifted, kept as they are: their results are new inputs, their arguments results of what comes before.

Only a search for plans lifts so; a proof says UNKNOWN instead.  The shapes of the results are found by running the operator on
shapes alone at several sizes, and must be a constant, a size of an argument, or a sum, difference or product of two of those.
To add here: a way to find a shape.  Never here: what an operator means.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import combinations_with_replacement, permutations
from typing import Any

import torch

from commute.lowering.active import ACTIVE
from commute.lowering.arrays import Array
from commute.lowering.registry import Unsupported
from commute.theory.axes import Size
from commute.theory.terms import BOOL, INT, REAL, Term, read

SMALL = (5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
ROWS = 4
"""At so many rows of sizes are shapes looked at."""


@dataclass(frozen=True)
class OpaqueCall:
    """A call that is kept: the operator, the user's line, its array arguments, and the names of its results."""

    operator: str
    place: str | None
    arguments: tuple[Array, ...]
    results: tuple[str, ...]


@dataclass
class Opaques:
    """The calls of one traced program that are kept as they are, in order."""

    calls: list[OpaqueCall] = field(default_factory=list)

    def call(self, operator: str, function: Callable[..., Any], args: Any, kwargs: Any, place: str | None) -> Any:
        """The results of an operator as new inputs; Unsupported, with the operator and the line, where shapes don't tell."""
        arrays = tuple(_arrays((args, kwargs)))
        symbols = sorted({s for a in arrays for size in a.shape for s in size.symbols})
        rows = [{s: SMALL[(i + k) % len(SMALL)] for i, s in enumerate(symbols)} for k in range(ROWS)]
        unknown = Unsupported("not lifted, and the shape of its result isn't known", place, operator)
        try:
            with _untraced():
                seen = [function(*_at(args, row), **_at(kwargs, row)) for row in rows]
        except Exception:  # whatever an operator may raise that is given shapes without values
            raise unknown from None
        parts = [tuple(each) if isinstance(each, tuple | list) else (each,) for each in seen]
        kinds = {tuple((t.dim(), t.dtype) if isinstance(t, torch.Tensor) else None for t in each) for each in parts}
        if not arrays or len(kinds) != 1 or None in next(iter(kinds)):
            raise unknown
        candidates = _candidates([size for a in arrays for size in a.shape])
        made = sum(len(c.results) for c in self.calls)
        results: list[Array] = []
        for number, tensors in enumerate(zip(*parts, strict=True), made + 1):
            shape = [_fitting(dims, candidates, rows) for dims in zip(*(t.shape for t in tensors), strict=True)]
            if None in shape:
                raise unknown
            sizes = tuple(s for s in shape if s is not None)
            results.append(_input(f"{operator.rpartition('.')[2]}#{number}", sizes, tensors[0].dtype))
        names = tuple(f"{operator.rpartition('.')[2]}#{made + i}" for i in range(1, len(results) + 1))
        self.calls.append(OpaqueCall(operator, place, arrays, names))
        if not isinstance(seen[0], tuple | list):
            return results[0]
        fields = getattr(type(seen[0]), "__match_args__", ())
        return namedtuple("results", fields)(*results) if len(fields) == len(results) else tuple(results)


@contextmanager
def _untraced() -> Iterator[None]:
    """Run Torch itself for a while: no trace is active."""
    traces = ACTIVE[:]
    ACTIVE.clear()
    try:
        yield
    finally:
        ACTIVE.extend(traces)


def _input(name: str, shape: tuple[Size, ...], dtype: torch.dtype) -> Array:
    sort = BOOL if dtype == torch.bool else REAL if dtype.is_floating_point else INT
    return Array(shape, lambda idx: read(name, idx, shape, sort), sort)


def _arrays(value: Any) -> Iterator[Array]:
    """The arrays of an argument, however deep they lie."""
    if isinstance(value, Array):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _arrays(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _arrays(each)


def _at(value: Any, row: Mapping[str, int]) -> Any:
    """An argument at numbers for the sizes: tensors without values, and 1 for a real number that isn't known."""
    if isinstance(value, Array):
        dtype = {BOOL: torch.bool, INT: torch.int64}.get(value.sort, torch.float32)
        return torch.empty([s.at(row) for s in value.shape], dtype=dtype, device="meta")
    if isinstance(value, Size):
        return value.at(row)
    if isinstance(value, Term):
        return 1.0
    if isinstance(value, Mapping):
        return {k: _at(v, row) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_at(v, row) for v in value)
    return value


def _candidates(sizes: list[Size]) -> list[Size]:
    """What a size of a result may be, simplest first."""
    own = list(dict.fromkeys(sizes))
    pairs = list(combinations_with_replacement(own, 2))
    differences = [a - b for a, b in permutations(own, 2)]
    return [*own, *(a + b for a, b in pairs), *(a * b for a, b in pairs), *differences, *(a + 1 for a in own)]


def _fitting(dims: tuple[int, ...], candidates: list[Size], rows: list[dict[str, int]]) -> Size | None:
    """The size that has these values at the rows."""
    if len(set(dims)) == 1:
        return Size.of(dims[0])
    return next((s for s in candidates if tuple(s.at(r) for r in rows) == dims), None)
