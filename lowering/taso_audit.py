"""A search for numbers that tell the two sides of an equation in TASO's operators apart, in Torch at small sizes.

Sizes are drawn that satisfy what both sides ask for, group counts among them; the numbers are small integers, so that
float64 is exact but for means.  To add here: another kind of draw.  Never here: symbolic sizes (`lift_taso.py`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from time import monotonic

import torch

from commute.lowering.lift_taso import Difference, Evaluator, numbers_of_padding
from commute.lowering.taso_shapes import Shapes, Window
from commute.lowering.taso_sizes import Equation, NoSolution, Solution
from commute.theory.axes import Size

DRAWS = 60
LARGEST = 3000


def differ(shapes: Shapes, seconds: float, draws: int = DRAWS) -> tuple[Difference | None, int]:
    """Where the two sides differ, if a place is found, and at how many draws of sizes they were compared."""
    generator = random.Random(len(str(shapes.rule)))
    deadline, compared = monotonic() + seconds, 0
    for sizes in _draws(shapes, shapes.equations, generator, deadline):
        found = _compared(shapes, sizes, generator.randrange(1 << 30))
        compared += 1
        if found is not None or compared >= draws:
            return found, compared
    return None, compared


def shapes_differ(shapes: Shapes, seconds: float) -> Difference | None:
    """Where both sides have a meaning and shapes of their own, if there is no place at which their shapes agree."""
    if next(_draws(shapes, shapes.equations, random.Random(0), monotonic() + seconds), None) is not None:
        return None
    own = [e for e in shapes.equations if e not in shapes.results]
    for sizes in _draws(shapes, own, random.Random(0), monotonic() + seconds):
        return _compared(shapes, sizes, 0)
    return None


def _draws(
    shapes: Shapes, equations: Sequence[Equation], generator: random.Random, deadline: float
) -> Iterator[dict[str, int]]:
    """Values of all size symbols that satisfy the equations."""
    whole = Solution()
    try:
        for each in equations:
            whole.add(each)
    except NoSolution:
        return
    raw = {s for shape in shapes.variables.values() for size in shape.sizes for s in size.symbols}
    raw |= {s for e in shapes.equations for s in e.zero.symbols}
    raw |= {s for shape in shapes.of_node.values() for size in shape.sizes for s in size.symbols}
    free = sorted({s for r in raw for s in whole.put(Size.symbol(r)).symbols})
    misses = 0
    while monotonic() < deadline and misses < 20_000:
        values = {s: generator.choice((1, 1, 2, 2, 3, 4)) for s in free}
        if any(z.at(values) for z in whole.left) or not _enlargeable(shapes, whole, values):
            misses += 1
            continue
        sizes = {s: whole.put(Size.symbol(s)).at(values) for s in raw}
        if min(sizes.values(), default=1) >= 1 and _room(shapes, sizes):
            yield sizes
        misses += 1


def _enlargeable(shapes: Shapes, whole: Solution, values: dict[str, int]) -> bool:
    return all(whole.put(kernel).at(values) <= to for kernel, to in shapes.enlarged.values())


def _room(shapes: Shapes, sizes: dict[str, int]) -> bool:
    total = 0
    for shape in shapes.variables.values():
        count = 1
        for size in shape.sizes:
            count *= size.at(sizes)
        total += count
    return total <= LARGEST


def _compared(shapes: Shapes, sizes: dict[str, int], seed: int) -> Difference | None:
    def padding(window: Window) -> tuple[int, int]:
        return numbers_of_padding(window.kernel.at(sizes), window.stride, window.room.at(sizes))

    torch_seed = torch.Generator().manual_seed(seed)
    values = {
        name: torch.randint(-4, 5, [s.at(sizes) for s in shape.sizes], generator=torch_seed).double()
        for name, shape in shapes.variables.items()
    }
    evaluator = Evaluator(shapes, values, lambda s: s.at(sizes), padding)
    one, other = (torch.as_tensor(evaluator.of(n), dtype=torch.float64) for n in (shapes.rule.left, shapes.rule.right))
    groups, inputs = [sizes[g] for g in shapes.groups], {name: value.tolist() for name, value in values.items()}
    given = {n: list(v.shape) for n, v in values.items()}
    if one.shape != other.shape:
        return Difference(given, groups, inputs, [], list(one.shape), list(other.shape))
    wrong = (one - other).abs() > 1e-9 * (1 + one.abs())
    wrong &= torch.isfinite(one) & torch.isfinite(other)
    if not bool(wrong.any()):
        return None
    index = [int(i) for i in wrong.nonzero()[0]]
    return Difference(given, groups, inputs, index, float(one[tuple(index)]), float(other[tuple(index)]))
