"""The second column of a verdict: a candidate's measured error beside the bound of the reference (SOUNDNESS 23).

Both programs run in float32 at a few inputs; an error counts against what the *reference's* term may be off by there, so that
a candidate can't excuse itself with a bound of its own.  Where its term is unsafe, inputs are tried at which it may fail.
To add here: another thing that is said about rounding.  Never here: how a bound is computed, whether programs are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import process_time
from typing import Any

import numpy as np

from commute.theory.axes import Axis
from commute.theory.terms import Term
from commute.verify.draws import draw_inputs, within
from commute.verify.evaluate import BudgetExceeded, Unsupported
from commute.verify.formats import PRECISIONS
from commute.verify.inputs import Assume, InputSpec, limits, size_rows
from commute.verify.linear import LARGEST_SIZE
from commute.verify.numeric import DTYPES, Failure, as_array, run
from commute.verify.rounding import FACTOR, Bound, bounds, representable
from commute.verify.safety import DEFAULT_RANGE, Finding, unsafe

__all__ = ["Programs", "Rounding", "judge"]

Array = np.ndarray[Any, Any]

UNSTABLE = 1000.0
"""A candidate is unstable where its largest bound is so many times the reference's (and the rounding of the result)."""

KINDS = ("normal", "spread", "large", "positive")
DEEP = ((1000.0, 1.0), (0.0, 1000.0), (100.0, 0.0), (-100.0, 0.0), (0.0, 30.0))
"""Where unsafe programs are tried: a centre, and how far from it."""

ELEMENTS = 300_000
"""The most elements of an array, so that a case takes milliseconds."""


@dataclass(frozen=True)
class Programs:
    """Two programs that were lifted together: callables, inputs, sizes, and a (reference, candidate, axes) for each result."""

    callables: tuple[Callable[..., Any], Callable[..., Any]]
    specs: Sequence[InputSpec]
    symbols: Sequence[str]
    results: Sequence[tuple[Term, Term, Sequence[Axis]]]
    assume: Assume | None = None
    holds: Callable[[Mapping[str, int]], bool] | None = None


@dataclass
class Rounding:
    """What was measured: the worst case's `error` and the reference's `bound` there, in `format`, and what is unsafe.

    `ratio` is error / bound, None where nothing was measured; `growth` how many times the reference's largest bound the
    candidate's own is.  `findings` are unsafe places that the reference doesn't have; `witness` says in words at which input
    the candidate has no number and the reference has one.
    """

    format: str = "float32"
    cases: int = 0
    error: float = 0.0
    bound: float = 0.0
    ratio: float | None = None
    growth: float = 1.0
    findings: list[Finding] = field(default_factory=list)
    witness: str = ""
    reason: str = ""

    @property
    def word(self) -> str:
        """RANGE-UNSAFE, UNSTABLE, within or not judged."""
        if self.witness:
            return "RANGE-UNSAFE"
        if self.ratio is None:
            return "not judged"
        return "UNSTABLE" if self.ratio > FACTOR or self.growth > UNSTABLE else "within"

    def __str__(self) -> str:
        if self.witness:
            return f"RANGE-UNSAFE in {self.format}: {self.witness}"
        if self.ratio is None:
            return f"not judged: {self.reason or 'no element has a bound at the inputs tried'}"
        if not self.ratio:
            said = f"{self.format}: the candidate's error is 0 at the {self.cases} inputs tried"
        else:
            times = "of" if self.ratio <= 1 else "times"
            said = f"{self.format}: the candidate's error {self.error:.2g} is {self.ratio:.2g} {times} the reference's bound"
        if self.ratio > FACTOR:
            return f"UNSTABLE in {said}, {FACTOR:.0f} are accepted"
        if self.growth > UNSTABLE:
            return f"UNSTABLE in {said}, but it may be {self.growth:.1g} times as far off as the reference"
        return said

    def explained(self) -> list[str]:
        """The lines of --explain."""
        lines = [f"rounding: {self}"]
        if self.ratio is not None:
            lines.append(f"  worst of {self.cases} cases: error {self.error:.3g}, the reference's bound {self.bound:.3g}")
            lines.append(f"  the candidate's own bound is at most {self.growth:.3g} times the reference's")
        return lines + [f"  the candidate is {finding}" for finding in self.findings]

    def to_json(self) -> dict[str, Any]:
        """The column as `commute prove --json` prints it."""
        return {
            "words": str(self),
            "verdict": self.word,
            "format": self.format,
            "error": _number(self.error),
            "bound": _number(self.bound),
            "ratio": None if self.ratio is None else _number(self.ratio),
            "unsafe": [finding.words for finding in self.findings],
            "witness": self.witness,
        }


def _number(value: float) -> float | str:
    return value if np.isfinite(value) else str(value)


def judge(programs: Programs, seconds: float, found: Rounding | None = None) -> Rounding:
    """Measure for so many seconds of CPU at most; what is known so far is in `found`, should an interrupt come."""
    found = Rounding() if found is None else found
    deadline = process_time() + seconds
    with np.errstate(all="ignore"):
        for sizes, inputs in _cases(programs):
            if process_time() > deadline - 2 * seconds / 3 and found.cases:
                break
            _measure(programs, sizes, inputs, found)
        findings, theirs = (_findings(programs, which) for which in (1, 0))
        found.findings = [f for f in findings if f.words not in {t.words for t in theirs}]
        if findings:
            _witness(programs, findings[0], found, deadline)
    return found


def _cases(programs: Programs) -> Iterator[tuple[dict[str, int], dict[str, Array]]]:
    rng = np.random.default_rng(0)
    rows = size_rows(programs.symbols, programs.specs, constraints=programs.holds, count=2)
    for kind in KINDS:
        for sizes in rows:
            drawn = draw_inputs(programs.specs, sizes, kind, rng, programs.assume)
            yield sizes, representable(drawn, PRECISIONS["float32"])


def _run(programs: Programs, which: int, inputs: Mapping[str, Array]) -> list[Array] | None:
    got = run(programs.callables[which], programs.specs, inputs, DTYPES["float32"])
    return None if isinstance(got, Failure) else [as_array(g).astype(np.float64) for g in got]


def _bounds(programs: Programs, which: int, sizes: Mapping[str, int], inputs: Mapping[str, Array]) -> list[Bound]:
    terms = [reference if which == 0 else candidate for reference, candidate, _ in programs.results]
    axes = [result[2] for result in programs.results]
    return bounds(terms, sizes, inputs, axes, PRECISIONS["float32"], ELEMENTS)


def _measure(programs: Programs, sizes: Mapping[str, int], inputs: Mapping[str, Array], found: Rounding) -> None:
    """One case: the candidate's worst error against the reference's bound, and its own bound beside it."""
    got = _run(programs, 1, inputs)
    if got is None:
        found.reason = "the candidate raises in float32"
        return
    try:
        reference = _bounds(programs, 0, sizes, inputs)
        own = _bounds(programs, 1, sizes, inputs)
    except (BudgetExceeded, Unsupported) as error:
        found.reason = str(error)
        return
    unit = PRECISIONS["float32"].values.unit
    for value, want, mine in zip(got, reference, own, strict=True):
        known = np.isfinite(want.error) & np.isfinite(want.value)
        if value.shape != want.value.shape or not known.any():
            continue
        found.cases += 1
        error = np.where(known, np.abs(value - want.value), 0.0)
        error = np.where(np.isnan(error), np.inf, error)
        bound = np.where(known, want.error, 1.0)
        # An exact reference has no bound to speak of; a result is rounded once at least.
        bound = np.maximum(bound, unit * np.abs(np.where(known, want.value, 1.0)))
        ratio = np.where(error == 0, 0.0, error / np.where(bound == 0, np.finfo(float).tiny, bound))
        at = np.unravel_index(int(np.argmax(ratio)), ratio.shape)
        if found.ratio is None or ratio[at] > found.ratio:
            found.ratio, found.error, found.bound = float(ratio[at]), float(error[at]), float(bound[at])
        compared = known & np.isfinite(mine.error) & (bound > 0)
        if compared.any():
            top, own = (float(np.max(np.where(compared, each, 0.0))) for each in (bound, mine.error))
            found.growth = max(found.growth, own / top)


def _findings(programs: Programs, which: int) -> list[Finding]:
    """The unsafe places of the reference (0) or of the candidate (1)."""
    sizes = dict.fromkeys(programs.symbols, LARGEST_SIZE)
    allowed = {s.name: limits(s, programs.assume, sizes) for s in programs.specs if s.sort == "real"}
    ranges = {n: (max(a.low, DEFAULT_RANGE[0]), min(a.high, DEFAULT_RANGE[1])) for n, a in allowed.items()}
    found = [f for a, b, _ in programs.results for f in unsafe((a, b)[which], ranges)]
    return list({f.words: f for f in found}.values())


def _witness(programs: Programs, finding: Finding, found: Rounding, deadline: float) -> None:
    """An input at which the candidate has no number and the reference has one; what is far off counts as an error."""
    rng = np.random.default_rng(1)
    rows = size_rows(programs.symbols, programs.specs, constraints=programs.holds, count=1)
    for centre, width in DEEP:
        if process_time() > deadline:
            return
        inputs = draw_inputs(programs.specs, rows[0], "normal", rng, programs.assume)
        for spec in programs.specs:
            if spec.sort == "real":
                moved = np.round(centre + width * inputs[spec.name], 2)
                inputs[spec.name] = within(moved, limits(spec, programs.assume, rows[0]))
        inputs = representable(inputs, PRECISIONS["float32"])
        want, got = _run(programs, 0, inputs), _run(programs, 1, inputs)
        if want is None or got is None:
            continue
        for right, wrong in zip(want, got, strict=True):
            bad = np.isfinite(right) & ~np.isfinite(wrong)
            if right.shape == wrong.shape and bad.any():
                at = tuple(map(int, np.unravel_index(int(np.argmax(bad)), bad.shape)))
                place = f" at {list(at)}" if at else ""
                around = f"values around {centre:g}" if centre else f"values up to {3 * width:g}"
                said = f"with {around} the result{place} is {wrong[at]:.4g}, by the reference {right[at]:.4g}"
                found.witness = f"{said}; {finding.words}"
                return
        _measure(programs, rows[0], inputs, found)
