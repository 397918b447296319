"""Make a counterexample small: sizes towards 1, values towards 0, 1 and small integers, as long as it still differs.

To add here: a simplification that is worth a run of both programs.  Never here: deciding whether two programs differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from commute.verify.draws import Array, draw_inputs, permitted
from commute.verify.inputs import Assume, InputSpec, limits

Sizes = Mapping[str, int]
Inputs = dict[str, Array]
Differs = Callable[[Sizes, Inputs], bool]

_KINDS = ("integers", "ties", "normal", "zeros", "monotone", "masked")


class Search(Protocol):
    """What shrinking needs to know of a search."""

    specs: Sequence[InputSpec]
    symbols: Sequence[str]
    assume: Assume | None
    fixed_sizes: Sizes | None
    constraints: Callable[[Sizes], bool] | None
    seed: int

    def late(self) -> bool: ...


def shrink_sizes(search: Search, sizes: Sizes, inputs: Inputs, differs: Differs) -> tuple[Sizes, Inputs]:
    """The smallest sizes, one symbol at a time, at which some draw (or a corner of the inputs) still differs."""
    rng = np.random.default_rng(search.seed + 1)
    changed = True
    while changed and not search.late():
        changed = False
        for symbol in search.symbols:
            if symbol in (search.fixed_sizes or {}):
                continue
            for smaller in _below(sizes[symbol]):
                row = {**sizes, symbol: smaller}
                if search.late() or not _possible(search, row):
                    continue
                found = next((i for i in _at(search, row, inputs, rng) if differs(row, i)), None)
                if found is not None:
                    sizes, inputs, changed = row, found, True
                    break
    return sizes, inputs


def _below(size: int) -> list[int]:
    return [s for s in dict.fromkeys((1, 2, 3, size // 2, size - 1)) if 0 < s < size]


def _possible(search: Search, row: Sizes) -> bool:
    if search.constraints is not None and not search.constraints(row):
        return False
    return all(d >= 1 for s in search.specs for d in s.dims(row))


def _at(search: Search, row: Sizes, inputs: Inputs, rng: np.random.Generator) -> Iterator[Inputs]:
    cut = {}
    for spec in search.specs:
        dims = spec.dims(row)
        if all(d <= n for d, n in zip(dims, inputs[spec.name].shape, strict=True)):
            cut[spec.name] = inputs[spec.name][tuple(slice(d) for d in dims)]
            if not permitted(cut[spec.name], limits(spec, search.assume, row)):
                break
    if len(cut) == len(search.specs):
        yield cut
    for kind in _KINDS:
        if not search.late():
            yield draw_inputs(search.specs, row, kind, rng, search.assume)


def shrink_values(search: Search, sizes: Sizes, inputs: Inputs, differs: Differs) -> Inputs:
    """Whole arrays first (all 0, all 1, whole numbers), then element by element, twice over."""
    for _ in range(2):
        for spec in search.specs:
            allowed = limits(spec, search.assume, sizes)
            for simpler in _simpler(inputs[spec.name]):
                if search.late():
                    return inputs
                trial = {**inputs, spec.name: simpler}
                if permitted(simpler, allowed) and differs(sizes, trial):
                    inputs = trial
                    break
        for spec in search.specs:
            inputs = _shrink_elements(search, spec, sizes, inputs, differs)
    return inputs


def _simpler(value: Array) -> Iterator[Array]:
    if not value.size or not value.any():
        return
    yield np.zeros_like(value)
    if value.dtype.kind != "f":
        return
    if not (value == 1).all():
        yield np.ones_like(value)
    if (np.abs(value) > 1).any():
        yield np.sign(value) + 0.0
    if (value != np.round(value)).any():
        yield np.round(value) + 0.0
        yield np.sign(value) * np.ceil(np.abs(value)) + 0.0
        yield np.round(2 * value) / 2 + 0.0


def _shrink_elements(search: Search, spec: InputSpec, sizes: Sizes, inputs: Inputs, differs: Differs) -> Inputs:
    allowed = limits(spec, search.assume, sizes)
    for position in np.ndindex(inputs[spec.name].shape):
        if inputs[spec.name].size > 64:
            break
        for number in _simpler_numbers(inputs[spec.name][position]):
            if search.late():
                return inputs
            value = np.array(inputs[spec.name])
            value[position] = number
            trial = {**inputs, spec.name: value}
            if permitted(value, allowed) and differs(sizes, trial):
                inputs = trial
                break
    return inputs


def _simpler_numbers(value: Any) -> list[Any]:
    if isinstance(value, bool | np.bool_):
        return [False] if value else []
    numbers = [0, 1, -1, 2, -2, 3, 7, -7, 21, np.round(value), np.round(2 * value) / 2, np.round(8 * value) / 8]
    ranks = [_rank(float(n)) for n in numbers]
    return [n for n, rank in zip(numbers, ranks, strict=True) if rank < _rank(float(value))]


def _rank(value: float) -> tuple[int, float]:
    """How hard a number is to read."""
    if value in (0, 1, -1):
        return (0, [0, 1, -1].index(int(value)))
    return (1 if value == round(value) else 2 if 2 * value == round(2 * value) else 3, abs(value))
