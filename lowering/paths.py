"""Questions about sizes that a program asks while it is traced, and the paths that their answers open.

`n == 1` or `n > 4` on a symbolic size has no one answer, so a program is traced once for each: a question that is open
raises `Fork`, and the driver goes on with one `Facts` for each answer.  An equation that is taken as true fixes a symbol
(`n := 1`), a lower limit is put into it (n >= 2 is `n := n_less_1 + 1`): nothing is dropped silently.
Divisibility is never a question: it must be in the annotation.
To add here: ways of deciding from facts.  Never here: questions about data.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from commute.theory.axes import Size

LIMIT = 8
"""The greatest number of paths that are followed."""

_LESS = "_less_"

FEW = 3
"""An axis that is at most so long is followed at each of its sizes."""


@dataclass(frozen=True)
class Question:
    """Is `size` >= 0 (`kind` "nonnegative"), or = 0 (`kind` "zero")?  `yes` and `no` say the answers in words."""

    kind: str
    size: Size
    yes: str
    no: str


class Fork(BaseException):
    """A question without an answer on this path; not an Exception, so that a program can't catch it."""

    def __init__(self, question: Question):
        super().__init__(question.yes)
        self.question = question


@dataclass(frozen=True)
class Facts:
    """What is known of sizes on one path."""

    nonnegative: tuple[Size, ...] = ()
    nonzero: tuple[Size, ...] = ()
    zero: tuple[Size, ...] = ()
    fixed: dict[str, Size] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    def answer(self, question: Question) -> bool | None:
        """What the facts say to a question, None where they are silent."""
        size = question.size
        if question.kind == "nonnegative":
            if self._nonnegative(size):
                return True
            return False if self._nonnegative(-size - 1) else None
        if not size.terms or size in self.zero or -size in self.zero:
            return True
        if size in self.nonzero or -size in self.nonzero or self._nonnegative(size - 1) or self._nonnegative(-size - 1):
            return False
        return None

    def _nonnegative(self, size: Size) -> bool:
        return size.provably_nonnegative() or any((size - f).provably_nonnegative() for f in self.nonnegative)

    def branches(self, question: Question) -> list[Facts]:
        """The paths that go on from a question: one for each answer, or for each size where there are few."""
        size = question.size
        if question.kind == "zero":
            found = [
                self._zero(size, question.yes),
                replace(self, nonzero=(*self.nonzero, size), words=(*self.words, question.no)),
            ]
        else:
            found = [*self._at_least(size, question.yes), *self._at_least(-size - 1, question.no)]
        return [f for f in found if not f.impossible()]

    def _zero(self, size: Size, words: str) -> Facts:
        solved = solve(size)
        if solved is None:
            return replace(self, zero=(*self.zero, size), words=(*self.words, words))
        return self._fix(*solved, f"{solved[0]} = {solved[1]}")

    def _at_least(self, size: Size, words: str) -> list[Facts]:
        """size >= 0: a lower limit of a symbol is put into it (n := m + 1), a small upper limit gives one path a size."""
        rest = size - (size.put({s: Size(0) for s in size.symbols}).constant or 0)
        limit = (size - rest).constant or 0
        symbol = next(iter(size.symbols)) if len(size.symbols) == 1 else ""
        name = Size.symbol(symbol)
        if symbol and rest == name and limit < -1:
            return [self._fix(symbol, Size.symbol(f"{symbol}{_LESS}{-limit - 1}") - limit - 1, f"{symbol} >= {-limit}")]
        if symbol and rest == -name and 1 <= limit <= FEW:
            return [self._fix(symbol, Size(k), f"{symbol} = {k}") for k in range(1, limit + 1)]
        return [replace(self, nonnegative=(*self.nonnegative, size), words=(*self.words, words))]

    def _fix(self, symbol: str, value: Size, words: str) -> Facts:
        put = {symbol: value}
        return Facts(
            tuple(s.put(put) for s in self.nonnegative),
            tuple(s.put(put) for s in self.nonzero),
            tuple(s.put(put) for s in self.zero),
            {**{k: v.put(put) for k, v in self.fixed.items()}, symbol: value},
            (*self.words, words),
        )

    def impossible(self) -> bool:
        """Whether no sizes at all satisfy the facts, as far as can be seen."""
        empty = any((-s).provably_positive() for s in self.nonnegative) or any(not s.terms for s in self.nonzero)
        wrong = any(s.provably_positive() or (-s).provably_positive() for s in self.zero)
        clash = any((-a - b).provably_positive() for a in self.nonnegative for b in self.nonnegative)
        negative = any((-v + 1).provably_positive() for v in self.fixed.values())
        return empty or wrong or clash or negative


def is_made(symbol: str) -> bool:
    """Whether a size symbol is none of the user's, but was put in for one: n_less_1 in n = n_less_1 + 1."""
    return _LESS in symbol and symbol.rsplit(_LESS, 1)[1].isdecimal()


def solve(size: Size, prefer: tuple[str, ...] = ()) -> tuple[str, Size] | None:
    """A symbol and the size that it must have for `size` to be 0, where that size is provably positive.

    >>> n, w = Size.symbol("n"), Size.symbol("w")
    >>> solve(n - 4 * w), solve(3 * n - 3)
    (('n', Size(4*w)), ('n', Size(1)))
    """
    for symbol in (*prefer, *sorted(size.symbols - set(prefer))):
        own = [(m, c) for m, c in size.terms if any(s == symbol for s, _ in m)]
        if len(own) != 1 or own[0][0] != ((symbol, 1),):
            continue
        rest = size - Size(dict(own))
        value = (-rest).divided_by(own[0][1])
        if value is not None and value.provably_positive():
            return symbol, value
    return None


def divide(size: Size, by: Size) -> tuple[Size, Size] | None:
    """size = by * quotient + rest with 0 <= rest < by, where that is provable for all sizes.

    >>> w = Size.symbol("w")
    >>> divide(5 * w - 1, w)
    (Size(4), Size(w - 1))
    """
    if not by.provably_positive():
        return None
    if size.constant is not None and by.constant is not None:
        quotient, rest = divmod(size.constant, by.constant)
        return Size(quotient), Size(rest)
    lead, coefficient = max(by.terms, key=_degree)
    quotient, rest = Size(0), size
    for m, c in sorted(size.terms, key=_degree, reverse=True):
        powers = dict(m)
        for s, e in lead:
            powers[s] = powers.get(s, 0) - e
        if all(e >= 0 for e in powers.values()) and c // coefficient:
            part = Size({tuple(sorted((s, e) for s, e in powers.items() if e)): c // coefficient})
            if (rest - part * by) != rest and _lower(rest, m, part * by):
                quotient, rest = quotient + part, rest - part * by
    for shift in (0, 1, -1):
        q, r = quotient + shift, rest - by * shift
        if r.provably_nonnegative() and (by - 1 - r).provably_nonnegative():
            return q, r
    return None


def _degree(term: tuple[tuple[tuple[str, int], ...], int]) -> tuple[int, tuple[tuple[str, int], ...]]:
    return (sum(e for _, e in term[0]), term[0])


def _lower(rest: Size, monomial: tuple[tuple[str, int], ...], part: Size) -> bool:
    """Whether `monomial` is still there to be divided."""
    return monomial in dict(rest.terms) and monomial in dict(part.terms)
