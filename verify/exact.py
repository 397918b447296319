"""CHECKED: two lifted programs agree on exact random values, with the probability that they agree by chance.

**What is evaluated.**  A real input is drawn from 2^b dyadic numbers (`exact_draws.py`).  A value lives in a tower of random
prime fields (`primes.py`), where exp is a homomorphism; a float64 shadow with an error bound decides comparisons.
**What is claimed.**  At the stated sizes, in every region that the draws reached (which way each comparison, mask and
extreme went; the truth values and small integers drawn), the two have one value wherever the reference is defined.
**Why.**  In a region both are one formula, and their difference is a quotient of polynomials of degree at most D in inputs
and exps.  If it isn't 0 everywhere, it is 0 with probability at most D / 2^b on independent draws from 2^b numbers each
(Schwartz, Zippel), and at most D / 2^b' modulo a random prime above 2^b'.  So a draw lets a wrong formula pass with
probability at most D / 2^m, m the smaller of b and b'; n draws in which the element was defined and nothing stayed open,
with (D / 2^m)^n.  Where that is above 2^-60, nothing is claimed.  An exp is a variable of its own under the named
assumption that powers of a generator behave as random, and D includes the chance that two exponents coincide.
**What weakens it is left out.**  A draw in which a comparison stays open, float64 overflows, or a denominator is 0 modulo
the prime though not 0, counts for nothing; the last is tried again with other primes.  A branch never taken is UNKNOWN.
**What fields can't serve** goes to balls of 400 bits: "agrees to 2^-300 at random points", without a probability.
A mismatch of residues is never evidence of inequality; disjoint balls are.
To add here: another way of comparing.  Never here: floats as evidence.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from math import log2, prod
from typing import Any

import numpy as np

from commute.theory.axes import Axis
from commute.theory.terms import BOOL, Term, postorder
from commute.verify.ball import Undecided, balls, precision
from commute.verify.constants import log_scale
from commute.verify.coverage import Coverage, degree
from commute.verify.domains import undefined
from commute.verify.draws import Array
from commute.verify.engine import LIMIT, Engine, largest
from commute.verify.evaluate import BudgetExceeded, Unsupported, spread
from commute.verify.exact_draws import MORE, RANDOM, entropy, more_rows, rows
from commute.verify.inputs import Assume, InputSpec, limits
from commute.verify.residues import OPAQUE
from commute.verify.unroll import opened, unroll

__all__ = ["ExactResult", "check_exact"]

BOUND_BITS = 60
AGREE_BITS = 300
BATCH = 1 << 20
"""Elements of the largest array that are evaluated at once, in as many draws as fit."""

TRIES = 3
"""How often draws in which a denominator vanished are evaluated, each time with other primes."""

ASSUMPTION = "powers of a generator modulo a random prime behave as random"
Draw = tuple[bool, dict[str, Array]]


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
    coverage: Coverage = field(default_factory=Coverage)
    bits: list[float] = field(default_factory=list)
    partial: bool = False
    served: bool = True
    assumed: bool = False
    silent: int = 0


class _AtSizes:
    """The comparison at one row of sizes: in how many random draws each element was compared, and how it went."""

    def __init__(self, check: _Check, sides: tuple[list[Term], list[Term]], sizes: Mapping[str, int]):
        self.check, self.sides, self.sizes = check, sides, sizes
        self.both = [*sides[0], *sides[1]]
        self.times: dict[int, Array] = {}
        self.agreed: dict[int, int] = {}
        self.allowed = {s.name: limits(s, check.assume, sizes) for s in check.specs}
        self.entropy = entropy(self.both, check.specs, sizes, check.assume)
        count = max([largest(self.both, sizes), *(prod(s.dims(sizes)) for s in check.specs)])
        if count > LIMIT:
            raise BudgetExceeded(f"an array of {count} elements")
        self.step = max(1, BATCH // max(count, 1))
        self.prime_bits = 0
        self.nested = False

    def run(self) -> None:
        """Compare in all draws; for large arrays in as many as the bound and the branches need."""
        check, started = self.check, 0
        draws = rows(self.both, check.specs, self.sizes, check.assume, check.seed)
        started = self._all(draws, started)
        if self._weak():
            self._all(more_rows(check.specs, self.sizes, check.assume, check.seed), started)
        self._conclude()

    def _all(self, draws: Iterator[Draw], started: int) -> int:
        step = min(self.step, 2 * RANDOM + MORE)
        while part := list(islice(draws, step)):
            self._batch(part, started)
            started += len(part)
            if step < RANDOM and not self._weak() and self.check.coverage.missing(*self.sides) is None:
                break
        return started

    def _batch(self, draws: Sequence[Draw], first: int) -> None:
        for attempt in range(TRIES):
            inputs = {name: np.stack([row[name] for _, row in draws]) for name in draws[0][1]}
            seed = self.check.seed + 1 + 104729 * attempt
            engine = Engine(self.both, self.sizes, inputs, len(draws), RANDOM, seed, first)
            engine.space.deadline = self.check.deadline
            engine.run(self.both)
            self._compare(engine, np.array([random for random, _ in draws]))
            again = np.flatnonzero(engine.space.vanished)
            if not again.size:
                return
            draws = [draws[int(i)] for i in again]

    def _compare(self, engine: Engine, random: Array) -> None:
        check, outside = self.check, undefined(engine, self.both)
        for number, (left, right) in enumerate(zip(*self.sides, strict=True)):
            order = check.axes[number]
            defined = _defined(engine, outside, left, right, order, check)
            wrong = defined & ~_same(engine, left, right, order)
            wrong &= ~_rows(engine.space.spoiled, wrong)
            if wrong.any():
                check.served = False
                agreed = _by_balls(check, engine, (left, right), number, defined, wrong)
                self.agreed[number] = self.agreed.get(number, 0) + agreed
            counted = defined[random] & ~_rows(engine.space.spoiled[random], defined)
            self.times[number] = self.times.get(number, np.zeros(1, int)) + counted.sum(axis=0)
        self.prime_bits, self.nested = engine.space.bits, engine.space.depth > 0
        check.coverage.add(engine, self.both, self.allowed, engine.space.spoiled)

    # --- the bound ---

    def _bits(self, number: int) -> float:
        """The bits of the error bound of a result, at the element that was compared least."""
        times = self.times[number]
        degrees = log2(degree(self.sides[0][number], self.sides[1][number], self.sizes))
        free, halved = self.entropy
        each = min(self.prime_bits, free) - degrees
        return float(times[times > 0].min()) * (each / 2 if halved else each)

    def _to_bound(self) -> list[int]:
        return [i for i, (a, b) in enumerate(zip(*self.sides, strict=True)) if a is not b and i not in self.agreed]

    def _weak(self) -> bool:
        return any(not self.times[i].all() or self._bits(i) < BOUND_BITS for i in self._to_bound())

    def _conclude(self) -> None:
        check = self.check
        if any(n < RANDOM for n in self.agreed.values()):
            raise _Open("too few random points at which balls agree")
        for number in self._to_bound():
            if self.sides[0][number].sort == BOOL:
                raise _Open("results that are truth values")
            times = self.times[number]
            if not times.any():
                raise _Open("no random draw gave a defined value")
            bits = self._bits(number)
            if bits < BOUND_BITS:
                raise _Open(f"the error bound is too weak: 2^-{max(bits, 0):.0f}")
            check.silent += int(np.count_nonzero(times == 0))
            check.bits.append(bits)
            check.assumed |= self.nested


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
    done = []
    every: tuple[list[Term], list[Term]] = ([], [])
    try:
        for sizes in sizes_list:
            if time.monotonic() > check.deadline:
                raise _Open(f"the budget of {budget_seconds:g} s is spent")
            sides = unroll(check.reference, sizes), unroll(check.candidate, sizes)
            _AtSizes(check, sides, sizes).run()
            done.append({s: sizes[s] for s in symbols})
            every[0].extend(sides[0])
            every[1].extend(sides[1])
    except _Differs as found:
        return ExactResult("unequal", reason="balls of 400 bits are disjoint", where=found.where)
    except (_Open, Unsupported, BudgetExceeded) as error:
        why = str(error) if isinstance(error, _Open) else f"no exact values: {error}"
        return ExactResult("undecided", reason=why)
    missing = check.coverage.missing(*every)
    if missing or not done:
        return ExactResult("undecided", reason=f"branch never taken: {missing}" if missing else "no sizes small enough to run")
    return _equal(check, done)


def _equal(check: _Check, done: Sequence[Mapping[str, int]]) -> ExactResult:
    at = "; ".join(", ".join(f"{k} = {v}" for k, v in row.items()) or "no sizes" for row in done)
    where = " where the reference is defined" if check.partial else ""
    if check.silent:
        at += f"; nothing is said of {check.silent} results that no random draw defined"
    if not check.served:
        return ExactResult("equal", f"agrees to 2^-{AGREE_BITS} at random points{where}, at {at}")
    bits = min(check.bits, default=1000.0)
    under = f", assuming that {ASSUMPTION}" if check.assumed else ""
    claim = f"equal on exact random values{where}, error probability <= 2^-{int(bits)}{under}, at {at}"
    return ExactResult("equal", claim, 2.0 ** -min(bits, 1000))


# --- one batch of draws ----------------------------------------------------------------------------------------------


def _rows(flags: Array, like: Array) -> Array:
    return flags.reshape(-1, *[1] * (like.ndim - 1))


def _defined(
    engine: Engine, outside: Mapping[Term, Array], left: Term, right: Term, order: Sequence[Axis], check: _Check
) -> Array:
    """Where the reference is defined; raises where the candidate isn't there."""
    sides = [_full(engine, outside[t], t, order) for t in (left, right)]
    fine = ~_rows(engine.space.spoiled, sides[0])
    if (fine & sides[1] & ~sides[0]).any():
        raise _Open("the candidate is undefined where the reference is not")
    check.partial |= bool((fine & sides[0]).any())
    return ~sides[0]


def _full(engine: Engine, value: Array, t: Term, order: Sequence[Axis]) -> Array:
    whole = spread(value, t.free, order, engine.sizes)
    return np.broadcast_to(whole, (engine.draws, *whole.shape[1:]))


def _same(engine: Engine, left: Term, right: Term, order: Sequence[Axis]) -> Array:
    """Where two results agree: exact values, or exps of whole multiples of them; minus infinities agree with their like."""
    if left.sort == BOOL or right.sort == BOOL:
        return _full(engine, engine.truth(left), left, order) == _full(engine, engine.truth(right), right, order)
    values = [engine.real(engine.values[t]) for t in (left, right)]
    low = [_full(engine, v.value == -np.inf, t, order) for v, t in zip(values, (left, right), strict=True)]
    same = _agree(engine, [v.at(0) for v in values], left, right, order)
    if not same.all() and engine.space.depth and any(t.op == "log" for t in postorder(left, right)):
        for each in dict.fromkeys((Fraction(1), log_scale([left, right], engine.sizes))):
            try:
                same = same | _agree(engine, [v.exp_at(0, each) for v in values], left, right, order)
            except Unsupported:
                break
    return np.where(low[0] | low[1], low[0] & low[1], same)


def _agree(engine: Engine, residues: Sequence[Array], left: Term, right: Term, order: Sequence[Axis]) -> Array:
    return _full(engine, residues[0], left, order) == _full(engine, residues[1], right, order)


def _by_balls(check: _Check, engine: Engine, pair: tuple[Term, Term], number: int, defined: Array, wrong: Array) -> int:
    """At how many draws balls agree; where fields should have served, they can only show a difference."""
    suspects = np.flatnonzero(wrong.reshape(engine.draws, -1).any(axis=1))
    stand_ins = engine.space.opaque & OPAQUE.keys()
    tried = list(dict.fromkeys([*suspects[:2].tolist(), *(range(engine.draws) if stand_ins else ())]))
    agreed = 0
    for row in tried:
        if time.monotonic() > check.deadline:
            raise _Open("the budget is spent")
        inputs = {n: v[row if v.shape[0] > 1 else 0] for n, v in engine.given.items()}
        agreed += _ball_row(engine, pair, number, defined[row], inputs, check.axes[number])
    if not stand_ins:
        place = "residues differ, which is no evidence of inequality"
        raise _Open(f"{place}: result {number}, draws {suspects[:3].tolist()}")
    return agreed


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
