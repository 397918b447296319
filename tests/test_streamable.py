"""Legality of streams as theory says it: what is streamable along an axis, what is refused, and why."""

import pytest
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor as T

from commute.egraph.legality import Refused, Streamable, streamable
from commute.lowering.lift_torch import lift_one
from commute.theory.messages import UsageError


def contraction(a: Float[T, "i k"], b: Float[T, "k j"]) -> Float[T, "i j"]:
    return a @ b


def largest(a: Float[T, "n m"]) -> Float[T, " n"]:
    return a.amax(-1)


def product(a: Float[T, "n m"]) -> Float[T, " n"]:
    return a.prod(-1)


def elementwise(a: Float[T, "n m"], b: Float[T, "n m"]) -> Float[T, "n m"]:
    return torch.exp(a) * b + 1


def softmax(x: Float[T, "n m"]) -> Float[T, "n m"]:
    return torch.softmax(x, -1)


def softmax_by_hand(x: Float[T, "n m"]) -> Float[T, "n m"]:
    e = torch.exp(x - x.amax(-1, keepdim=True))
    return e / e.sum(-1, keepdim=True)


def softmax_then(x: Float[T, "n m"], v: Float[T, "m d"]) -> Float[T, "n d"]:
    return torch.softmax(x, -1) @ v


def l1(x: Float[T, "n m"]) -> Float[T, "n m"]:
    return x / x.abs().sum(-1, keepdim=True)


def l2(x: Float[T, "n m"]) -> Float[T, "n m"]:
    return F.normalize(x, dim=-1)


def rms(x: Float[T, "n m"]) -> Float[T, "n m"]:
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6)


def l2_then(x: Float[T, "n m"], v: Float[T, "m d"]) -> Float[T, "n d"]:
    return x / torch.sqrt((x * x).sum(-1, keepdim=True)) @ v


def attended(q: Float[T, "q d"], k: Float[T, "x d"], v: Float[T, "x d"]) -> Float[T, "q d"]:
    return torch.softmax(q @ k.mT, -1) @ v


def attended_by_itself(x: Float[T, "n d"]) -> Float[T, "n d"]:
    return torch.softmax(x @ x.mT, -1) @ x


def past_a_whole_axis(x: Float[T, "n m"], v: Float[T, "m d"]) -> Float[T, "n d"]:
    return torch.exp(torch.softmax(x, -1)) @ v


def reversed_too(x: Float[T, " n"]) -> Float[T, " n"]:
    return x + x.flip(0)


def judged(fn, axis: str) -> Streamable | Refused:
    return streamable(lift_one(fn).programs[0].outputs[0].blocks[0].term, axis)


@pytest.mark.parametrize(
    ("fn", "axis", "corrected"),
    [
        (contraction, "k", 0), (largest, "m", 0), (product, "m", 0), (elementwise, "m", 0), (elementwise, "n", 0),
        (softmax_then, "m", 2), (l2_then, "m", 0), (attended, "x", 2), (softmax, "n", 0),
    ],
)  # fmt: skip
def test_streamable(fn, axis: str, corrected: int) -> None:
    found = judged(fn, axis)
    assert isinstance(found, Streamable), found
    assert found.corrected == corrected
    assert bool(found.states) == (axis not in {a.name for a in found.form.free})


@pytest.mark.parametrize(
    ("fn", "axis", "reason"),
    [
        (softmax, "m", "softmax reads the whole axis m: not streamable"),
        (softmax_by_hand, "m", "reads the whole axis m: not streamable"),
        (l1, "m", "the sum reads the whole axis m: not streamable"),
        (l2, "m", "the sum reads the whole axis m: not streamable"),
        (rms, "m", "the sum reads the whole axis m: not streamable"),
        (attended, "q", "axis q is woven and k, v don't carry it: group it instead"),
        (attended_by_itself, "n", "reads the whole axis n: not streamable"),
        (contraction, "i", "axis i is woven and b doesn't carry it: group it instead"),
        (reversed_too, "n", "is not position by position along n: not streamable"),
        (past_a_whole_axis, "m", "which reads the whole axis m: 2 passes, not streamable"),
    ],
)
def test_refused(fn, axis: str, reason: str) -> None:
    found = judged(fn, axis)
    assert isinstance(found, Refused), found
    assert reason in found.reason and not found


def test_an_axis_that_there_is_not() -> None:
    with pytest.raises(UsageError, match="axis z: no such axis; there are d, q, x"):
        judged(attended, "z")
