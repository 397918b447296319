"""What a program takes: the name, shape, sort and range of each input, and rows of sizes worth trying.

A front end builds `InputSpec`s; every way of trying inputs reads them.  To add here: what a caller may assume of an input,
and which sizes are likely to tell programs apart.  Never here: values (`draws.py`), Torch.

>>> spec = InputSpec("x", (Size.symbol("n"), Size(4)), "real")
>>> spec.dims({"n": 3}), limits(spec, {"x": "positive"}, {"n": 3})
((3, 4), Limits(low=0.0, high=inf, open_low=True, nonzero=False))
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from math import inf, prod
from typing import Any

from commute.theory.axes import Size

Number = int | float | Fraction
Assumption = str | tuple[Any, Any]
Assume = Mapping[str, Assumption]

ARGUMENT, SCALAR, STATE = "argument", "scalar", "state"
"""How an input reaches the program: a tensor argument, a plain Python number, an entry of a module's state."""

LARGEST = 50_000
"""The most elements of an input in a row of sizes that is tried, but for the first row."""

HUGE = 4_000_000
"""The most elements of an input in the first row."""

WORDS = ("positive", "nonnegative", "nonzero")


@dataclass(frozen=True)
class InputSpec:
    """One input: `sort` is real, int or bool; an integer is in range(bound) where bound is given.

    `low` and `high` restrict the values to low <= value <= high (value < high for integers); they are numbers, or text
    over size symbols such as "v" or "2*v".  `dtype` is Torch's name, `passing` one of ARGUMENT, SCALAR, STATE.
    """

    name: str
    shape: tuple[Size, ...]
    sort: str = "real"
    bound: Size | None = None
    dtype: str = "float64"
    low: Number | str | None = None
    high: Number | str | None = None
    passing: str = ARGUMENT

    def dims(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The shape at concrete sizes."""
        return tuple(s.at(sizes) for s in self.shape)


@dataclass(frozen=True)
class Limits:
    """The values that an input may have: low <= value <= high, low itself not where `open_low`, 0 not where `nonzero`."""

    low: float = -inf
    high: float = inf
    open_low: bool = False
    nonzero: bool = False


def limits(spec: InputSpec, assume: Assume | None, sizes: Mapping[str, int]) -> Limits:
    """What `spec` and the assumptions allow at these sizes; integers get the closed range that they may have."""
    step = 1 if spec.sort == "int" else 0
    low = -inf if spec.low is None else number(spec.low, sizes)
    high = inf if spec.high is None else number(spec.high, sizes) - step
    if spec.bound is not None:
        low, high = max(low, 0.0), min(high, spec.bound.at(sizes) - 1.0)
    said = (assume or {}).get(spec.name)
    if said is None:
        return Limits(low, high)
    if isinstance(said, str):
        if said not in WORDS:
            raise ValueError(f"an assumption is one of {', '.join(WORDS)} or (low, high), not {said!r}")
        floor = low if said == "nonzero" else max(low, 0.0)
        return Limits(floor, high, said == "positive" and floor == 0, said == "nonzero")
    first, last = (None if each is None else number(each, sizes) for each in said)
    return Limits(max(low, -inf if first is None else first), min(high, inf if last is None else last - step))


_OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}


def number(value: Number | str, sizes: Mapping[str, int]) -> float:
    """A number, or the value of an expression over size symbols: + - * / // ** and numbers only.

    >>> number("2*v - 1", {"v": 5})
    9.0
    """
    if not isinstance(value, str):
        return float(value)

    def go(node: ast.expr) -> float:
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](go(node.left), go(node.right))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -go(node.operand)
        if isinstance(node, ast.Name) and node.id in sizes:
            return sizes[node.id]
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return node.value
        raise ValueError(f"{value!r} is not an expression over {', '.join(sizes) or 'numbers'}")

    return float(go(ast.parse(value, mode="eval").body))


def size_rows(
    symbols: Sequence[str],
    specs: Sequence[InputSpec] = (),
    *,
    fixed: Mapping[str, int] | None = None,
    constraints: Callable[[Mapping[str, int]], bool] | None = None,
    count: int = 24,
    marks: Sequence[int] = (),
) -> list[dict[str, int]]:
    """Rows of sizes, cheap and telling first: different ones, all 1, equal, each 1 in turn, sizes that don't divide.

    Any two of up to 20 symbols differ in one of the first two rows.  For each number of `marks` there are more rows, in the
    fourth place and after it, in which one of the sizes is just larger.
    """
    fixed = dict(fixed or {})
    seen: list[dict[str, int]] = []

    def allowed(row: dict[str, int]) -> bool:
        shapes = [s.dims(row) for s in specs]
        if row in seen or any(d < 1 for shape in shapes for d in shape):
            return False
        if any(prod(shape) > (LARGEST if seen else HUGE) for shape in shapes):
            return False
        return constraints is None or constraints(row)

    def fresh() -> Iterator[dict[str, int]]:
        for row in _patterns([s for s in symbols if s not in fixed], marks):
            full = {s: fixed[s] if s in fixed else row[s] for s in symbols}
            if allowed(full):
                seen.append(full)
                yield full

    return list(islice(fresh(), count + len(marks) * (len(symbols) - len(fixed))))


def _patterns(symbols: Sequence[str], marks: Sequence[int] = ()) -> Iterator[dict[str, int]]:
    cycles = [(2, 3, 4, 5), (3, 2, 5, 4, 6), (4, 2, 3)]
    for cycle in cycles:
        yield {s: cycle[i % len(cycle)] for i, s in enumerate(symbols)}
    for mark in marks:
        for each in symbols:
            yield {s: mark + 1 if s == each else cycles[0][i % 4] for i, s in enumerate(symbols)}
    yield dict.fromkeys(symbols, 1)
    yield dict.fromkeys(symbols, 4)
    for each in symbols:
        yield {s: 1 if s == each else cycles[0][i % 4] for i, s in enumerate(symbols)}
    for cycle in ((7, 5, 3, 2), (5, 8, 6, 7), (16, 9, 4, 3), (2, 2, 2, 2), (3, 3, 3, 3), (8, 4, 8, 4), (6, 6, 6, 6)):
        yield {s: cycle[i % len(cycle)] for i, s in enumerate(symbols)}
    for i in range(64):
        yield {s: 1 + (7 * i + 5 * j + i * j) % 9 for j, s in enumerate(symbols)}
    yield {s: 33 - i % 3 for i, s in enumerate(symbols)}
