"""Numbers that are not known while a program is traced: sizes (`SymInt`) and shapes.

They are plain objects that Torch hands to `__torch_function__`, so ordinary code over shapes runs on them unchanged.
What would turn a symbol into one Python number (`range(n)`, indexing a list by n) raises `Unsupported` and names the axis.
To add here: arithmetic of sizes.  Never here: tensors, reals (`reals.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from commute.lowering.active import Symbolic, active, divided, names, whole
from commute.lowering.paths import Question
from commute.lowering.reals import SymReal
from commute.lowering.registry import Unsupported
from commute.theory.axes import Size
from commute.theory.ops import exp, log, mul
from commute.theory.terms import const, size_value


def integer(size: Size) -> int | SymInt:
    """A size as the program sees it: a plain int where it is one."""
    return SymInt(size) if size.constant is None else size.constant


class SymInt(Symbolic):
    """An integer that is a polynomial in size symbols; arithmetic stays exact, and what can't be decided forks the path."""

    __slots__ = ("size",)

    def __init__(self, size: Size):
        self.size = size

    def __hash__(self) -> int:
        return hash(self.size)

    def __repr__(self) -> str:
        return str(self.size)

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return str(self.size)

    # --- arithmetic ---

    def _integers(self, other: Any, make: Callable[[Size, Size], Size]) -> Any:
        size = whole(other)
        return NotImplemented if size is None else integer(make(self.size, size))

    def __add__(self, other: Any) -> Any:
        return SymReal.of(self) + other if _is_real(other) else self._integers(other, lambda a, b: a + b)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, list | tuple | str):
            raise Unsupported(f"a Python sequence repeated {self} times: axis {names(self.size)} has no fixed size")
        return SymReal.of(self) * other if _is_real(other) else self._integers(other, lambda a, b: a * b)

    def __sub__(self, other: Any) -> Any:
        return SymReal.of(self) - other if _is_real(other) else self._integers(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Any:
        return other - SymReal.of(self) if _is_real(other) else self._integers(other, lambda a, b: b - a)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Any:
        return integer(-self.size)

    def __pos__(self) -> SymInt:
        return self

    def __abs__(self) -> Any:
        return self if self >= 0 else -self

    def __floordiv__(self, other: Any) -> Any:
        return _quotient(self.size, whole(other), "//", 0)

    def __rfloordiv__(self, other: Any) -> Any:
        return _quotient(whole(other), self.size, "//", 0)

    def __mod__(self, other: Any) -> Any:
        return _quotient(self.size, whole(other), "%", 1)

    def __rmod__(self, other: Any) -> Any:
        return _quotient(whole(other), self.size, "%", 1)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __truediv__(self, other: Any) -> Any:
        size = whole(other)
        return SymReal.of(self) / other if size is None else SymReal.ratio(self.size, size)

    def __rtruediv__(self, other: Any) -> Any:
        size = whole(other)
        return other / SymReal.of(self) if size is None else SymReal.ratio(size, self.size)

    def __pow__(self, other: Any) -> Any:
        if isinstance(other, int) and other >= 0:
            return integer(self.size**other)
        return SymReal.of(self) ** other

    def __rpow__(self, other: Any) -> Any:
        return SymReal(const(1) if other == 1 else exp(mul(size_value(self.size), log(active().number(other)))))

    def bit_length(self) -> int:
        """Not a polynomial in the size."""
        raise Unsupported(f"bit_length of {self}: axis {names(self.size)} has no fixed size")

    # --- questions ---

    def _ask(self, kind: str, size: Size, yes: str, no: str) -> bool:
        return active().ask(Question(kind, size, yes, no))

    def __eq__(self, other: Any) -> bool:  # type: ignore[override]
        size = whole(other)
        if size is None:
            return SymReal.of(self) == other if _is_real(other) else False
        return self._ask("zero", self.size - size, f"{self.size} = {size}", f"{self.size} != {size}")

    def __ne__(self, other: Any) -> bool:  # type: ignore[override]
        return not self == other

    def _below(self, left: Size, right: Size) -> bool:
        return self._ask("nonnegative", right - left - 1, f"{left} < {right}", f"{left} >= {right}")

    def __lt__(self, other: Any) -> Any:
        size = whole(other)
        return SymReal.of(self) < other if size is None else self._below(self.size, size)

    def __gt__(self, other: Any) -> Any:
        size = whole(other)
        return SymReal.of(self) > other if size is None else self._below(size, self.size)

    def __le__(self, other: Any) -> Any:
        size = whole(other)
        return SymReal.of(self) <= other if size is None else not self._below(size, self.size)

    def __ge__(self, other: Any) -> Any:
        size = whole(other)
        return SymReal.of(self) >= other if size is None else not self._below(self.size, size)

    def __bool__(self) -> bool:
        return self != 0

    # --- what would fix the size ---

    def _fixed(self, what: str) -> Any:
        raise Unsupported(
            f"{what} {self}: axis {names(self.size)} may have any size, "
            f"so this can't be unrolled; fix it in the annotation or by sizes={{...}}"
        )

    def __index__(self) -> int:
        return self._fixed("a Python integer is needed for")

    def __int__(self) -> int:
        return self._fixed("int() of")

    def __float__(self) -> float:
        return self._fixed("a Python float is needed for")

    def __round__(self, digits: int | None = None) -> Any:
        return self

    def __trunc__(self) -> Any:
        return self

    __floor__ = __ceil__ = __trunc__

    def item(self) -> SymInt:
        """The integer itself, as of a tensor of one element."""
        return self

    def sqrt(self) -> SymReal:
        """The square root (NumPy looks for this method)."""
        return SymReal.of(self).sqrt()

    def is_integer(self) -> bool:
        """True: a size is whole."""
        return True


def _is_real(value: Any) -> bool:
    return isinstance(value, float | Fraction | SymReal)


def _quotient(size: Size | None, by: Size | None, sign: str, part: int) -> Any:
    return NotImplemented if size is None or by is None else integer(divided(size, by, sign)[part])


class SymShape(tuple):
    """A shape as a program sees it: a tuple with `numel`."""

    __slots__ = ()

    def numel(self) -> Any:
        """The number of elements."""
        return math.prod(self)

    def __getitem__(self, key: Any) -> Any:
        found = tuple.__getitem__(self, key)
        return SymShape(found) if isinstance(key, slice) else found

    def __add__(self, other: Any) -> SymShape:
        return SymShape(tuple.__add__(self, tuple(other)))
