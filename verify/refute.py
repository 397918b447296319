"""Search for an input at which two functions differ, make it small, and confirm that it is no matter of rounding.

A difference counts when its gap is over 1000 times the estimated float64 error of both sides, and, where lifted terms are
known, when balls of 400 bits confirm it.  To add here: what makes a counterexample easier to read.
Never here: kinds of values (`draws.py`), proofs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from commute.theory.terms import Term
from commute.verify.ball import confirm_difference, confirm_undefined
from commute.verify.coverage import marks
from commute.verify.draws import KINDS, Array, draw_inputs, plain
from commute.verify.inputs import SCALAR, STATE, Assume, InputSpec, size_rows
from commute.verify.numeric import Failure, Result, as_array, error_estimate, run
from commute.verify.shrink import shrink_sizes, shrink_values
from commute.verify.verdict import Counterexample, Input

Function = Callable[..., Any]
Sizes = Mapping[str, int]
Inputs = dict[str, Array]

GAP = 1000.0
"""A difference is at least so many times the estimated error."""

SHRINKING = 2.0
"""Seconds to make a counterexample small, beyond the budget of the search."""


@dataclass(frozen=True)
class Difference:
    """Where two results differ: result number, index, both values; `undefined` where only the candidate is NaN or infinite."""

    output: int
    index: tuple[int, ...]
    reference: float
    candidate: float
    outputs: int
    undefined: bool = False


@dataclass
class Question:
    """Two functions and what they take; `terms` are their lifted results, where known."""

    reference: Function
    candidate: Function
    specs: Sequence[InputSpec]
    symbols: Sequence[str]
    assume: Assume | None = None
    fixed_sizes: Sizes | None = None
    terms: Sequence[tuple[Term, Term]] | None = None
    constraints: Callable[[Sizes], bool] | None = None
    seed: int = 0
    deadline: float = field(default=float("inf"))

    def late(self) -> bool:
        """Whether the budget is spent."""
        return time.monotonic() > self.deadline

    def confirmed(self, found: Difference, sizes: Sizes, inputs: Inputs) -> bool:
        """What the balls say of a difference; without lifted terms float64 stands alone."""
        if self.terms is None:
            return not found.undefined or all(np.abs(v).max(initial=0) <= 64 for v in inputs.values())
        confirm = confirm_undefined if found.undefined else confirm_difference
        return confirm(*self.terms[found.output], sizes, inputs) is True


def refute(
    reference_fn: Function,
    candidate_fn: Function,
    specs: Sequence[InputSpec],
    symbols: Sequence[str],
    *,
    assume: Assume | None = None,
    fixed_sizes: Sizes | None = None,
    terms: Sequence[tuple[Term, Term]] | None = None,
    budget_seconds: float = 5.0,
    constraints: Callable[[Sizes], bool] | None = None,
    seed: int = 0,
    hints: Sequence[tuple[Sizes, Inputs]] = (),
    undefined: bool = True,
) -> Counterexample | None:
    """An input, shrunk, at which the candidate's result differs from the reference's, or None.

    `terms` are (reference, candidate) pairs, one a result; `hints` are sizes and inputs to try first.  Where the reference
    is NaN or infinite nothing is compared.  A candidate that is NaN where the reference is a number comes back only if no
    other difference is found, and with `undefined`: its `candidate` value is NaN.
    """
    question = Question(reference_fn, candidate_fn, specs, symbols, assume, fixed_sizes, terms, constraints, seed)
    question.deadline = time.monotonic() + budget_seconds
    without: tuple[Sizes, Inputs, Difference] | None = None
    for sizes, inputs in chain(hints, _trials(question)):
        found = compare(question, inputs)
        if found is None or (found.undefined and (without or not undefined)) or not question.confirmed(found, sizes, inputs):
            continue
        if not found.undefined:
            return _smallest(question, sizes, inputs, found)
        without = (sizes, inputs, found)
    return _smallest(question, *without) if without else None


def _trials(question: Question) -> Iterator[tuple[dict[str, int], Inputs]]:
    """Sizes and inputs to try: first every row with the most telling kinds, then all kinds, then other seeds."""
    numbers = marks([t for pair in question.terms or () for t in pair])
    rows = size_rows(
        question.symbols, question.specs, fixed=question.fixed_sizes, constraints=question.constraints, marks=numbers
    )
    rng = np.random.default_rng(question.seed)
    first, rest = KINDS[:4], KINDS[4:]
    for kinds, some in ((first, rows[:10]), (rest, rows[:10]), (KINDS, rows[10:]), (KINDS, rows)):
        for sizes in some:
            for kind in kinds:
                if question.late():
                    return
                yield sizes, draw_inputs(question.specs, sizes, kind, rng, question.assume)


def compare(question: Question, inputs: Inputs) -> Difference | None:
    """The clearest difference of the two functions at these inputs, or None."""
    want = run(question.reference, question.specs, inputs)
    got = run(question.candidate, question.specs, inputs)
    if isinstance(want, Failure) or isinstance(got, Failure) or len(want) != len(got):
        return None
    suspects = [_gaps(w, g) for w, g in zip(want, got, strict=True)]
    if not any(gap is not None and (gap > 0).any() for gap in suspects):
        return None
    errors = _errors(question, inputs, want, got)
    best: tuple[float, Difference] | None = None
    for number, (w, g, gap) in enumerate(zip(want, got, suspects, strict=True)):
        if gap is None:
            continue
        ratio = np.where(gap > 0, gap / (GAP * errors[number]), 0.0)
        if ratio.max(initial=0) > 1 and (best is None or ratio.max() > best[0]):
            at = tuple(map(int, np.unravel_index(int(ratio.argmax()), ratio.shape)))
            values = float(as_array(w)[at]), float(as_array(g)[at])
            best = float(ratio.max()), Difference(number, at, *values, len(want), bool(np.isinf(gap[at])))
    return best[1] if best and not _noise(question, inputs, best[1]) else None


def _noise(question: Question, inputs: Inputs, found: Difference) -> bool:
    """Whether a small difference jumps about when the inputs move a little, as rounding does and algorithms don't."""
    gap = found.candidate - found.reference
    if found.undefined or not abs(gap) < 1e-6 * max(1.0, abs(found.reference)):
        return False
    rng = np.random.default_rng(question.seed)
    for _ in range(4):
        moved = {n: v * (1 + rng.uniform(-1, 1, v.shape) / 256) if v.dtype.kind == "f" else v for n, v in inputs.items()}
        sides = [run(f, question.specs, moved) for f in (question.reference, question.candidate)]
        values = [0.0 if isinstance(s, Failure) else float(as_array(s[found.output])[found.index]) for s in sides]
        if not 0.5 < (values[1] - values[0]) / gap < 2:
            return True
    return False


def _gaps(want: Result, got: Result) -> Array | None:
    """|want - got|; 0 where want isn't finite, infinite where only got isn't; None where the shapes differ."""
    if want.shape != got.shape:
        return None
    left, right = (as_array(t).astype(np.float64) for t in (want, got))
    with np.errstate(all="ignore"):
        gap = np.where(np.isfinite(right), np.abs(left - right), np.inf)
    return np.where(np.isfinite(left), gap, 0.0)


def _errors(
    question: Question, inputs: Inputs, want: Sequence[Result], got: Sequence[Result]
) -> list[Array]:
    sides = [
        error_estimate(function, question.specs, inputs, results)
        for function, results in ((question.reference, want), (question.candidate, got))
    ]
    return [left + right for left, right in zip(*sides, strict=True)]


def _smallest(question: Question, sizes: Sizes, inputs: Inputs, found: Difference) -> Counterexample:
    """The counterexample with sizes and values shrunk as long as it still is one."""

    def differs(sizes: Sizes, inputs: Inputs) -> bool:
        again = compare(question, inputs)
        return again is not None and again.undefined == found.undefined and question.confirmed(again, sizes, inputs)

    question.deadline = time.monotonic() + SHRINKING
    sizes, inputs = shrink_sizes(question, sizes, inputs, differs)
    inputs = shrink_values(question, sizes, inputs, differs)
    last = compare(question, inputs) or found
    shown = {s.name: Input(plain(s, inputs[s.name]), dtype_of(s)) for s in question.specs}
    states = {s.name for s in question.specs if s.passing == STATE}
    return Counterexample(
        sizes={s: sizes[s] for s in question.symbols},
        inputs={n: v for n, v in shown.items() if n not in states},
        index=last.index,
        reference=last.reference,
        candidate=last.candidate,
        output=last.output if last.outputs > 1 else None,
        parameters={n: v for n, v in shown.items() if n in states},
    )


def dtype_of(spec: InputSpec) -> str:
    """Torch's name of the type in which an input is shown, empty for a plain Python value."""
    return "" if spec.passing == SCALAR else {"real": "float64", "bool": "bool"}.get(spec.sort) or spec.dtype
