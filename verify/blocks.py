"""Large arrays in blocks: what is in between stays in the cache, and no memory is mapped for it.

Never here: what is computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Block = tuple[slice, ...]

BLOCK = 1 << 13
"""Elements worked on at once: 64 KiB of float64, below the size at which the allocator maps memory anew each time."""


def blocks(shape: Sequence[int], most: int = BLOCK) -> Iterator[Block]:
    """Indices of parts of an array of this shape, each of about `most` elements."""
    if prod(shape) <= 2 * most:
        yield ()
        return
    below = prod(shape[1:])
    step = max(1, most // max(below, 1))
    for i in range(0, shape[0], step):
        if below <= 2 * most:
            yield (slice(i, i + step),)
        else:
            yield from ((slice(i, i + 1), *rest) for rest in blocks(shape[1:], most))


def part(x: Array, block: Block) -> Array:
    """The part of an array that a block of a broadcast array is made of."""
    return x[tuple(slice(None) if x.shape[i] == 1 else s for i, s in enumerate(block))]
