"""The ground that exact values stand on: the fields of several draws, their named numbers, and which draws are given up.

To add here: a number that every field must know.  Never here: values (`exact_array.py`), how residues are computed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from commute.verify.evaluate import BudgetExceeded, Unsupported
from commute.verify.fields import Field
from commute.verify.primes import random_towers
from commute.verify.shadow import Shadows

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Numbers:
    """The named numbers of one level: log 2, e, the roots of pi and of primes, one residue a draw."""

    log2: Array
    e: Array
    root_pi: Array
    roots: Mapping[int, Array]


class Ground:
    """The fields of `draws` draws for exps nested `depth` deep, with roots of the primes `square` and perhaps g^log(2) = 2.

    Towers repeat after `primes` of them; `first` is the number of the first draw, so that parts of a long row of draws
    can be evaluated one after another.  Raises Unsupported where no such tower is found.
    """

    def __init__(
        self,
        draws: int,
        depth: int = 0,
        *,
        square: Sequence[int] = (),
        with_log2: bool = False,
        primes: int = 8,
        seed: int = 0,
        first: int = 0,
    ):
        rng = random.Random(seed)
        try:
            towers = random_towers(depth, tuple(sorted(square)), with_log2, primes, rng.randrange(2**32))
        except TimeoutError as error:
            raise Unsupported(str(error)) from None
        which = [(first + i) % primes for i in range(draws)]
        mine = [towers[i] for i in which]
        self.draws, self.depth = draws, depth
        self.bits = min(t.primes[-1].bit_length() - 1 for t in towers)
        self.fields = [Field(mine, level) for level in range(depth + 1)]
        self.numbers = [
            Numbers(
                field.scalar([t.log2[level] for t in mine]),
                field.scalar([t.generators[level] if level < depth else 3 for t in mine]),
                field.scalar([[rng.randrange(1, t.primes[level]) for t in towers][i] for i in which]),
                {s: field.scalar([t.roots[level][s] for t in mine]) for s in square},
            )
            for level, field in enumerate(self.fields)
        ]
        self.spoiled = np.zeros(draws, dtype=bool)
        self.vanished = np.zeros(draws, dtype=bool)
        self.opaque: set[str] = set()
        self.deadline = float("inf")
        self.shadows = Shadows(self.spoil)

    def in_time(self) -> None:
        """Raise BudgetExceeded past the deadline."""
        if time.monotonic() > self.deadline:
            raise BudgetExceeded("the budget is spent")

    def spoil(self, bad: Array, rows: slice = slice(None)) -> None:
        """Give up the draws, all or those of `rows`, in which something is bad."""
        self.spoiled[rows] |= bad.reshape(bad.shape[0], -1).any(axis=1)

    def vanish(self, bad: Array) -> None:
        """Give up the draws in which a denominator is 0 modulo the prime only."""
        self.vanished |= bad.reshape(bad.shape[0], -1).any(axis=1)
        self.spoiled |= self.vanished
