"""Sizes and axes: the wires of a diagram and how long they are.

A size is a polynomial with integer coefficients in positive integer symbols (`n`, `4*w`, `h*d`, `n1 + n2`).
An axis is a global name: a size and a copy number.  Two axes of one size are told apart by the copy alone (`n`, `n'`),
so the same algorithm gets the same names however it was written.  To add here: arithmetic of sizes.
Never here: anything that knows of terms or of Torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

Powers = tuple[tuple[str, int], ...]


class Size:
    """A polynomial in size symbols, each symbol a positive integer.

    >>> n, w = Size.symbol("n"), Size.symbol("w")
    >>> str(4 * w + n), (4 * w).divided_by(w), (n + w - 1).provably_positive()
    ('n + 4*w', Size(4), True)
    """

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: Mapping[Powers, int] | int):
        table = {(): terms} if isinstance(terms, int) else terms
        self.terms: tuple[tuple[Powers, int], ...] = tuple(sorted((m, c) for m, c in table.items() if c))
        self._hash = hash(self.terms)

    @staticmethod
    def symbol(name: str) -> Size:
        """The size whose value is the symbol `name`."""
        return Size({((name, 1),): 1})

    @staticmethod
    def of(value: Size | int) -> Size:
        """`value` as a size."""
        return value if isinstance(value, Size) else Size(value)

    @property
    def constant(self) -> int | None:
        """The integer that this size is, or None where it has symbols."""
        if not self.terms:
            return 0
        return self.terms[0][1] if len(self.terms) == 1 and self.terms[0][0] == () else None

    @property
    def symbols(self) -> frozenset[str]:
        """The symbols that occur."""
        return frozenset(s for m, _ in self.terms for s, _ in m)

    def __eq__(self, other: object) -> bool:
        return self.terms == Size.of(other).terms if isinstance(other, Size | int) else NotImplemented

    def __hash__(self) -> int:
        return self._hash

    def __add__(self, other: Size | int) -> Size:
        table = dict(self.terms)
        for m, c in Size.of(other).terms:
            table[m] = table.get(m, 0) + c
        return Size(table)

    def __mul__(self, other: Size | int) -> Size:
        table: dict[Powers, int] = {}
        for m1, c1 in self.terms:
            for m2, c2 in Size.of(other).terms:
                m = _times(m1, m2)
                table[m] = table.get(m, 0) + c1 * c2
        return Size(table)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Size:
        return self * -1

    def __sub__(self, other: Size | int) -> Size:
        return self + Size.of(other) * -1

    def __rsub__(self, other: int) -> Size:
        return Size.of(other) - self

    def __pow__(self, exponent: int) -> Size:
        result = Size(1)
        for _ in range(exponent):
            result = result * self
        return result

    def divided_by(self, other: Size | int) -> Size | None:
        """The exact quotient, or None where the division leaves a rest (or can't be seen to be exact)."""
        return _quotient(self, Size.of(other))

    def at(self, sizes: Mapping[str, int]) -> int:
        """The integer value at an assignment of the symbols; KeyError names a missing one."""
        total = 0
        for m, c in self.terms:
            for s, e in m:
                c *= sizes[s] ** e
            total += c
        return total

    def put(self, sizes: Mapping[str, Size]) -> Size:
        """This size with some symbols replaced by sizes."""
        total = Size(0)
        for m, c in self.terms:
            part = Size(c)
            for s, e in m:
                part = part * sizes.get(s, Size.symbol(s)) ** e
            total = total + part
        return total

    def provably_nonnegative(self) -> bool:
        """True only if the value is >= 0 whenever every symbol is >= 1 (s = 1 + s', all coefficients >= 0)."""
        return all(c >= 0 for _, c in _shifted(self).terms)

    def provably_positive(self) -> bool:
        """True only if the value is >= 1 whenever every symbol is >= 1."""
        return (self - 1).provably_nonnegative()

    def __str__(self) -> str:
        if not self.terms:
            return "0"
        parts = []
        for m, c in sorted(self.terms, key=lambda t: (not t[0], t[0])):
            factors = [s if e == 1 else f"{s}^{e}" for s, e in m]
            if c != 1 or not m:
                factors.insert(0, str(c))
            parts.append("*".join(factors))
        return " + ".join(parts).replace("+ -1*", "- ").replace("+ -", "- ")

    def __repr__(self) -> str:
        return f"Size({self})"


def _times(left: Powers, right: Powers) -> Powers:
    powers = dict(left)
    for s, e in right:
        powers[s] = powers.get(s, 0) + e
    return tuple(sorted(powers.items()))


@lru_cache(maxsize=65536)
def _shifted(size: Size) -> Size:
    return size.put({s: Size.symbol(s) + 1 for s in size.symbols})


@lru_cache(maxsize=65536)
def _quotient(size: Size, other: Size) -> Size | None:
    if not other.terms:
        return None
    rest, result = size, Size(0)
    lead, coefficient = max(other.terms, key=lambda t: (sum(e for _, e in t[0]), t[0]))
    while rest.terms:
        m, c = max(rest.terms, key=lambda t: (sum(e for _, e in t[0]), t[0]))
        powers = dict(m)
        for s, e in lead:
            powers[s] = powers.get(s, 0) - e
        if c % coefficient or any(e < 0 for e in powers.values()):
            return None
        part = Size({tuple(sorted((s, e) for s, e in powers.items() if e)): c // coefficient})
        result, rest = result + part, rest - part * other
    return result


@dataclass(frozen=True, order=False)
class Axis:
    """A wire: an index that runs over range(size).  `copy` tells axes of one size apart.

    >>> Axis(Size.symbol("n")).name, Axis(Size.symbol("n"), 1).name, Axis(Size(64)).name
    ('n', "n'", '#64')
    """

    size: Size
    copy: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.size, self.copy)))

    def __hash__(self) -> int:
        return self._hash  # type: ignore[attr-defined]

    @property
    def name(self) -> str:
        """The name that a person reads: the size, and a prime for each copy."""
        text = str(self.size)
        base = f"#{text}" if self.size.constant is not None else (text if text.isidentifier() else f"({text})")
        return base + ("'" * self.copy if self.copy < 4 else f"'{self.copy}")

    @property
    def key(self) -> tuple[str, int]:
        """A total order on axes that is the same in every run."""
        return (str(self.size), self.copy)

    def __str__(self) -> str:
        return self.name


def axis(name: str, copy: int = 0) -> Axis:
    """The axis whose size is the symbol `name`.

    >>> str(axis("n", 1))
    "n'"
    """
    return Axis(Size.symbol(name), copy)


def first_free(size: Size, taken: Iterable[Axis]) -> Axis:
    """The first axis of `size` that is not among `taken`: the one rule by which copies are chosen."""
    used = {a.copy for a in taken if a.size == size}
    copy = 0
    while copy in used:
        copy += 1
    return Axis(size, copy)
