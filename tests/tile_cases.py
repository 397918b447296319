"""Programs for the tests of tile programs, each with sizes at which its plan has the parts that are to be tested.

To add here: a program whose kernels have something that no other has.  Never here: a test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from commute.emitting import CompilablePlan
from commute.lowering.lifted import Lifted
from commute.lowering.tile import Loop, TileProgram
from commute.lowering.tile_program import tile_program
from commute.optimizing import optimize

T = Tensor


def attention(q: Float[T, "n d"], k: Float[T, "m d"], v: Float[T, "m e"]) -> Float[T, "n e"]:
    return torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1) @ v


def window(q: Float[T, "n d"], k: Float[T, "n d"], v: Float[T, "n d"]) -> Float[T, "n d"]:
    i = torch.arange(q.shape[0])
    outside = (i[None, :] > i[:, None]) | (i[None, :] < i[:, None] - 2)
    return torch.softmax((q @ k.mT).masked_fill(outside, float("-inf")), -1) @ v


def variance(x: Float[T, "n d"]) -> Float[T, "n"]:
    return ((x - x.mean(-1, keepdim=True)) ** 2).mean(-1)


def logsumexp(x: Float[T, "n m"]) -> Float[T, "n"]:
    return torch.logsumexp(x, -1)


def cross_entropy(x: Float[T, "n d"], w: Float[T, "d v"], y: Int[T, "n"]) -> Float[T, ""]:
    return functional.cross_entropy(x @ w, y)


def trace(a: Float[T, "i j"], b: Float[T, "j k"], c: Float[T, "k i"]) -> Float[T, ""]:
    return torch.trace(a @ b @ c)


def softmax_backward(x: Float[T, "n m"], g: Float[T, "n m"]) -> Float[T, "n m"]:
    p = torch.softmax(x, -1)
    return p * (g - (p * g).sum(-1, keepdim=True))


def swiglu(x: Float[T, "n d"], w1: Float[T, "d f"], w2: Float[T, "d f"]) -> Float[T, "n f"]:
    return functional.silu(x @ w1) * (x @ w2)


def convolved(x: Float[T, "b c h w"], k: Float[T, "o c 3 3"], s: Float[T, "o"]) -> Float[T, "b o h-2 w-2"]:
    return functional.conv2d(x, k) * s[:, None, None]


def three(x: Float[T, "n d"], a: Float[T, "d e"], b: Float[T, "d e"]) -> tuple[Float[T, "n e"], Float[T, "n e"]]:
    return x @ a, x @ b


@dataclass(frozen=True)
class TileCase:
    """A program with its plan and tile program."""

    fn: Callable[..., Any]
    plan: CompilablePlan
    program: TileProgram

    @property
    def lifted(self) -> Lifted:
        """The lifted program."""
        assert self.plan.lifted is not None
        return self.plan.lifted


SIZES: dict[str, tuple[Callable[..., Any], dict[str, int]]] = {
    "attention": (attention, {"n": 8192, "m": 8192, "d": 64, "e": 64}),
    "window": (window, {"n": 4096, "d": 64}),
    "variance": (variance, {"n": 4096, "d": 4_000_000}),
    "split variance": (variance, {"n": 4, "d": 4_000_000}),
    "logsumexp": (logsumexp, {"n": 4, "m": 4_000_000}),
    "cross entropy": (cross_entropy, {"n": 4096, "d": 64, "v": 3000}),
    "trace": (trace, {"i": 512, "j": 256, "k": 512}),
    "softmax backward": (softmax_backward, {"n": 64, "m": 4_000_000}),
    "swiglu": (swiglu, {"n": 4096, "d": 64, "f": 512}),
    "convolution": (convolved, {"b": 2, "c": 16, "h_less_2": 32, "o": 16, "w_less_2": 32}),
    "two results": (three, {"n": 4096, "d": 64, "e": 64}),
}


@cache
def tile_case(name: str) -> TileCase:
    """A case by name."""
    fn, sizes = SIZES[name]
    plan = optimize(fn, sizes=sizes, machine="h100")
    assert plan.forms is not None
    return TileCase(fn, plan, tile_program(plan, plan.forms))


def loops(program: TileProgram) -> list[Loop]:
    """All loops of a program."""
    return [s for k in program.kernels for s in k.body if isinstance(s, Loop)]
