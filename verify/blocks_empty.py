"""Whether a test of a block's corners says that a mask is false on the whole block: the obligation of skipping it, by Z3.

Blocks begin anywhere and have any width, sizes are any numbers from 1 on, and the last block may reach past the axis: what has
no counterexample here holds for every tiling.  To add here: an operator of indices.  Never here: which tests are used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import z3

from commute.theory.axes import Axis, Size
from commute.theory.terms import Term, postorder

MILLISECONDS = 2000

_OPS: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b, "mul": lambda a, b: a * b, "lt": lambda a, b: a < b, "le": lambda a, b: a <= b,
    "eq": lambda a, b: a == b, "and": z3.And, "or": z3.Or, "not": z3.Not, "max": lambda a, b: z3.If(a < b, b, a),
    "min": lambda a, b: z3.If(a < b, a, b), "true": lambda: z3.BoolVal(True), "false": lambda: z3.BoolVal(False),
}  # fmt: skip


@dataclass
class Block:
    """A block of indices of any place and width, as unknowns of Z3."""

    known: list[Any] = field(default_factory=list)
    _numbers: dict[str, Any] = field(default_factory=dict)
    _axes: dict[Axis, tuple[Any, Any, Any]] = field(default_factory=dict)

    def number(self, symbol: str) -> Any:
        """The value of a size's symbol, at least 1."""
        if symbol not in self._numbers:
            self._numbers[symbol] = z3.Int(f"size {symbol}")
            self.known.append(self._numbers[symbol] >= 1)
        return self._numbers[symbol]

    def size(self, size: Size) -> Any:
        """The value of a size."""
        total: Any = z3.IntVal(0)
        for powers, factor in size.terms:
            part: Any = z3.IntVal(factor)
            for symbol, exponent in powers:
                for _ in range(exponent):
                    part = part * self.number(symbol)
            total = total + part
        return total

    def ends(self, axis: Axis) -> tuple[Any, Any, Any]:
        """The first index of the block, its last, and any one in between."""
        if axis not in self._axes:
            first, width, at = (z3.Int(f"{what} {axis} {axis.copy}") for what in ("first", "width", "index"))
            whole = self.size(axis.size)
            end: Any = z3.If(first + width < whole, first + width, whole)
            last = end - 1
            self.known += [first >= 0, first < whole, width >= 1, first <= at, at <= last]
            self._axes[axis] = (first, last, at)
        return self._axes[axis]

    def truth(self, term: Term, corner: Mapping[Axis, int] | None = None) -> Any:
        """A term of indices at a corner (0 the first index of an axis, 1 the last), else at the index in between.

        Raises KeyError for an operator that isn't known here.
        """
        values: dict[Term, Any] = {}
        for t in postorder(term):
            if t.op == "axis":
                values[t] = self.ends(t.attrs[0])[corner[t.attrs[0]] if corner is not None else 2]
            elif t.op == "size":
                values[t] = self.number(t.attrs[0])
            elif t.op == "const":
                values[t] = z3.IntVal(int(t.attrs[0])) if t.attrs[0].denominator == 1 else z3.RealVal(str(t.attrs[0]))
            else:
                values[t] = _OPS[t.op](*(values[a] for a in t.args))
        return values[term]

    def corners(self, case: Term) -> Any:
        """That a condition holds at all corners of the block."""
        axes = sorted(case.free, key=lambda a: a.key)
        picks = product((0, 1), repeat=len(axes))
        return z3.And(*(self.truth(case, dict(zip(axes, pick, strict=True))) for pick in picks))


def counterexample(condition: Term, cases: Sequence[Term]) -> str:
    """Why a block at whose corners one of the cases holds may have an index where `condition` doesn't.

    Empty where Z3 shows that there is none.
    """
    block = Block()
    try:
        truth = block.truth(condition)
        test = z3.Or(*map(block.corners, cases))
    except KeyError as error:
        return f"the operator {error} of the mask isn't known"
    solver = z3.Solver()
    solver.set("timeout", MILLISECONDS)
    solver.add(*block.known, test, z3.Not(truth))
    answer = solver.check()
    if answer == z3.unsat:
        return ""
    return f"the mask isn't constant on the block: {solver.model()}" if answer == z3.sat else "Z3 gives no answer in time"
