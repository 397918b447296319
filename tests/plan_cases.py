"""Programs of THEORY section 4 as plain Torch, and kernels of theirs to cost: shared by the tests about plans.

To add here: a program that theory has numbers for.  Never here: a test.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor as T

from commute.egraph.cost import Costing
from commute.egraph.forms import Forms
from commute.egraph.kernels import Kernel, Target
from commute.egraph.moves import Explorer
from commute.egraph.planning import Search
from commute.egraph.streams import Passes, Scheduler
from commute.lowering.lift_torch import lift_one
from commute.theory.axes import Axis, axis
from commute.theory.machines import MACHINES


def matmul(a: Float[T, "a b"], b: Float[T, "b c"]) -> Float[T, "a c"]:
    return a @ b


def attended(q: Float[T, "q d"], k: Float[T, "x d"], v: Float[T, "x d"]) -> Float[T, "q d"]:
    return torch.softmax(q @ k.mT, -1) @ v


def heads(q: Float[T, "h q d"], k: Float[T, "h x d"], v: Float[T, "h x d"]) -> Float[T, "h q d"]:
    return torch.softmax(q @ k.mT, -1) @ v


def grouped(q: Float[T, "k r q d"], k: Float[T, "k x d"], v: Float[T, "k x d"]) -> Float[T, "k r q d"]:
    return torch.softmax(torch.einsum("krqd,kxd->krqx", q, k), -1) @ v[:, None]


class Case:
    """A program at sizes, explored once; kernels of it at any tiles."""

    def __init__(self, fn: Callable[..., Any], sizes: Mapping[str, int], target: Target | None = None):
        self.forms = Forms()
        roots = [self.forms.insert(lift_one(fn).programs[0].outputs[0].blocks[0].term)]
        Explorer(self.forms).run()
        self.search = Search(self.forms, roots, sizes, target or Target(MACHINES["toy"], objective="traffic"))
        self.found = self.search.run()

    def fused(self, stream: str) -> Kernel:
        """The kernel of the best plan that has only one: in the fewest passes over an axis, and streamed along it."""
        alone = [p.kernels[0] for p in self.found if len(p.kernels) == 1]
        return min(alone, key=lambda k: (self.passes(k, stream).count, k.stream != self.axis(stream), k.traffic))

    def passes(self, kernel: Kernel, stream: str) -> Passes:
        """The schedule of a kernel along an axis."""
        region = kernel.region
        return Scheduler(self.forms, region.node, region.inner, region.outputs, self.axis(stream)).schedule()

    def costing(self, stream: str) -> Costing:
        """The costs of the fused kernel, streamed along an axis."""
        kernel = self.fused(stream)
        return Costing(self.forms, kernel.region, self.search.full, self.passes(kernel, stream))

    @staticmethod
    def axis(name: str) -> Axis:
        """The axis of a size symbol."""
        return axis(name)
