"""Real numbers made of sizes: `math.sqrt(d)`, `1 / n`, `d ** -0.5`, and real parameters of programs.

To add here: arithmetic of such numbers.  Never here: sizes themselves (`symbols.py`), tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from commute.lowering.active import Symbolic, active, divided, whole
from commute.lowering.paths import Question, solve
from commute.lowering.registry import Unsupported
from commute.theory.axes import Size
from commute.theory.index import as_size
from commute.theory.ops import add, exp, log, mul, recip, sqrt, unary
from commute.theory.terms import INT, Term, const, size_value


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
        size = whole(value)
        return SymReal(active().number(value)) if size is None else SymReal(size_value(size), (size, Size(1)))

    @staticmethod
    def ratio(over: Size, under: Size) -> SymReal:
        """The quotient of two sizes."""
        if _may_vanish(under):
            raise ZeroDivisionError("division by zero")
        whole = over.divided_by(under)
        if whole is not None:
            return SymReal(size_value(whole), (whole, Size(1)))
        if under.constant is not None:
            return SymReal(mul(const(Fraction(1, under.constant)), size_value(over)), (over, under))
        below = recip(size_value(under))
        return SymReal(below if over == Size(1) else mul(size_value(over), below), (over, under))

    def _with(self, other: Any, make: Callable[[Term, Term], Term], swap: bool = False) -> Any:
        if not isinstance(other, float | Fraction | SymReal) and whole(other) is None:
            return NotImplemented
        term = SymReal.of(other).term
        return SymReal(make(term, self.term) if swap else make(self.term, term))

    def __repr__(self) -> str:
        return str(self.term)

    def __add__(self, other: Any) -> Any:
        return self._with(other, _plus)

    def __mul__(self, other: Any) -> Any:
        size = whole(other)
        if self.quotient and size is not None:
            return SymReal.ratio(self.quotient[0] * size, self.quotient[1])
        return self._with(other, _times)

    __radd__, __rmul__ = __add__, __mul__

    def __sub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: _plus(a, _times(const(-1), b)))

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: _plus(a, _times(const(-1), b)), swap=True)

    def __neg__(self) -> SymReal:
        return SymReal(_times(const(-1), self.term))

    def __truediv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: _times(a, _divisor(b)))

    def __rtruediv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: _times(a, _divisor(b)), swap=True)

    def __pow__(self, other: Any) -> Any:
        return self._with(other, power)

    def __rpow__(self, other: Any) -> Any:
        return self._with(other, power, swap=True)

    def __abs__(self) -> SymReal:
        return SymReal(Term("abs", (self.term,)))

    def _compare(self, other: Any, sign: str) -> bool:
        other = SymReal.of(other)
        if self.quotient and other.quotient and _positive(self) and _positive(other):
            return _ordered(self.quotient[0] * other.quotient[1], other.quotient[0] * self.quotient[1], sign)
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
        known = isinstance(other, float | SymReal) or whole(other) is not None
        return known and self._compare(other, "=")

    def __hash__(self) -> int:
        return hash(self.term)

    def __bool__(self) -> bool:
        return not self == 0

    def __float__(self) -> float:
        raise Unsupported(f"a Python float is needed for {self}, which has no fixed value")

    def __int__(self) -> int:
        raise Unsupported(f"int() of {self}, which has no fixed value")

    def rounded(self, up: bool) -> Size:
        """The floor (or the ceiling) where it is a size."""
        if self.quotient is None:
            raise Unsupported(f"{self} rounded to an integer")
        over, under = self.quotient
        return divided(over + (under - 1 if up else Size(0)), under, "rounded by")[0]

    def __round__(self, digits: int | None = None) -> Any:
        raise Unsupported(f"round() of {self}")

    def item(self) -> SymReal:
        """The number itself, as of a tensor of one element."""
        return self

    def sqrt(self) -> SymReal:
        """The square root (NumPy looks for this method)."""
        return SymReal(sqrt(self.term))


def _ordered(left: Size, right: Size, sign: str) -> bool:
    if sign == "=":
        return active().ask(Question("zero", left - right, f"{left} = {right}", f"{left} != {right}"))
    gap = right - left - (1 if sign == "<" else 0)
    return active().ask(Question("nonnegative", gap, f"{left} {sign} {right}", f"not {left} {sign} {right}"))


def _positive(value: SymReal) -> bool:
    return value.quotient is not None and value.quotient[1].provably_positive()


def _divisor(term: Term) -> Term:
    """1 / term; where a size in the term makes it 0, Python raises, and that is a path of its own."""
    factors = [term]
    while factors:
        top = factors.pop()
        if top.op in ("mul", "sqrt", "abs"):
            factors += top.args
            continue
        size = _size(top) if top.op != "log" else None if (inner := _size(top.args[0])) is None else inner - 1
        if size is not None and _may_vanish(size):
            raise ZeroDivisionError("float division by zero")
    return inverse(term)


def _may_vanish(size: Size) -> bool:
    """Whether a size is 0 on this path; one of which no symbol can be solved for is taken not to be."""
    plain = size.terms and solve(size) is None
    return not plain and active().ask(Question("zero", size, f"{size} = 0", f"{size} != 0"))


def _size(term: Term) -> Size | None:
    """The size that a term is, where it is one."""
    return as_size(term) if term.sort == INT else None


def _at_least(term: Term, least: int) -> Term:
    """The term as an argument of a function of the math module, which raises below `least`."""
    size = _size(term)
    if size is None or any(sum(e for _, e in powers) > 1 for powers, _ in size.terms):
        return term
    if not active().ask(Question("nonnegative", size - least, f"{size} >= {least}", f"{size} < {least}")):
        raise ValueError("math domain error")
    return term


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
        "sqrt": lambda t: sqrt(_at_least(t, 0)),
        "exp": exp,
        "log": lambda t: log(_at_least(t, 1)),
        "log2": lambda t: mul(log(_at_least(t, 1)), recip(log(const(2)))),
        "log10": lambda t: mul(log(_at_least(t, 1)), recip(log(const(10)))),
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
