"""Large negative numbers in masks, read as minus infinity: an assumption that a caller asks for and a verdict lists.

`masked_fill(m, -1e9)`, `(1 - m) * -10000` and `where(m, 0, finfo.min)` under a softmax (or an exp, or a maximum along an axis)
are numbers over the reals, and programs mean minus infinity by them.  Read so, a row without a key has no value, where the
number gave all keys one weight.  To add here: another way of writing such a mask.  Never here: what minus infinity means.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import product

from commute.lowering.extended import positive
from commute.lowering.lifted import Block, Path, Program
from commute.theory.axes import Size
from commute.theory.ops import add, eq, maximum, mul, where
from commute.theory.polynomial import flat
from commute.theory.terms import BOOL, EXT, INT, MINUS_ONE, NINF, ONE, ZERO, Term, const, postorder, rebuild, reduce

LARGEST = Fraction(-10_000)
"""A number in a mask is taken for minus infinity from here on downwards."""

_EXPONENTIALS = {"exp", "softmax", "softmax_or_zero", "logsumexp", "log_softmax"}
_MOST = 3
"""Conditions that one number may depend on."""


@dataclass
class Masks:
    """A reading of terms; `numbers` are those that were taken for minus infinity."""

    numbers: set[Fraction] = field(default_factory=set)
    _read: dict[Term, Term] = field(default_factory=dict)
    _scores: dict[Term, Term] = field(default_factory=dict)

    def __str__(self) -> str:
        names = ", ".join(_number(n) for n in sorted(self.numbers, reverse=True))
        return f"{names} in a mask read as minus infinity: {self.assumption}"

    @property
    def assumption(self) -> str:
        """What has to be so where the numbers are to mean minus infinity."""
        least = max(self.numbers, default=LARGEST)
        return f"|scores| < {_number(-least / 2)} and no fully masked row"

    def paths(self, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        """The paths of lifted programs with all of their results read so."""
        return tuple(replace(p, programs=tuple(self._program(q) for q in p.programs)) for p in paths)

    def _program(self, program: Program) -> Program:
        outputs = tuple(
            replace(o, blocks=tuple(map(self._block, o.blocks)), whole=self._block(o.whole)) for o in program.outputs
        )
        return replace(program, outputs=outputs)

    def _block(self, block: Block) -> Block:
        return replace(block, term=self.read(block.term))

    def read(self, term: Term) -> Term:
        """The term with minus infinity for the large negative numbers of its masks."""
        for t in postorder(term):
            if t not in self._read:
                node = rebuild(t, tuple(self._read[a] for a in t.args))
                if node.op in _EXPONENTIALS:
                    node = rebuild(node, (self._score(node.args[0]),))
                elif node.op == "reduce" and node.attrs[0] == "max" or node.op == "max" and EXT in _sorts(node):
                    node = self._score(node)
                self._read[t] = node
        return self._read[term]

    # --- what stands where scores stand ------------------------------------------------------------------------------

    def _score(self, t: Term) -> Term:
        if t not in self._scores:
            self._scores[t] = self._score_node(t)
        return self._scores[t]

    def _score_node(self, t: Term) -> Term:
        if t.op == "where" and t.sort != BOOL:
            return self._selection(t)
        if t.op == "add":
            return self._sum(t)
        if t.op == "max":
            return maximum(*(self._hidden(a) if _large(a) else self._score(a) for a in t.args))
        if t.op == "reduce" and t.attrs[0] == "max":
            return reduce("max", t.attrs[1], self._score(t.args[0]))
        if t.op == "mul":
            for factor, rest in (t.args, t.args[::-1]):
                if positive(factor) and (inner := self._score(rest)).sort == EXT:
                    return _scaled(inner, factor)
        return t

    def _selection(self, t: Term) -> Term:
        c, a, b = t.args
        if _large(a) and _large(b):
            return t
        return where(c, *(self._hidden(x) if _large(x) else self._score(x) for x in (a, b)))

    def _hidden(self, number: Term) -> Term:
        self.numbers.add(number.attrs[0])
        return NINF

    def _sum(self, t: Term) -> Term:
        """The sum with what its numbers come to in each case of their masks."""
        parts = [p for p, count in flat(t, "add").items() for _ in range(count)]
        fixed = [p for p in parts if _is_number(p)]
        rest = [self._score(p) for p in parts if not _is_number(p)]
        mask = self._cases(fixed, _streams(rest))
        if mask is None:
            return t if all(r in parts for r in rest) else _total([*rest, *fixed])
        return _total([*rest, mask]) if rest else mask

    def _cases(self, numbers: list[Term], streams: bool) -> Term | None:
        """The sum of numbers as a selection, minus infinity where it is large; None where it isn't, or is everywhere."""
        conditions = list(dict.fromkeys(_plain(c) for n in numbers for c in _conditions(n)))
        if not numbers or len(conditions) > _MOST:
            return None
        total = _total(numbers)
        values = {case: _value(total, dict(zip(conditions, case, strict=True))) for case in _truths(len(conditions))}
        large = [v for v in values.values() if v <= LARGEST]
        if not large or (len(large) == len(values) and not streams):
            return None
        self.numbers.update(large)

        def select(known: tuple[bool, ...]) -> Term:
            if len(known) == len(conditions):
                return NINF if values[known] <= LARGEST else const(values[known])
            yes, no = select((*known, True)), select((*known, False))
            return yes if yes is no else where(conditions[len(known)], yes, no)

        return select(())


def _large(t: Term) -> bool:
    return t.op == "const" and t.attrs[0] <= LARGEST


def _sorts(t: Term) -> list[str]:
    return [a.sort for a in t.args]


def _total(parts: list[Term]) -> Term:
    result = parts[0]
    for part in parts[1:]:
        result = add(result, part)
    return result


def _streams(parts: list[Term]) -> bool:
    """Whether a maximum is subtracted in which minus infinity is the first value: a running maximum of a stream."""
    negated = [p.args[1] for p in parts if p.op == "mul" and p.args[0] is MINUS_ONE]
    return any(t.op == "max" and NINF in postorder(t) for t in negated)


def _scaled(t: Term, factor: Term) -> Term:
    """factor times what may be minus infinity, for a positive factor."""
    if t is NINF:
        return t
    if t.sort == EXT and t.op in ("where", "add", "max"):
        return rebuild(t, tuple(a if a.sort == BOOL else _scaled(a, factor) for a in t.args))
    if t.sort == EXT and t.op == "reduce":
        return rebuild(t, (_scaled(t.args[0], factor),))
    return ZERO if t is ZERO else mul(factor, t)


# --- numbers that depend on masks only -------------------------------------------------------------------------------


def _is_bit(t: Term) -> bool:
    """Whether a term is an integer argument that is 0 or 1."""
    return t.op == "input" and t.sort == INT and t.attrs[3] == Size(2)


def _is_number(t: Term) -> bool:
    """Whether a term is made of numbers and of truth values as 0 and 1 only."""
    inner = [x for x in _above_conditions(t) if x.sort != BOOL]
    return all(x.op in ("const", "add", "mul", "where") or _is_bit(x) for x in inner)


def _above_conditions(t: Term) -> Iterator[Term]:
    """The subterms of a term without those of its conditions."""
    stack = [t]
    while stack:
        top = stack.pop()
        yield top
        if top.sort != BOOL and not _is_bit(top):
            stack += top.args


def _conditions(t: Term) -> Iterator[Term]:
    for x in _above_conditions(t):
        if x.sort == BOOL:
            yield x
        elif _is_bit(x):
            yield eq(x, ONE)


def _plain(condition: Term) -> Term:
    while condition.op == "not":
        condition = condition.args[0]
    return condition


def _truths(count: int) -> list[tuple[bool, ...]]:
    return list(product((True, False), repeat=count))


def _value(t: Term, known: dict[Term, bool]) -> Fraction:
    """The number that a term is in one case of its conditions."""
    if t.op == "const":
        return t.attrs[0]
    if _is_bit(t):
        return Fraction(known[eq(t, ONE)])
    if t.op == "where":
        c, negated = t.args[0], False
        while c.op == "not":
            c, negated = c.args[0], not negated
        return _value(t.args[1 if known[c] != negated else 2], known)
    left, right = (_value(a, known) for a in t.args)
    return left + right if t.op == "add" else left * right


def _number(value: Fraction) -> str:
    """A number in a few digits: -1e9, -3.4e38.

    >>> _number(Fraction(-10**9)), _number(Fraction(5 * 10**8)), _number(Fraction(-10000))
    ('-1e9', '5e8', '-10000')
    """
    if abs(value) < 10**6:
        return f"{float(value):g}"
    mantissa, exponent = f"{float(value):.2g}".split("e")
    return f"{mantissa}e{int(exponent)}"
