"""Adversarial values for inputs: each kind is a habit of inputs that tells wrong programs from right ones.

All reals are small multiples of powers of two with at most 20 bits, so they are exact in float32 too.  To add a kind: one
row in `_REALS`.  Never here: what an input may be (`inputs.py`), running programs (`numeric.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from commute.verify.inputs import SCALAR, Assume, InputSpec, Limits, limits

Array = np.ndarray[Any, Any]
Rng = np.random.Generator


def _coarse(x: Array) -> Array:
    """Rounded to 16 bits below the leading one."""
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.round(mantissa * 2.0**16), exponent - 16)


def _normal(shape: tuple[int, ...], rng: Rng) -> Array:
    return rng.normal(size=shape)


def _ties(shape: tuple[int, ...], rng: Rng) -> Array:
    values = rng.integers(-3, 4, size=4) / 2
    return rng.choice(values, size=shape)


def _one_hot(shape: tuple[int, ...], rng: Rng) -> Array:
    result = np.zeros(shape)
    if result.size:
        result.flat[rng.integers(result.size)] = rng.choice([1.0, -1.0, 2.0])
    return result


def _spread(shape: tuple[int, ...], rng: Rng) -> Array:
    return rng.normal(size=shape) * 10.0 ** rng.integers(-4, 3, size=shape)


def _monotone(shape: tuple[int, ...], rng: Rng) -> Array:
    grown = np.arange(int(np.prod(shape, dtype=int)), dtype=float).reshape(shape) / 2
    return grown * rng.choice([1.0, -1.0]) + rng.integers(-2, 3)


_REALS: dict[str, Callable[[tuple[int, ...], Rng], Array]] = {
    "normal": _normal,
    "integers": lambda shape, rng: rng.integers(-4, 5, size=shape).astype(float),
    "ties": _ties,
    "zeros": lambda shape, rng: rng.normal(size=shape) * (rng.random(shape) < 0.5),
    "negative": lambda shape, rng: -np.abs(rng.normal(size=shape)) - 0.125,
    "positive": lambda shape, rng: np.abs(rng.normal(size=shape)) + 0.125,
    "large": lambda shape, rng: 16 * rng.normal(size=shape),
    "small": lambda shape, rng: rng.normal(size=shape) / 256,
    "one_hot": _one_hot,
    "twenty": lambda shape, rng: rng.choice([-1.0, 1.0, 1.0], size=shape) * (20 + 2 * rng.random(shape)),
    "spread": _spread,
    "monotone": _monotone,
    "equal": lambda shape, rng: np.full(shape, float(rng.integers(-3, 4))),
    "masked": _normal,
    "tiny": lambda shape, rng: rng.normal(size=shape) / 65536,
    "huge": lambda shape, rng: 1000 * rng.normal(size=shape),
    "zero": lambda shape, rng: np.zeros(shape),
}

KINDS = tuple(_REALS)
"""The kinds of draws, the most telling first."""


def draw_inputs(
    specs: Sequence[InputSpec],
    sizes: Mapping[str, int],
    kind: str = "normal",
    rng: Rng | None = None,
    assume: Assume | None = None,
) -> dict[str, Array]:
    """One value for each input, of the kind, within what the specs and assumptions allow."""
    rng = np.random.default_rng(0) if rng is None else rng
    return {s.name: _draw(s, s.dims(sizes), kind, rng, limits(s, assume, sizes)) for s in specs}


def _draw(spec: InputSpec, shape: tuple[int, ...], kind: str, rng: Rng, allowed: Limits) -> Array:
    if spec.sort == "bool":
        return _mask(shape, kind, rng)
    if spec.sort == "int":
        low = int(max(allowed.low, -4))
        high = int(min(allowed.high, low + 8)) if spec.bound is None and allowed.high == np.inf else int(allowed.high)
        return _indices(shape, kind, rng, low, max(high, low))
    values = _coarse(np.asarray(_REALS[kind](shape, rng)))
    return within(values, allowed)


def _indices(shape: tuple[int, ...], kind: str, rng: Rng, low: int, high: int) -> Array:
    if kind in ("zero", "equal"):
        return np.full(shape, low if kind == "zero" else rng.integers(low, high + 1))
    if kind == "monotone":
        return low + np.arange(int(np.prod(shape, dtype=int))).reshape(shape) % (high - low + 1)
    if kind == "one_hot":
        return np.full(shape, high)
    return rng.integers(low, high + 1, size=shape)


def _mask(shape: tuple[int, ...], kind: str, rng: Rng) -> Array:
    if kind in ("zero", "positive"):
        return np.full(shape, kind == "positive")
    mask = rng.random(shape) < 0.6
    if kind == "masked" and mask.ndim:
        mask[rng.random(shape[:-1]) < 0.5] = False
    elif kind != "zeros" and mask.ndim and mask.shape[-1]:
        np.put_along_axis(mask, rng.integers(mask.shape[-1], size=(*shape[:-1], 1)), True, -1)
    return mask


def within(values: Array, allowed: Limits) -> Array:
    """Values moved into what is allowed: mirrored or scaled where only a side is bounded, folded into a finite range."""
    low, high = allowed.low, allowed.high
    if np.isfinite(low) and np.isfinite(high):
        bad = (values < low) | (values > high)
        unit = np.abs(values) % 1.0
        moved = low + _coarse(np.asarray(unit)) * (high - low)
        values = np.where(bad, np.clip(moved, low, high), values)
    elif np.isfinite(low):
        values = np.where(values < low, 2 * low - values, values)
    elif np.isfinite(high):
        values = np.where(values > high, 2 * high - values, values)
    if allowed.open_low:
        values = np.where(values <= low, low + 0.5, values)
    if allowed.nonzero:
        values = np.where(values == 0, 1.0, values)
    return values


def permitted(values: Array, allowed: Limits) -> bool:
    """Whether every value is allowed."""
    if values.size == 0 or values.dtype.kind == "b":
        return True
    above = np.all(values > allowed.low) if allowed.open_low else np.all(values >= allowed.low)
    return bool(above and np.all(values <= allowed.high) and not (allowed.nonzero and np.any(values == 0)))


def plain(spec: InputSpec, value: Array) -> Any:
    """The value as nested lists, or one Python number."""
    return value.item() if spec.passing == SCALAR or value.ndim == 0 else value.tolist()
