"""Numbers that are not known while a program is traced: sizes (`SymInt`), reals made of them (`SymReal`), shapes.

They are plain objects that Torch hands to `__torch_function__`, so ordinary code over shapes runs on them unchanged.
What would turn a symbol into one Python number (`range(n)`, indexing a list by n) raises `Unsupported` and names the axis.
To add here: arithmetic of sizes.  Never here: tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from commute.lowering.paths import Question, divide
from commute.lowering.registry import Unsupported
from commute.theory.axes import Size
from commute.theory.ops import add, exp, log, mul, recip, sqrt, unary
from commute.theory.terms import Term, const, size_value

if TYPE_CHECKING:
    from commute.lowering.tracing import Trace

ACTIVE: list[Trace] = []
"""The traces that are running, innermost last."""


def active() -> Trace:
    """The trace that is running."""
    if not ACTIVE:
        raise Unsupported("a symbolic value outlived its trace")
    return ACTIVE[-1]


class Symbolic:
    """What Torch asks first: every Torch function with a symbolic argument goes to the running trace."""

    __slots__ = ()

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        return active().dispatch(func, args, kwargs or {})


def integer(size: Size) -> int | SymInt:
    """A size as the program sees it: a plain int where it is one."""
    return SymInt(size) if size.constant is None else size.constant


def _size(value: Any) -> Size | None:
    if isinstance(value, SymInt):
        return value.size
    return Size(int(value)) if isinstance(value, int) else None


def _names(size: Size) -> str:
    return ", ".join(sorted(size.symbols))


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
        size = _size(other)
        return NotImplemented if size is None else integer(make(self.size, size))

    def __add__(self, other: Any) -> Any:
        return SymReal.of(self) + other if _is_real(other) else self._integers(other, lambda a, b: a + b)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, list | tuple | str):
            raise Unsupported(f"a Python sequence repeated {self} times: axis {_names(self.size)} has no fixed size")
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
        return NotImplemented if _size(other) is None else _divided(self.size, _size(other), "//")[0]

    def __rfloordiv__(self, other: Any) -> Any:
        return NotImplemented if _size(other) is None else _divided(_size(other), self.size, "//")[0]

    def __mod__(self, other: Any) -> Any:
        return NotImplemented if _size(other) is None else _divided(self.size, _size(other), "%")[1]

    def __rmod__(self, other: Any) -> Any:
        return NotImplemented if _size(other) is None else _divided(_size(other), self.size, "%")[1]

    def __divmod__(self, other: Any) -> Any:
        return NotImplemented if _size(other) is None else _divided(self.size, _size(other), "divmod")

    def __truediv__(self, other: Any) -> Any:
        size = _size(other)
        return SymReal.of(self) / other if size is None else SymReal.ratio(self.size, size)

    def __rtruediv__(self, other: Any) -> Any:
        size = _size(other)
        return other / SymReal.of(self) if size is None else SymReal.ratio(size, self.size)

    def __pow__(self, other: Any) -> Any:
        if isinstance(other, int) and other >= 0:
            return integer(self.size**other)
        return SymReal.of(self) ** other

    def __rpow__(self, other: Any) -> Any:
        return SymReal(const(1) if other == 1 else exp(mul(size_value(self.size), log(active().number(other)))))

    def bit_length(self) -> int:
        """Not a polynomial in the size."""
        raise Unsupported(f"bit_length of {self}: axis {_names(self.size)} has no fixed size")

    # --- questions ---

    def _ask(self, kind: str, size: Size, yes: str, no: str) -> bool:
        return active().ask(Question(kind, size, yes, no))

    def __eq__(self, other: Any) -> bool:  # type: ignore[override]
        size = _size(other)
        if size is None:
            return SymReal.of(self) == other if _is_real(other) else False
        return self._ask("zero", self.size - size, f"{self.size} = {size}", f"{self.size} != {size}")

    def __ne__(self, other: Any) -> bool:  # type: ignore[override]
        return not self == other

    def _below(self, left: Size, right: Size) -> bool:
        return self._ask("nonnegative", right - left - 1, f"{left} < {right}", f"{left} >= {right}")

    def __lt__(self, other: Any) -> Any:
        size = _size(other)
        return SymReal.of(self) < other if size is None else self._below(self.size, size)

    def __gt__(self, other: Any) -> Any:
        size = _size(other)
        return SymReal.of(self) > other if size is None else self._below(size, self.size)

    def __le__(self, other: Any) -> Any:
        size = _size(other)
        return SymReal.of(self) <= other if size is None else not self._below(size, self.size)

    def __ge__(self, other: Any) -> Any:
        size = _size(other)
        return SymReal.of(self) >= other if size is None else not self._below(self.size, size)

    def __bool__(self) -> bool:
        return self != 0

    # --- what would fix the size ---

    def _fixed(self, what: str) -> Any:
        raise Unsupported(
            f"{what} {self}: axis {_names(self.size)} may have any size, "
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

    def is_integer(self) -> bool:
        """True: a size is whole."""
        return True


def _is_real(value: Any) -> bool:
    return isinstance(value, float | Fraction | SymReal)


def _divided(size: Size | None, by: Size | None, sign: str) -> tuple[Any, Any]:
    assert size is not None and by is not None
    found = divide(size, by)
    if found is None:
        axis = _names(size) or _names(by)
        hint = f"annotate it as a multiple, such as {by}*k" if by.constant and size.symbols else "say so in the annotation"
        raise Unsupported(f"{size} {sign} {by}: axis {axis} would have to be divisible by {by}: {hint}")
    return integer(found[0]), integer(found[1])


class SymReal(Symbolic):
    """A real number made of sizes (`math.sqrt(d)`, `1 / n`) or a real parameter: a term without axes."""

    __slots__ = ("quotient", "term")

    def __init__(self, term: Term, quotient: tuple[Size, Size] | None = None):
        self.term = term
        self.quotient = quotient

    @staticmethod
    def of(value: Any) -> SymReal:
        """A number as a symbolic real."""
        if isinstance(value, SymReal):
            return value
        size = _size(value)
        return SymReal(active().number(value)) if size is None else SymReal(size_value(size), (size, Size(1)))

    @staticmethod
    def ratio(over: Size, under: Size) -> SymReal:
        """The quotient of two sizes."""
        if not under.terms:
            raise ZeroDivisionError("division by zero")
        whole = over.divided_by(under)
        if whole is not None:
            return SymReal(size_value(whole), (whole, Size(1)))
        if under.constant is not None:
            return SymReal(mul(const(Fraction(1, under.constant)), size_value(over)), (over, under))
        below = recip(size_value(under))
        return SymReal(below if over == Size(1) else mul(size_value(over), below), (over, under))

    def _with(self, other: Any, make: Callable[[Term, Term], Term], swap: bool = False) -> Any:
        if not isinstance(other, int | float | Fraction | SymInt | SymReal):
            return NotImplemented
        term = SymReal.of(other).term
        return SymReal(make(term, self.term) if swap else make(self.term, term))

    def __repr__(self) -> str:
        return str(self.term)

    def __add__(self, other: Any) -> Any:
        return self._with(other, _plus)

    def __mul__(self, other: Any) -> Any:
        if self.quotient and isinstance(other, SymInt | int):
            return SymReal.ratio(self.quotient[0] * SymReal._whole(other), self.quotient[1])
        return self._with(other, _times)

    @staticmethod
    def _whole(value: Any) -> Size:
        return value.size if isinstance(value, SymInt) else Size(int(value))

    __radd__, __rmul__ = __add__, __mul__

    def __sub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: _plus(a, _times(const(-1), b)))

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: _plus(a, _times(const(-1), b)), swap=True)

    def __neg__(self) -> SymReal:
        return SymReal(_times(const(-1), self.term))

    def __truediv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: _times(a, inverse(b)))

    def __rtruediv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: _times(a, inverse(b)), swap=True)

    def __pow__(self, other: Any) -> Any:
        return self._with(other, power)

    def __rpow__(self, other: Any) -> Any:
        return self._with(other, power, swap=True)

    def __abs__(self) -> SymReal:
        return SymReal(Term("abs", (self.term,)))

    def _compare(self, other: Any, sign: str) -> bool:
        other = SymReal.of(other)
        if self.quotient and other.quotient and _positive(self) and _positive(other):
            left = integer(self.quotient[0] * other.quotient[1])
            right = integer(other.quotient[0] * self.quotient[1])
            return {"<": left < right, "<=": left <= right, "=": left == right}[sign]
        if self.term is other.term:
            return sign != "<"
        raise Unsupported(f"a Python decision on {self} {sign} {other}: both answers may occur")

    def __lt__(self, other: Any) -> bool:
        return self._compare(other, "<")

    def __le__(self, other: Any) -> bool:
        return self._compare(other, "<=")

    def __gt__(self, other: Any) -> bool:
        return SymReal.of(other) < self

    def __ge__(self, other: Any) -> bool:
        return SymReal.of(other) <= self

    def __eq__(self, other: Any) -> bool:  # type: ignore[override]
        return isinstance(other, int | float | SymInt | SymReal) and self._compare(other, "=")

    def __hash__(self) -> int:
        return hash(self.term)

    def __bool__(self) -> bool:
        return not self == 0

    def __float__(self) -> float:
        raise Unsupported(f"a Python float is needed for {self}, which has no fixed value")

    def __int__(self) -> int:
        raise Unsupported(f"int() of {self}, which has no fixed value")

    def rounded(self, up: bool) -> Any:
        """The floor (or the ceiling) where it is a size."""
        if self.quotient is None:
            raise Unsupported(f"{self} rounded to an integer")
        over, under = self.quotient
        return _divided(over + (under - 1 if up else Size(0)), under, "rounded by")[0]

    def __floor__(self) -> Any:
        return self.rounded(False)

    def __ceil__(self) -> Any:
        return self.rounded(True)

    __trunc__ = __floor__

    def __round__(self, digits: int | None = None) -> Any:
        if self.quotient and self.quotient[1] == Size(1):
            return integer(self.quotient[0])
        raise Unsupported(f"round() of {self}")

    def item(self) -> SymReal:
        """The number itself, as of a tensor of one element."""
        return self

    def sqrt(self) -> SymReal:
        """The square root (NumPy looks for this method)."""
        return SymReal(sqrt(self.term))


def _positive(value: SymReal) -> bool:
    return value.quotient is not None and value.quotient[1].provably_positive()


def _plus(a: Term, b: Term) -> Term:
    if a.op == "const" and b.op == "const":
        return const(a.attrs[0] + b.attrs[0])
    return b if a is const(0) else a if b is const(0) else add(a, b)


def _times(a: Term, b: Term) -> Term:
    if a.op == "const" and b.op == "const":
        return const(a.attrs[0] * b.attrs[0])
    return b if a is const(1) else a if b is const(1) else mul(a, b)


def inverse(term: Term) -> Term:
    """1 / term, folded for numbers."""
    if term.op == "const" and term.attrs[0]:
        return const(1 / term.attrs[0])
    return recip(term)


def power(base: Term, exponent: Term) -> Term:
    """base ** exponent for a positive base without axes, by roots and products where the exponent is k/2."""
    twice = exponent.attrs[0] * 2 if exponent.op == "const" else None
    if twice is None or twice.denominator != 1 or abs(twice) > 64:
        return exp(mul(exponent, log(base)))
    count, half = divmod(abs(int(twice)), 2)
    result = const(1)
    for _ in range(count):
        result = _times(base, result)
    if half:
        result = _times(sqrt(base), result)
    return result if twice >= 0 else inverse(result)


def on_reals(name: str) -> Callable[[SymReal], SymReal]:
    """A function of the math module on a symbolic real."""
    table: dict[str, Callable[[Term], Term]] = {
        "sqrt": sqrt,
        "exp": exp,
        "log": log,
        "log2": lambda t: mul(log(t), recip(log(const(2)))),
        "log10": lambda t: mul(log(t), recip(log(const(10)))),
        "log1p": lambda t: log(_plus(const(1), t)),
        "tanh": lambda t: unary("tanh", t),
        "sin": lambda t: unary("sin", t),
        "cos": lambda t: unary("cos", t),
        "erf": lambda t: unary("erf", t),
        "fabs": lambda t: Term("abs", (t,)),
        "exp2": lambda t: exp(mul(t, log(const(2)))),
    }
    return lambda value: SymReal(table[name](value.term))


MATH_FUNCTIONS = ("sqrt", "exp", "log", "log2", "log10", "log1p", "tanh", "sin", "cos", "erf", "fabs", "exp2")


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
