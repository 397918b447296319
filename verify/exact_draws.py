"""The inputs at which exact values are compared: fully random rows, which count for the bound, and telling ones besides.

A random row draws each real number from at least 2^b values of nearly equal probability; `entropy` is that b.  The others are
the adversarial kinds of `draws.py` and values at, beside and past the constants in use, which no random number would hit.
To add here: another way of drawing that reaches a branch.  Never here: what is evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf, log2

import numpy as np

from commute.theory.terms import BOOL, INT, Term
from commute.verify.coverage import targets
from commute.verify.draws import KINDS, Array, Rng, draw_inputs, within
from commute.verify.inputs import Assume, InputSpec, Limits, limits

RANDOM, MORE = 8, 24
"""Fully random rows, and how many more there are where some results are rarely defined."""

SCALES = (2.0, 0.5, 4.0, 1.0, 8.0, 2.0, 1.0, 4.0)
GRID = 50
"""Random numbers are multiples of 2^-50, times a scale."""

WIDE = 2**31
FEW = 2**16
"""An integer of fewer values than this is a region, as branches are; nothing is said of values that weren't drawn."""


def rows(
    terms: Sequence[Term], specs: Sequence[InputSpec], sizes: Mapping[str, int], assume: Assume | None, seed: int
) -> Iterator[tuple[bool, dict[str, Array]]]:
    """Inputs of one draw after another, with whether it counts as random."""
    rng = np.random.default_rng(seed)
    for number in range(RANDOM):
        yield True, _random_row(specs, sizes, number, rng, assume)
    for kind in KINDS:
        if kind != "huge":
            yield False, draw_inputs(specs, sizes, kind, rng, assume)
    constants = [float(c) for c in targets(terms)]
    for _ in range(8 if constants else 0):
        row = draw_inputs(specs, sizes, "integers", rng, assume)
        for spec in specs:
            if spec.sort == "real":
                row[spec.name] = within(_near(constants, spec.dims(sizes), rng), limits(spec, assume, sizes))
        yield False, row


def more_rows(
    specs: Sequence[InputSpec], sizes: Mapping[str, int], assume: Assume | None, seed: int
) -> Iterator[tuple[bool, dict[str, Array]]]:
    """More random rows, at moderate scales."""
    rng = np.random.default_rng(seed + 7919)
    for number in range(MORE):
        yield True, _random_row(specs, sizes, number, rng, assume)


def _random_row(
    specs: Sequence[InputSpec], sizes: Mapping[str, int], number: int, rng: Rng, assume: Assume | None
) -> dict[str, Array]:
    row = draw_inputs(specs, sizes, "normal", rng, assume)
    for spec in specs:
        allowed = limits(spec, assume, sizes)
        if spec.sort == "real":
            row[spec.name] = _uniform(spec.dims(sizes), allowed, SCALES[number % len(SCALES)], rng)
        elif spec.sort == INT and _unbounded(allowed) and number % 2 == 0:
            low, high = max(allowed.low, -WIDE), min(allowed.high, WIDE)
            row[spec.name] = rng.integers(int(low), int(high) + 1, size=spec.dims(sizes))
    return row


def _uniform(shape: tuple[int, ...], allowed: Limits, scale: float, rng: Rng) -> Array:
    if np.isfinite(allowed.low) and np.isfinite(allowed.high):
        unit = np.ldexp(rng.integers(0, 2**GRID, size=shape).astype(np.float64), -GRID)
        values = np.clip(allowed.low + (allowed.high - allowed.low) * unit, allowed.low, allowed.high)
    else:
        values = np.ldexp(rng.integers(-(2**GRID), 2**GRID, size=shape).astype(np.float64), -GRID) * scale
    return within(values, allowed)


def _unbounded(allowed: Limits) -> bool:
    return allowed.high - allowed.low >= FEW


def _near(constants: Sequence[float], shape: tuple[int, ...], rng: Rng) -> Array:
    """Values at, just beside and well past the constants, on both sides of 0."""
    center = rng.choice(np.array(constants), size=shape)
    step = rng.choice([0.0, 0.0, 2.0**-8, -(2.0**-8), 1.0, -1.0], size=shape) * rng.random(shape)
    factor = rng.choice([1.0, 1.0, 1.0, 1.0, -1.0, 10.0, -10.0], size=shape)
    return np.asarray(np.where(step == 0, center, (center + step) * factor))


# --- entropy ---------------------------------------------------------------------------------------------------------


def entropy(
    terms: Sequence[Term], specs: Sequence[InputSpec], sizes: Mapping[str, int], assume: Assume | None
) -> tuple[float, bool]:
    """The bits of the smallest set that a number of a random row is drawn from; whether only every other row has them."""
    bits, halved = float(GRID), False
    used = _numbers(terms)
    for spec in specs:
        allowed = limits(spec, assume, sizes)
        if spec.sort == "real":
            bits = min(bits, _real_bits(allowed))
        elif spec.sort == INT and spec.name in used and _unbounded(allowed):
            halved = True
            bits = min(bits, log2(min(allowed.high, WIDE) - max(allowed.low, -WIDE)))
    return bits, halved


def _real_bits(allowed: Limits) -> float:
    """log2 of how many floats there are to draw, the widest gap between two of them deciding; less 1 for rounding."""
    ends = [abs(x) for x in (allowed.low, allowed.high) if x != inf and x != -inf]
    if len(ends) == 2:
        width = allowed.high - allowed.low
        gap = max(np.spacing(max(*ends, 1e-300)), width * 2.0**-GRID)
        return max(log2(width / gap) - 1, 0.0) if width > 0 else float(GRID)
    gap = max(np.spacing(max([*ends, 0.0]) + max(SCALES)), 2.0**-GRID * max(SCALES))
    return log2(max(SCALES) / gap) - 1


def _numbers(terms: Sequence[Term]) -> set[str]:
    """The inputs that are used as numbers, not only to index, to compare or to choose."""
    found: set[str] = set()
    stack, seen = list(terms), set(terms)
    while stack:
        t = stack.pop()
        if t.op == "input":
            found.add(t.attrs[0])
        elif t.sort != BOOL:
            new = [a for a in t.args if a not in seen]
            seen.update(new)
            stack.extend(new)
    return found
