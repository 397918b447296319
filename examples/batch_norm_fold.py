"""Batch normalisation at inference = new weights and a new bias for the convolution or linear layer before it.

The running statistics are constants then, so that the whole normalisation is one scale and one shift a channel.

Source: Jacob et al. 2018, "Quantization and Training of Neural Networks", section 3.2.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

import commute

EPS = 1e-5

Rows = Float[Tensor, "n i"]
Weight = Float[Tensor, "c i"]
Channel = Float[Tensor, "c"]
Image = Float[Tensor, "n i x y"]
Kernel = Float[Tensor, "c i 3 3"]


def linear_then_norm(
    x: Rows, weight: Weight, mean: Channel, var: Channel, gain: Channel, bias: Channel
) -> Float[Tensor, "n c"]:
    """A linear layer, then the normalisation with running statistics."""
    return F.batch_norm(F.linear(x, weight), mean, var, gain, bias, training=False, eps=EPS)


def folded_linear(
    x: Rows, weight: Weight, mean: Channel, var: Channel, gain: Channel, bias: Channel
) -> Float[Tensor, "n c"]:
    """One linear layer."""
    scale = gain * torch.rsqrt(var + EPS)
    return F.linear(x, weight * scale[:, None], bias - mean * scale)


def conv_then_norm(
    x: Image, weight: Kernel, mean: Channel, var: Channel, gain: Channel, bias: Channel
) -> Float[Tensor, "n c x y"]:
    """A 3 x 3 convolution, then the normalisation."""
    return F.batch_norm(F.conv2d(x, weight, padding=1), mean, var, gain, bias, training=False, eps=EPS)


def folded_conv(
    x: Image, weight: Kernel, mean: Channel, var: Channel, gain: Channel, bias: Channel
) -> Float[Tensor, "n c x y"]:
    """One convolution."""
    scale = gain / torch.sqrt(var + EPS)
    return F.conv2d(x, weight * scale.view(-1, 1, 1, 1), bias - mean * scale, padding=1)


PAIRS = [(linear_then_norm, folded_linear), (conv_then_norm, folded_conv)]

if __name__ == "__main__":
    for reference, candidate in PAIRS:
        verdict = commute.prove(reference, candidate)
        print(f"{reference.__name__} = {candidate.__name__}: {verdict.kind}")
        assert verdict.kind == "PROVED", verdict.reason
