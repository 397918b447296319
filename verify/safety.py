"""Where a term may leave the numbers that float32 has, though its value doesn't: overflow, division by 0, cancellation.

Every exp, divisor, root and log is judged by its range (`ranges.py`), for all sizes at once.  What is equal but unsafe is
never chosen by default.  Composites are safe as Torch computes them: softmax takes its maximum out first.  A composite that
a lift opened (softmax over an axis in blocks, logaddexp) is judged by its formula, hence called unsafe: to the safe side.
To add here: another way to leave the range, with its words.  Never here: ranges themselves, rounding errors.

>>> from commute.theory.axes import axis
>>> from commute.theory.ops import div, exp, sub, total
>>> from commute.theory.terms import index, read, reduce
>>> k = axis("k")
>>> s = read("s", [index(k)], [k.size])
>>> for finding in unsafe(div(exp(s), total(k, exp(s)))):
...     print(finding)
unsafe because exp(s[k]) has an argument up to 1e+04, which overflows float32 past 88.7
unsafe because 1/(Σ[k] exp(s[k])) divides by what may underflow to 0
>>> shifted = exp(sub(s, reduce("max", k, s)))
>>> unsafe(div(shifted, total(k, shifted)))
[]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

from commute.theory.ops import COMPOSITES, definition
from commute.theory.terms import Term
from commute.verify.formats import FLOAT32, Format
from commute.verify.linear import Facts, Range, branches, linear, relevant, without
from commute.verify.ranges import Ranges

__all__ = ["DEFAULT_RANGE", "Finding", "unsafe"]

DEFAULT_RANGE: Range = (-1e4, 1e4)
WIDTH = 72
"""The most characters of a term in a sentence."""

TORCH_SAFE = frozenset(COMPOSITES) - {"relu", "abs"}


@dataclass(frozen=True)
class Finding:
    """One place that is unsafe: `kind` is overflow, zero, negative or cancellation; `term` the operator; `words` why."""

    kind: str
    term: Term
    words: str

    def __str__(self) -> str:
        return f"unsafe because {self.words}"


def unsafe(term: Term, ranges: Mapping[str, Range] | None = None, form: Format = FLOAT32) -> list[Finding]:
    """The places at which a program that computes the term may leave the numbers of `form`, none where it is safe.

    `ranges` gives the values of inputs by name, |x| <= 1e4 where nothing is said.  Works for all sizes up to 65,536 at once.
    """
    walk = _Walk(Ranges(ranges), form)
    try:
        walk.visit(term)
    except RecursionError:
        walk.findings.append(Finding("deep", term, "it is nested too deeply to be judged"))
    return walk.findings


class _Walk:
    """One visit of every node, under what the `where`s above it say."""

    def __init__(self, ranges: Ranges, form: Format, seen: dict[tuple[Term, Facts, bool], None] | None = None):
        self.ranges, self.form = ranges, form
        self.findings: list[Finding] = []
        self.told: set[Term] = set()
        self.seen = {} if seen is None else seen

    def visit(self, root: Term, facts: Facts = (), saturates: bool = False) -> None:
        """Judge a term and all below it; where it `saturates`, an overflow ends in 1/inf = 0, which is right."""
        stack: list[tuple[Term, Facts, bool]] = [(root, facts, saturates)]
        while stack:
            t, under, mild = stack.pop()
            under = relevant(t, under)
            if (t, under, mild) in self.seen:
                continue
            self.seen[(t, under, mild)] = None
            self._judge(t, under, mild)
            stack.extend(reversed(self._below(t, under, mild)))

    def _below(self, t: Term, facts: Facts, mild: bool) -> list[tuple[Term, Facts, bool]]:
        if t.op == "where":
            return [(t.args[0], facts, False), *((x, under, mild) for x, under in branches(t, facts))]
        if t.op == "fold":
            inner = _Walk(self.ranges.inside(t), self.form)
            for step in t.args[len(t.attrs[1]) :]:
                inner.visit(step)
            self.findings += [f for f in inner.findings if f.term not in self.told]
            self.told |= inner.told
            return [(x, facts, False) for x in t.args[: len(t.attrs[1])]]
        if t.op == "reduce":
            return [(t.args[0], without(facts, t.attrs[1]), mild and t.attrs[0] == "sum")]
        if t.op in COMPOSITES and t.op not in TORCH_SAFE:
            return [(definition(t), facts, False)]
        inner_mild = t.op == "recip" or (mild and t.op == "add" and all(self.ranges.range(a, facts)[0] >= 0 for a in t.args))
        return [(a, facts, inner_mild) for a in t.args]

    def _judge(self, t: Term, facts: Facts, mild: bool) -> None:
        if t.op not in ("exp", "recip", "log", "sqrt") or t in self.told:
            return
        low, high = self.ranges.range(t.args[0], facts)
        if t.op == "exp":
            if high > log(self.form.largest) and not mild:
                limit = f"overflows {self.form.name} past {log(self.form.largest):.1f}"
                self._tell("overflow", t, f"{_short(t)} has an argument up to {high:.3g}, which {limit}")
        elif t.op == "sqrt" and low >= 0:
            return
        elif low <= 0 <= high or (t.op != "recip" and low < 0) or (t.op != "sqrt" and 0 < low < self.form.normal):
            self._near_zero(t, low, facts)

    def _near_zero(self, t: Term, low: float, facts: Facts) -> None:
        """A divisor, root or log that comes to 0 or below it."""
        verb = {"recip": "divides by", "log": "takes the log of", "sqrt": "takes the root of"}[t.op]
        if t.op == "recip" and t.args[0].op == "sqrt":
            inner = self.ranges.range(t.args[0].args[0], facts)[0]
            if inner < 0:
                return
        if low < 0 and self._cancels(t.args[0], facts):
            self._tell("cancellation", t, f"{_short(t)} subtracts two numbers that agree to within rounding, then {verb} them")
        elif low >= 0 and self._vanishes(t.args[0]):
            self._tell("zero", t, f"{_short(t)} {verb} what may underflow to 0")
        elif low >= 0:
            self._tell("zero", t, f"{_short(t)} {verb} what may be 0")
        else:
            self._tell("negative", t, f"{_short(t)} {verb} what may be as low as {low:.3g}")

    def _cancels(self, t: Term, facts: Facts) -> bool:
        """Whether a sum has a part >= 0 from which another part >= 0 is taken."""
        signs = set()
        for x, c in linear(t).items():
            low, high = self.ranges.range(x, facts) if x is not None else (0.0, 0.0)
            if x is not None and low >= 0 and high > 0:
                signs.add(c > 0)
        return len(signs) == 2

    def _vanishes(self, t: Term) -> bool:
        """Whether a term is above 0 over the reals, made of exponentials."""
        if t.op == "exp":
            return True
        if t.op == "reduce":
            return self._vanishes(t.args[0])
        return t.op in ("add", "mul") and any(self._vanishes(a) for a in t.args)

    def _tell(self, kind: str, t: Term, words: str) -> None:
        self.told.add(t)
        self.findings.append(Finding(kind, t, words))


def _short(t: Term) -> str:
    text = str(t)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 20]} … {text[-18:]}"


