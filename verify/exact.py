"""CHECKED: two lifted programs agree on exact random values, with the probability that they agree by chance.

**What is evaluated.**  Inputs are dyadic numbers, a random multiple of 2^-50 each.  A value lives in a tower of prime fields
(`fields.py`), where exp is a homomorphism; a float64 shadow with an error bound decides comparisons, ties by residues.
**What is claimed.**  At the stated sizes, in every region of branches that the draws reached, the difference of the two
formulas vanished in n random draws.  A formula whose difference isn't identically 0 has degree at most D, so each draw lets
it pass with probability <= D / 2^b, b the bits of the smallest prime (Schwartz, Zippel), under the named assumption that powers
of the generators behave as random; the bound is (D / 2^b)^n, and above 2^-60 nothing is claimed.
**What fields can't serve** goes to balls of 400 bits: "agrees to 2^-300 at random points", without a probability.
A mismatch of residues is never evidence of inequality; disjoint balls are.
To add here: another way of comparing.  Never here: floats as evidence.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import log2
from typing import Any

import numpy as np

from commute.theory.axes import Axis
from commute.theory.terms import Term, postorder
from commute.verify.ball import Undecided, balls, precision
from commute.verify.constants import log_scale
from commute.verify.coverage import Coverage, degree, targets
from commute.verify.domains import undefined
from commute.verify.draws import KINDS, Array, draw_inputs, within
from commute.verify.evaluate import BudgetExceeded, Unsupported, spread
from commute.verify.inputs import Assume, InputSpec, limits
from commute.verify.residues import OPAQUE, Engine
from commute.verify.unroll import opened, unroll

__all__ = ["ExactResult", "check_exact"]

RANDOM = 8
"""Draws of the fullest range, each with primes of its own: only these count for the bound."""

BOUND_BITS = 60
AGREE_BITS = 300
SCALES = (2.0, 0.5, 4.0, 1.0, 8.0, 2.0, 1.0, 4.0)
ASSUMPTION = "powers of a generator modulo a random prime behave as random"


@dataclass(frozen=True)
class ExactResult:
    """`kind` is equal, unequal or undecided.

    equal: `claim` says at which sizes and how surely, `bound` is the probability of an error (None: agreement to 2^-300, no
    probability).  unequal: `where` is {"sizes", "inputs", "output", "index"}.  undecided: `reason`.
    """

    kind: str
    claim: str = ""
    bound: float | None = None
    reason: str = ""
    where: dict[str, Any] = field(default_factory=dict)


class _Differs(Exception):
    """The two surely differ at a place."""

    def __init__(self, where: dict[str, Any]):
        super().__init__("differs")
        self.where = where


class _Open(Exception):
    """Nothing can be said, for a reason."""


@dataclass
class _Check:
    reference: list[Term]
    candidate: list[Term]
    axes: Sequence[Sequence[Axis]]
    specs: Sequence[InputSpec]
    assume: Assume | None
    deadline: float
    seed: int
    bits: list[float] = field(default_factory=list)
    partial: bool = False
    served: bool = True
    assumed: bool = False


def check_exact(
    reference: Sequence[Term],
    candidate: Sequence[Term],
    axes: Sequence[Sequence[Axis]],
    symbols: Sequence[str],
    specs: Sequence[InputSpec],
    sizes_list: Sequence[Mapping[str, int]],
    *,
    assume: Assume | None = None,
    budget_seconds: float = 10.0,
    seed: int = 0,
) -> ExactResult:
    """Whether two programs, a term over `axes` for each result, agree on exact random values at each row of sizes."""
    if len(reference) != len(candidate):
        return ExactResult("undecided", reason=f"{len(reference)} results against {len(candidate)}")
    check = _Check(opened(reference), opened(candidate), axes, specs, assume, time.monotonic() + budget_seconds, seed)
    coverage, done = Coverage(), []
    every: tuple[list[Term], list[Term]] = ([], [])
    try:
        for sizes in sizes_list:
            if time.monotonic() > check.deadline:
                raise _Open(f"the budget of {budget_seconds:g} s is spent")
            sides = unroll(check.reference, sizes), unroll(check.candidate, sizes)
            _at(check, sides, sizes, coverage)
            done.append({s: sizes[s] for s in symbols})
            every[0].extend(sides[0])
            every[1].extend(sides[1])
    except _Differs as found:
        return ExactResult("unequal", reason="balls of 400 bits are disjoint", where=found.where)
    except (_Open, Unsupported, BudgetExceeded) as error:
        why = str(error) if isinstance(error, _Open) else f"no exact values: {error}"
        return ExactResult("undecided", reason=why)
    missing = coverage.missing(*every)
    if missing or not done:
        return ExactResult("undecided", reason=f"branch never taken: {missing}" if missing else "no sizes given")
    return _equal(check, done)


def _equal(check: _Check, done: Sequence[Mapping[str, int]]) -> ExactResult:
    rows = "; ".join(", ".join(f"{k} = {v}" for k, v in row.items()) or "no sizes" for row in done)
    where = " where the reference is defined" if check.partial else ""
    if not check.served:
        return ExactResult("equal", f"agrees to 2^-{AGREE_BITS} at random points{where}, at {rows}")
    bits = min(check.bits, default=1000.0)
    under = f", assuming that {ASSUMPTION}" if check.assumed else ""
    claim = f"equal on exact random values{where}, error probability <= 2^-{int(bits)}{under}, at {rows}"
    return ExactResult("equal", claim, 2.0 ** -min(bits, 1000))


def _at(check: _Check, sides: tuple[list[Term], list[Term]], sizes: Mapping[str, int], coverage: Coverage) -> None:
    """Check one row of sizes; raises what it finds but equality."""
    both = [*sides[0], *sides[1]]
    inputs = _draws(check, both, sizes)
    engine = Engine(both, sizes, inputs, RANDOM, check.seed + 1)
    engine.deadline = check.deadline
    engine.run(both)
    outside = undefined(engine, both)
    allowed = {s.name: limits(s, check.assume, sizes) for s in check.specs}
    for number, (left, right) in enumerate(zip(*sides, strict=True)):
        order = check.axes[number]
        defined = _defined(engine, outside, left, right, order, check)
        wrong = defined & ~_same(engine, left, right, order)
        if (wrong & ~_rows(engine.spoiled, wrong)).any():
            check.served = False
            _by_balls(check, engine, (left, right), number, defined, wrong, order)
        elif left is not right:
            _note_bound(check, engine, left, right, defined)
    coverage.add(engine, both, allowed, engine.spoiled)


def _draws(check: _Check, terms: Sequence[Term], sizes: Mapping[str, int]) -> dict[str, Array]:
    """Inputs of all draws: fully random ones first, then every adversarial kind, then values near the constants in use."""
    rng = np.random.default_rng(check.seed)
    rows: list[dict[str, Array]] = []
    for scale in SCALES:
        rows.append(draw_inputs(check.specs, sizes, "normal", rng, check.assume))
        for spec in check.specs:
            if spec.sort == "real":
                whole = rng.integers(-(2**50), 2**50, size=spec.dims(sizes))
                value = np.ldexp(whole.astype(np.float64), -50) * scale
                rows[-1][spec.name] = within(value, limits(spec, check.assume, sizes))
    rows += [draw_inputs(check.specs, sizes, kind, rng, check.assume) for kind in KINDS if kind != "huge"]
    constants = [float(c) for c in targets(terms)]
    for _ in range(8 if constants else 0):
        row = draw_inputs(check.specs, sizes, "integers", rng, check.assume)
        for spec in check.specs:
            if spec.sort == "real":
                row[spec.name] = within(_near(constants, spec.dims(sizes), rng), limits(spec, check.assume, sizes))
        rows.append(row)
    return {s.name: np.stack([r[s.name] for r in rows]) for s in check.specs}


def _near(constants: Sequence[float], shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Values at, just beside and well past the constants, on both sides of 0."""
    center = rng.choice(np.array(constants), size=shape)
    step = rng.choice([0.0, 0.0, 2.0**-8, -(2.0**-8), 1.0, -1.0], size=shape) * rng.random(shape)
    factor = rng.choice([1.0, 1.0, 1.0, 1.0, -1.0, 10.0, -10.0], size=shape)
    return np.asarray(np.where(step == 0, center, (center + step) * factor))


def _rows(flags: Array, like: Array) -> Array:
    return flags.reshape(-1, *[1] * (like.ndim - 1))


def _defined(
    engine: Engine, outside: Mapping[Term, Array], left: Term, right: Term, order: Sequence[Axis], check: _Check
) -> Array:
    """Where the reference is defined; raises where the candidate isn't there."""
    sides = [_full(engine, outside[t], t, order) for t in (left, right)]
    fine = ~_rows(engine.spoiled, sides[0])
    if (fine & sides[1] & ~sides[0]).any():
        raise _Open("the candidate is undefined where the reference is not")
    check.partial |= bool((fine & sides[0]).any())
    return ~sides[0]


def _full(engine: Engine, value: Array, t: Term, order: Sequence[Axis]) -> Array:
    whole = spread(value, t.free, order, engine.sizes)
    return np.broadcast_to(whole, (engine.draws, *whole.shape[1:]))


def _same(engine: Engine, left: Term, right: Term, order: Sequence[Axis]) -> Array:
    """Where two results agree: exact values, or exps of whole multiples of them; minus infinities agree with their like."""
    if left.sort == "bool" or right.sort == "bool":
        return _full(engine, engine.values[left], left, order) == _full(engine, engine.values[right], right, order)
    low = [_full(engine, np.real(engine.values[t]) == -np.inf, t, order) for t in (left, right)]
    same = _agree(engine, "res", left, right, order, 1)
    if not same.all() and len(engine.fields) > 1 and any(t.op == "log" for t in postorder(left, right)):
        scale = log_scale([left, right], engine.sizes)
        for each in dict.fromkeys((1, scale)):
            try:
                same = same | _agree(engine, "exp", left, right, order, each)
            except Unsupported:
                break
    return np.where(low[0] | low[1], low[0] & low[1], same)


def _agree(engine: Engine, kind: str, left: Term, right: Term, order: Sequence[Axis], scale: Any) -> Array:
    values = [_full(engine, engine.task(kind, t, 0, Fraction(scale)), t, order) for t in (left, right)]
    return values[0] == values[1]


def _note_bound(check: _Check, engine: Engine, left: Term, right: Term, defined: Array) -> None:
    """The bits of the error bound: the draws that count, where an element was defined at all."""
    if left.sort == "bool":
        raise _Open("results that are truth values")
    counted = defined[:RANDOM] & ~_rows(engine.spoiled[:RANDOM], defined)
    times = counted.sum(axis=0)
    if not times.any():
        raise _Open("no random draw gave a defined value")
    degrees = degree(left, right, engine.sizes)
    bits = float(times[times > 0].min()) * (min(engine.bits, 49) - log2(degrees))
    if bits < BOUND_BITS:
        raise _Open(f"the error bound is too weak: 2^-{max(bits, 0):.0f} at degree {degrees}")
    check.bits.append(bits)
    check.assumed |= len(engine.fields) > 1


def _by_balls(
    check: _Check,
    engine: Engine,
    pair: tuple[Term, Term],
    number: int,
    defined: Array,
    wrong: Array,
    order: Sequence[Axis],
) -> None:
    """Compare one result by balls, at the random draws; where fields should have served, only to show a difference."""
    suspects = np.flatnonzero((wrong & ~_rows(engine.spoiled, wrong)).reshape(engine.draws, -1).any(axis=1))
    stand_ins = engine.opaque & OPAQUE.keys()
    rows = list(dict.fromkeys([*suspects[:2].tolist(), *(range(engine.draws) if stand_ins else ())]))
    agreed = 0
    for row in rows:
        if time.monotonic() > check.deadline:
            raise _Open("the budget is spent")
        inputs = {n: v[row if v.shape[0] > 1 else 0] for n, v in engine.given.items()}
        agreed += _ball_row(engine, pair, number, defined[row], inputs, order)
    if not stand_ins:
        place = "residues differ, which is no evidence of inequality"
        raise _Open(f"{place}: result {number}, draws {suspects[:3].tolist()}")
    if agreed < RANDOM:
        raise _Open("too few random points at which balls agree")


def _ball_row(
    engine: Engine, pair: tuple[Term, Term], number: int, defined: Array, inputs: Mapping[str, Array], order: Sequence[Axis]
) -> bool:
    """True: all balls of the two agree to 2^-300; False: can't say; raises where two are disjoint."""
    try:
        sides: list[Any] = list(balls(pair, engine.sizes, inputs, order))
    except Undecided:
        return False
    fine = True
    with precision():
        for index in np.ndindex(*np.shape(defined)):
            x, y = sides[0][index], sides[1][index]
            if not defined[index] or not (hasattr(x, "rad") and hasattr(y, "rad")):
                fine = fine and not defined[index]
                continue
            if not x.is_finite() or not y.is_finite():
                fine = fine and x == y
                continue
            if not x.overlaps(y):
                raise _Differs({"sizes": dict(engine.sizes), "inputs": inputs, "output": number, "index": index})
            small = max(abs(x).upper(), 1) * 2 ** (-AGREE_BITS)
            fine = fine and abs(x - y).upper() < small
    return bool(fine)
