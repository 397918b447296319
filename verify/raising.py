"""Inputs at which a candidate raises and the reference gives a number.

To add here: inputs at which programs are likely to raise.  Never here: why they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from commute.verify.draws import Array, draw_inputs, plain
from commute.verify.inputs import STATE, Assume, size_rows
from commute.verify.numeric import PRECISIONS, Failure, as_array, raised, run
from commute.verify.refute import dtype_of
from commute.verify.verdict import Counterexample, Input

DRAWS = ("normal", "positive", "ties")
"""The kinds of inputs at which a program is run that may raise."""

ROWS = 4
"""Rows of sizes at which it is."""


def raising(path: Any, callables: Sequence[Callable[..., Any]], assume: Assume) -> tuple[Counterexample | None, bool]:
    """An input on a path at which the candidate raises, in float64 and in float32, and the reference gives a number.

    The second answer is whether the reference was seen to give a number, or the candidate to run.
    """
    alive = False
    for sizes, inputs in _inputs(path, assume):
        want = run(callables[0], path.inputs, inputs)
        if isinstance(want, Failure):
            continue
        failures = [raised(callables[1], path.inputs, inputs, dtype) for dtype in PRECISIONS]
        numbers = [(i, as_array(w).astype(np.float64)) for i, w in enumerate(want)]
        finite = [(i, w) for i, w in numbers if np.isfinite(w).any()]
        alive |= bool(finite) or not all(failures)
        if all(failures) and finite:
            output, values = finite[0]
            at = tuple(map(int, np.argwhere(np.isfinite(values))[0]))
            return _counterexample(path, sizes, inputs, (output if len(want) > 1 else None, at, values[at]), failures[0]), True
    return None, alive


def _inputs(path: Any, assume: Assume) -> Iterator[tuple[dict[str, int], dict[str, Array]]]:
    """A few sizes and inputs, small sizes first."""
    rng = np.random.default_rng(0)
    rows = size_rows(path.symbols, path.inputs, constraints=path.holds, count=12)
    for sizes in sorted(rows, key=lambda row: sum(row.values()))[:ROWS]:
        for kind in DRAWS:
            yield sizes, draw_inputs(path.inputs, sizes, kind, rng, assume)


def _counterexample(path: Any, sizes: dict[str, int], inputs: Mapping[str, Array], seen: Any, raised: str) -> Counterexample:
    output, at, value = seen
    shown = {s.name: Input(plain(s, inputs[s.name]), dtype_of(s)) for s in path.inputs}
    states = {s.name for s in path.inputs if s.passing == STATE}
    return Counterexample(
        sizes=sizes, inputs={n: v for n, v in shown.items() if n not in states}, index=at, reference=float(value),
        candidate=float("nan"), output=output, parameters={n: v for n, v in shown.items() if n in states}, raised=raised,
    )  # fmt: skip
