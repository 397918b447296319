"""Measured errors of random and corpus programs against their bounds: `python -m tests.fuzz_rounding --count 500`.

A program runs in Torch in float32, float16 or bfloat16 on inputs that the format holds, and again in float64; no element may
be further off than its bound.  To add here: another source of programs.  Never here: how a bound is computed.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from commute.lowering.lift_torch import lift
from commute.theory.messages import UsageError
from commute.verify.draws import draw_inputs
from commute.verify.evaluate import BudgetExceeded, Unsupported
from commute.verify.inputs import size_rows
from commute.verify.numeric import Failure, as_array, run
from commute.verify.rounding import PRECISIONS, bounds, representable

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
DRAWN = ("normal", "integers", "ties", "large", "spread", "zeros", "positive", "masked", "small", "monotone")
ROWS = ({}, {"n": 33}, {"n": 257, "d": 64}, {"m": 65}, {"k": 40})
Program = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """One program at one input: errors and bounds of every bounded element, and how many elements there were."""

    words: str
    errors: np.ndarray[Any, Any]
    bounds: np.ndarray[Any, Any]
    elements: int

    @property
    def broken(self) -> bool:
        """Whether an element is further off than its bound."""
        return bool((self.errors > self.bounds).any())

    @property
    def slack(self) -> float | None:
        """The worst-bounded element's bound over the largest error: how much too large the bounds are."""
        return float(self.bounds.max() / self.errors.max()) if self.errors.size and self.errors.max() > 0 else None


def measure(name: str, program: Program, dtype: str, seed: int) -> Case | None:
    """One case, or None where the program can't be lifted or run."""
    r = random.Random(seed)
    try:
        lifted = lift((program, program))
    except (UsageError, Exception):
        return None
    path = lifted.paths[0]
    rows = size_rows(path.symbols, path.inputs, constraints=path.holds, count=8)
    sizes = {**r.choice(rows), **{s: n for s, n in r.choice(ROWS).items() if s in path.symbols}}
    if not path.holds(sizes):
        sizes = rows[0]
    kind = r.choice(DRAWN)
    precision = PRECISIONS[dtype]
    inputs = representable(draw_inputs(path.inputs, sizes, kind, np.random.default_rng(seed)), precision)
    function, outputs = lifted.callables[0], [o.whole for o in path.programs[0].outputs]
    got, want = (run(function, path.inputs, inputs, d) for d in (DTYPES[dtype], torch.float64))
    if isinstance(got, Failure) or isinstance(want, Failure):
        return None
    try:
        bounded = bounds([o.term for o in outputs], sizes, inputs, [o.axes for o in outputs], precision, 4_000_000)
    except (BudgetExceeded, Unsupported):
        return None
    errors, limits, elements = [], [], 0
    for g, w, b in zip(got, want, bounded, strict=True):
        exact = as_array(w).astype(float)
        with np.errstate(all="ignore"):
            off = np.where(as_array(g) == exact, 0.0, np.abs(as_array(g).astype(float) - exact))
        counted = np.isfinite(exact)
        elements += int(counted.sum())
        counted &= np.isfinite(b.error)
        errors.append(np.where(np.isnan(off), np.inf, off)[counted])
        limits.append(b.error[counted])
    words = f"{name} in {dtype} at {sizes}, {kind}, seed {seed}"
    return Case(words, np.concatenate(errors), np.concatenate(limits), elements)


def sources(seed: int, folder: Path) -> Iterator[tuple[str, Program]]:
    """Programs without end: two random ones, then one of the corpus."""
    from tests.fuzz_torch import programs
    from tests.test_pairs import pairs

    random_ones = programs(seed, folder)
    corpus = [(str(each.id), each.values[side]) for each in pairs() for side in (0, 1)]
    r = random.Random(seed)
    while True:
        for mutant in islice(random_ones, 2):
            yield mutant.edit, mutant.reference
        yield r.choice(corpus)


def cases(count: int, seed: int, folder: Path) -> Iterator[Case]:
    """So many cases with at least one element, the formats in turn."""
    found = 0
    for number, (name, program) in enumerate(sources(seed, folder)):
        if found >= count:
            return
        case = measure(name, program, tuple(DTYPES)[number % 3], seed * 100_000 + number)
        if case is not None and case.elements:
            found += 1
            yield case


def main() -> None:
    """Measure, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        done = list(cases(options.count, options.seed, Path(folder)))
    broken = [c for c in done if c.broken]
    for c in broken:
        worst = int(np.argmax(c.errors - c.bounds))
        print(f"BROKEN {c.words}: error {c.errors[worst]:.3g}, bound {c.bounds[worst]:.3g}")
    slack = [s for c in done if (s := c.slack) is not None]
    bounded, elements = sum(c.errors.size for c in done), sum(c.elements for c in done)
    for dtype in DTYPES:
        own = [s for c in done if f" in {dtype} at" in c.words and (s := c.slack) is not None]
        print(f"{dtype:<9} {len(own)} cases with an error, median bound/error {median(own):.3g}")
    print(f"{len(done)} cases, {len(broken)} broken; {bounded / elements:.1%} of {elements} elements bounded")
    print(f"median bound/error {median(slack):.3g}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
