"""Vacuity guards: whoever said yes is asked about programs that are wrong, and must not say yes again.

The candidate's terms get one small mistake each (`verify/mutants.py`); those that float64 already tells apart from the
reference go to the same prover or comparer.  One that comes out equal shows a dead check, and the verdict is UNKNOWN.
To add here: what a guard tries and how long.  Never here: how a mistake is made, or how anything is proved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import numpy as np

from commute.proof import Proof, deep_recursion
from commute.theory.axes import Axis
from commute.theory.terms import Term
from commute.verify.certificate import BOTH_DEFINED, EACH_DEFINED, EVERYWHERE
from commute.verify.draws import Array, draw_inputs
from commute.verify.evaluate import BudgetExceeded, Unsupported, evaluate
from commute.verify.inputs import Assume, size_rows
from commute.verify.mutants import Mutant, mutants

MOST = 5
"""Mutants that are told apart and tried."""

TRIED = 60
"""Mutants that are evaluated in the search for those."""

BASE, SHARE = 0.25, 0.2
"""A guard's seconds: so many, and this share of what the verdict took before it."""

LEAST = 0.05
"""Seconds with which another mutant is worth a try."""

TELLING, AGREED = 1e-6, 1e-9
"""How far apart values of a mutant lie, and how close those of the candidate, as parts of the largest value."""

LIMIT = 1_000_000
"""Elements that an array may have in an evaluation."""

_DRAWS = ((0, "normal"), (1, "normal"), (0, "ties"), (1, "positive"), (0, "masked"), (1, "integers"))

Accepts = Callable[["Claim", int, Term, float], str]
"""Asks the prover about result `number` of a claim against a mutant's term, in so many seconds: where it says that the two
are equal, in the words of a certificate, or "" where it doesn't say so."""


@dataclass(frozen=True)
class Claim:
    """What was said to be equal on a path of the lifted programs: terms over their axes."""

    path: Any
    reference: Sequence[Term]
    candidate: Sequence[Term]
    axes: Sequence[Sequence[Axis]]


@dataclass
class Guarded:
    """What became of the mutants: what was wrong with those told apart, how many of them time ran out on, a dead check."""

    told: list[str] = field(default_factory=list)
    late: int = 0
    dead: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        if not self.told:
            return NONE_TOLD
        late = f", {self.late} not judged in time" if self.late else ""
        return f"{len(self.told)} mutants of the candidate told apart by float64: {len(self.told) - self.late} refused{late}"


NONE_TOLD = "no mutant of the candidate was told apart by float64: the proof was not tried on wrong programs"


def allowance(elapsed: float, timeout: float) -> float:
    """The seconds that a guard may take."""
    return min(BASE + SHARE * elapsed, SHARE * timeout)


def guard_proof(paths: Sequence[Any], proof: Proof, prover: Callable[..., Proof], assume: Assume, seconds: float) -> Guarded:
    """Guard a proof: `prover(cases, seconds=, ways=)` is asked again, the same way as it found the proof."""
    claims = []
    ways = {}
    for number, path in enumerate(paths):
        first, second = path.programs
        outputs = zip(first.outputs, second.outputs, strict=True)
        blocks = [pair for x, y in outputs for pair in zip(x.blocks, y.blocks, strict=True)]
        claims.append(Claim(path, [a.term for a, _ in blocks], [b.term for _, b in blocks], [a.axes for a, _ in blocks]))
        ways[id(path)] = proof.ways[number : number + 1] or None

    def accepts(claim: Claim, number: int, mutant: Term, slice_: float) -> str:
        goals = [(claim.reference[number], mutant)]
        again = prover([(" and ".join(claim.path.conditions), goals)], seconds=slice_, ways=ways[id(claim.path)])
        return again.where if again else ""

    return guard(claims, accepts, assume, seconds)


def guard_values(paths: Sequence[Any], checker: Callable[..., Any], assume: Assume, seconds: float) -> Guarded:
    """Guard a comparison of exact values: `checker(path, reference, candidate, axes, seconds)` is asked again."""
    claims = []
    for path in paths:
        first, second = path.programs
        wholes = [(a.whole, b.whole) for a, b in zip(first.outputs, second.outputs, strict=True)]
        claims.append(Claim(path, [a.term for a, _ in wholes], [b.term for _, b in wholes], [a.axes for a, _ in wholes]))

    def accepts(claim: Claim, number: int, mutant: Term, slice_: float) -> str:
        again = checker(claim.path, [claim.reference[number]], [mutant], [claim.axes[number]], slice_)
        return EVERYWHERE if again.kind == "equal" else ""

    return guard(claims, accepts, assume, seconds)


def guard(claims: Iterable[Claim], accepts: Accepts, assume: Assume, seconds: float, seed: int = 0) -> Guarded:
    """Try up to MOST mutants, of the first claim that has some which float64 tells apart, as long as the time lasts."""
    started = monotonic()
    result = Guarded()
    with deep_recursion():
        for claim in claims:
            for mutant, found in _told_apart(claim, assume, started + seconds, seed):
                result.told.append(mutant.what)
                _try(claim, mutant, found, accepts, started + seconds, result)
                if result.dead or len(result.told) == MOST or started + seconds - monotonic() < LEAST:
                    break
            if result.told:
                break
    result.seconds = monotonic() - started
    return result


def _try(claim: Claim, mutant: Mutant, found: _Told, accepts: Accepts, deadline: float, result: Guarded) -> None:
    """Ask about one mutant, and note what is said."""
    start = monotonic()
    share = max(LEAST, deadline - start)
    try:
        where = accepts(claim, found.number, mutant.terms[found.number], share)
    except Exception:
        where = ""
    result.late += not where and monotonic() - start >= share
    if where and _spoken_of(where, found) and _surely(claim, mutant, found):
        result.dead = f"internal: dead check: a mutant of the candidate passed it too: {mutant.what}"


def _spoken_of(where: str, found: _Told) -> bool:
    """Whether a claim about outputs that are defined is one about this draw: a wrong element of it has values on both sides."""
    if where in (EVERYWHERE, EACH_DEFINED):
        return True
    return found.draw.whole and (where != BOTH_DEFINED or found.whole)


def _surely(claim: Claim, mutant: Mutant, found: _Told) -> bool:
    """Whether a difference in float64 is none of rounding: balls of 400 bits don't overlap, or can't say."""
    from commute.verify.ball import confirm_difference

    pair = claim.reference[found.number], mutant.terms[found.number]
    try:
        return confirm_difference(*pair, found.draw.sizes, found.draw.inputs) is not False
    except Exception:
        return True


# --- telling mutants apart -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Draw:
    """Sizes, inputs, and the values of the reference there, with where they are to be compared; `whole`: all of them are."""

    sizes: dict[str, int]
    inputs: dict[str, Array]
    values: list[Array]
    sound: list[Array]
    whole: bool


@dataclass(frozen=True)
class _Told:
    """Where a mutant was told apart: in which draw, in which result; `whole`: all of the mutant's values there are numbers."""

    draw: _Draw
    number: int
    whole: bool


def _told_apart(claim: Claim, assume: Assume, deadline: float, seed: int) -> Iterator[tuple[Mutant, _Told]]:
    """Mutants that float64 tells apart from the reference, and where."""
    draws = _draws(claim, assume, deadline, seed)
    seen: list[_Draw] = []
    for tried, mutant in enumerate(mutants(claim.candidate, seed)):
        if tried >= TRIED or monotonic() > deadline:
            return
        found = None
        for draw in seen:
            found = found or _differs(claim, mutant, draw)
        while found is None and (draw := next(draws, None)) is not None:
            seen.append(draw)
            found = _differs(claim, mutant, draw)
        if found is not None:
            yield mutant, found


def _draws(claim: Claim, assume: Assume, deadline: float, seed: int) -> Iterator[_Draw]:
    """Draws at which the reference has values, most telling first."""
    path = claim.path
    rng = np.random.default_rng(seed)
    rows = size_rows(path.symbols, path.inputs, constraints=path.holds, count=2)
    for row, kind in _DRAWS if rows else ():
        if monotonic() > deadline:
            return
        sizes = rows[min(row, len(rows) - 1)]
        inputs = draw_inputs(path.inputs, sizes, kind, rng, assume)
        values = _values([*claim.reference, *claim.candidate], claim, [*range(len(claim.reference))] * 2, sizes, inputs)
        if values is None:
            continue
        want, got = values[: len(claim.reference)], values[len(claim.reference) :]
        sound = [np.isfinite(w) & np.isfinite(g) & _near(w, g, AGREED) for w, g in zip(want, got, strict=True)]
        yield _Draw(sizes, inputs, want, sound, all(bool(np.isfinite(w).all()) for w in want))


def _differs(claim: Claim, mutant: Mutant, draw: _Draw) -> _Told | None:
    """Where a mutant's values are numbers far from the reference's, where the candidate's are close to them."""
    changed = [i for i, (a, b) in enumerate(zip(mutant.terms, claim.candidate, strict=True)) if a is not b]
    values = _values([mutant.terms[i] for i in changed], claim, changed, draw.sizes, draw.inputs)
    for i, value in zip(changed, values or (), strict=values is not None):
        apart = draw.sound[i] & np.isfinite(value) & ~_near(draw.values[i], value, TELLING)
        if apart.any():
            return _Told(draw, i, all(bool(np.isfinite(v).all()) for v in values or ()))
    return None


def _values(
    terms: Sequence[Term], claim: Claim, numbers: Sequence[int], sizes: dict[str, int], inputs: dict[str, Array]
) -> list[Array] | None:
    try:
        found = evaluate(terms, sizes, inputs, [claim.axes[i] for i in numbers], strict=True, limit=LIMIT)
    except (BudgetExceeded, Unsupported, KeyError, ValueError):
        return None
    return [v.astype(np.float64) for v in found]


def _near(x: Array, y: Array, part: float) -> Array:
    """Where two arrays are the same up to a part of the largest number in the first."""
    top = np.abs(x[np.isfinite(x)]).max(initial=1.0)
    with np.errstate(all="ignore"):
        return np.asarray(np.abs(x - y) <= part * np.maximum(top, np.where(np.isfinite(y), np.abs(y), 0.0)))
