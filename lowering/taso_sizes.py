"""Equations between sizes, and all their solutions in positive integers.

An equation is solved for a symbol where that gives a positive size; `a*b = c*d` by four numbers; what is left is split into
cases (`p = n`, `n = p + e`, `p = n + e`), which lose nothing.  To add here: another kind of equation that has a full solution.
Never here: what the sizes are of.

>>> a, b, c = (Size.symbol(s) for s in "abc")
>>> [{k: str(v) for k, v in s.values.items()} for s in solve([Equation(a + b - c)])]
[{'c': 'a + b'}]
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import gcd

from commute.theory.axes import Size

CASES = 12
"""At most so many cases of one rule are looked at."""


class NoSolution(Exception):
    """No sizes satisfy the equations."""


@dataclass(frozen=True)
class Equation:
    """A size that has to be 0, how to say so, and whether it is the right side that asks for it."""

    zero: Size
    words: str = ""
    right: bool = False


@dataclass
class Solution:
    """What symbols stand for, the equations that are left over, and the conditions met that the left side doesn't imply."""

    values: dict[str, Size] = field(default_factory=dict)
    left: list[Size] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    fresh: int = 0
    names: Mapping[str, str] = field(default_factory=dict)

    def put(self, size: Size) -> Size:
        """The size with every solved symbol replaced."""
        return size.put(self.values)

    def set(self, symbol: str, value: Size) -> None:
        """Let a symbol stand for a size."""
        self.values = {s: v.put({symbol: value}) for s, v in self.values.items()} | {symbol: value}
        self.left = [z for e in self.left if (z := reduced(e.put({symbol: value}))).terms]

    def new(self) -> Size:
        """A symbol that occurs nowhere."""
        self.fresh += 1
        return Size.symbol(f"y{self.fresh}")

    def copy(self) -> Solution:
        """Another one, to go on from."""
        return Solution(dict(self.values), list(self.left), list(self.conditions), self.fresh, self.names)

    def add(self, equation: Equation) -> None:
        """One more equation; NoSolution where it can't hold."""
        zero = reduced(self.put(equation.zero))
        if not zero.terms or zero in self.left or -zero in self.left:
            return
        if equation.right and not self._defines(zero):
            self.conditions.append(self._said(zero) or equation.words)
        self.left.append(zero)
        self.settle()

    def cost(self, equation: Equation) -> tuple[bool, int]:
        """What only gives a name to something comes first, then what is short."""
        zero = reduced(self.put(equation.zero))
        return bool(zero.terms) and not self._defines(zero), len(zero.terms)

    def _defines(self, zero: Size) -> bool:
        """Whether the equation only gives a name to something: an own symbol that occurs nowhere else."""
        told = [v for s, v in self.values.items() if s[0] not in "gpec"]
        used = set().union(*(v.symbols for v in told), *(z.symbols for z in self.left), set())
        return any(s[0] in "gpec" and s not in used for s, _ in _solvable(zero))

    def _said(self, zero: Size) -> str:
        """The equation that is left of one between sizes of variables, or nothing where it speaks of others."""
        if not all(self.names.get(s, "").endswith("]") and s[0] == "d" for s in zero.symbols):
            return ""
        sides = [Size({m: c * sign for m, c in zero.terms if c * sign > 0}) for sign in (1, -1)]
        return " = ".join(sorted((spoken(str(s), self.names) for s in sides), key=lambda t: (len(t), t)))

    def settle(self) -> None:
        """Solve what can be solved for a symbol."""
        progress = True
        while progress:
            progress = False
            for zero in list(self.left):
                signs = {c > 0 for _, c in zero.terms}
                if len(signs) == 1 and zero.terms:
                    raise NoSolution(f"{zero} = 0")
                found = _solvable(zero)
                if found:
                    self.left.remove(zero)
                    self.set(*found[0])
                    progress = True
                    break

    def cases(self) -> list[Solution]:
        """All solutions, by cases; the equations that have none of the known forms are left over."""
        for zero in self.left:
            four = _four(zero)
            if four:
                return self._by_four(*four)
            pair = _pair(zero)
            if pair:
                return self._by_order(*pair)
        return [self]

    def _by_four(self, first: tuple[str, str], second: tuple[str, str]) -> list[Solution]:
        """a*b = c*d has exactly the solutions a = k*l, b = m*n, c = k*m, d = l*n."""
        k, m, n, l_ = (self.new() for _ in range(4))
        own = self.copy()
        for symbol, value in zip((*first, *second), (k * l_, m * n, k * m, l_ * n), strict=True):
            own.set(symbol, value)
        own.settle()
        return own.cases()

    def _by_order(self, p: str, n: str) -> list[Solution]:
        """p = n, p < n, or p > n."""
        found: list[Solution] = []
        rest = self.new()
        for symbol, value in ((p, Size.symbol(n)), (n, Size.symbol(p) + rest), (p, Size.symbol(n) + rest)):
            own = self.copy()
            try:
                own.set(symbol, value)
                own.settle()
                found += own.cases()
            except NoSolution:
                continue
        return found


def solve(equations: Sequence[Equation], names: Mapping[str, str] | None = None) -> list[Solution]:
    """Every solution of the equations, by cases; NoSolution where there is none.  `names` says symbols in words."""
    whole = Solution(names=names or {})
    for each in equations:
        if not each.right:
            whole.add(each)
    waiting = [e for e in equations if e.right]
    while waiting:
        waiting.sort(key=whole.cost)
        whole.add(waiting.pop(0))
    return whole.cases()


def spoken(text: str, names: Mapping[str, str]) -> str:
    """A text with every symbol said in words."""
    return re.sub(r"\w+", lambda found: names.get(found[0], found[0]), text)


def reduced(zero: Size) -> Size:
    """The equation without factors that all its terms have."""
    if len(zero.terms) < 2:
        return zero
    common = gcd(*(c for _, c in zero.terms))
    zero = Size({m: c // common for m, c in zero.terms})
    for symbol in sorted(zero.symbols):
        while zero.terms and all(any(s == symbol for s, _ in m) for m, _ in zero.terms):
            quotient = zero.divided_by(Size.symbol(symbol))
            assert quotient is not None
            zero = quotient
    return _factored(zero)


def _factored(zero: Size) -> Size:
    """`g*b - a` as `g - a/b`, where b is a sum of sizes that divides a."""
    for symbol in sorted(zero.symbols):
        linear = [(m, c) for m, c in zero.terms if (symbol, 1) in m]
        if any(s == symbol and e > 1 for m, _ in zero.terms for s, e in m) or len({c > 0 for _, c in linear}) != 1:
            continue
        factor = Size({tuple(p for p in m if p[0] != symbol): c for m, c in linear})
        quotient = (Size.symbol(symbol) * factor - zero).divided_by(factor)
        if len(linear) > 1 and quotient is not None:
            return Size.symbol(symbol) - quotient
    return zero


def _solvable(zero: Size) -> list[tuple[str, Size]]:
    """Symbols that the equation gives as positive sizes, own symbols of operators first."""
    found: list[tuple[str, Size]] = []
    for monomial, coefficient in zero.terms:
        if len(monomial) != 1 or monomial[0][1] != 1 or abs(coefficient) != 1:
            continue
        symbol = monomial[0][0]
        value = (zero - Size.symbol(symbol) * coefficient) * -coefficient
        if symbol not in value.symbols and value.provably_positive():
            found.append((symbol, value))
    return sorted(found, key=lambda f: (f[0][0] not in "gpec", f[0]))


def _four(zero: Size) -> tuple[tuple[str, str], tuple[str, str]] | None:
    if len(zero.terms) != 2 or sorted(c for _, c in zero.terms) != [-1, 1]:
        return None
    pairs = [tuple(s for s, e in m if e == 1) for m, _ in zero.terms]
    if any(len(p) != 2 or len(m) != 2 for p, (m, _) in zip(pairs, zero.terms, strict=True)):
        return None
    return (pairs[0][0], pairs[0][1]), (pairs[1][0], pairs[1][1])


def _pair(zero: Size) -> tuple[str, str] | None:
    """Two symbols of a linear equation, one with either sign."""
    if any(len(m) > 1 or m and m[0][1] != 1 for m, _ in zero.terms):
        return None
    plus = [m[0][0] for m, c in zero.terms if m and c == 1]
    minus = [m[0][0] for m, c in zero.terms if m and c == -1]
    return (plus[0], minus[0]) if plus and minus else None
