"""Activations, convolutions, pooling, and forms that are right only at one size, for one sign, or without ties."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Vector = Float[Tensor, "n"]
Rows = Float[Tensor, "b n"]
Signal = Float[Tensor, "b c t"]
Image = Float[Tensor, "b c x+2 y+2"]
Kernel = Float[Tensor, "o c 3 3"]


def gelu(x: Vector) -> Vector:
    return F.gelu(x)


def gelu_by_tanh(x: Vector) -> Vector:
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def gelu_by_sigmoid(x: Vector) -> Vector:
    return x * torch.sigmoid(1.702 * x)


def relu(x: Vector) -> Vector:
    return F.relu(x)


def relu6(x: Vector) -> Vector:
    return F.relu6(x)


def leaky(x: Vector) -> Vector:
    return F.leaky_relu(x, 0.01)


def leaky_steeper(x: Vector) -> Vector:
    return torch.where(x > 0, x, 0.1 * x)


def leaky_by_max(x: Vector) -> Vector:
    return torch.maximum(x, 0.01 * x) + torch.minimum(x, 0.01 * x)


def silu(x: Vector) -> Vector:
    return F.silu(x)


def sigmoid_alone(x: Vector) -> Vector:
    return torch.sigmoid(x)


def elu(x: Vector) -> Vector:
    return F.elu(x)


def elu_without_minus_one(x: Vector) -> Vector:
    return torch.where(x > 0, x, torch.exp(x))


def clamped(x: Vector) -> Vector:
    return F.hardtanh(x)


def clamped_below(x: Vector) -> Vector:
    return x.clamp(min=-1.0)


def root_of_square(x: Vector) -> Vector:
    return torch.sqrt(x * x)


def the_value_itself(x: Vector) -> Vector:
    return x * 1.0


def strictly_positive(x: Vector) -> Vector:
    return torch.where(x > 0, 1.0, 0.0) + 0.0 * x


def not_negative(x: Vector) -> Vector:
    return torch.where(x >= 0, 1.0, 0.0) + 0.0 * x


def ties_share(x: Rows) -> Rows:
    best = x == x.amax(dim=-1, keepdim=True)
    return best / best.sum(dim=-1, keepdim=True)


def ties_do_not_share(x: Rows) -> Rows:
    return (x == x.amax(dim=-1, keepdim=True)).to(x.dtype)


def mean_of_rows(x: Rows) -> Float[Tensor, "b"]:
    return x.mean(dim=-1)


def sum_of_rows(x: Rows) -> Float[Tensor, "b"]:
    return x.sum(dim=-1)


def summed_all(x: Rows) -> Float[Tensor, ""]:
    return x.sum(dim=-1).square().sum()


def squared_first(x: Rows) -> Float[Tensor, ""]:
    return x.square().sum()


def geometric(x: Rows) -> Float[Tensor, "b"]:
    return x.square().log1p().sum(dim=-1).exp()


def geometric_without_first(x: Rows) -> Float[Tensor, "b"]:
    return (1 + x.square()[:, 1:]).prod(dim=-1)


def padded(x: Signal, weight: Float[Tensor, "o c 3"]) -> Float[Tensor, "b o t"]:
    return F.conv1d(x, weight, padding=1)


def padded_on_the_left(x: Signal, weight: Float[Tensor, "o c 3"]) -> Float[Tensor, "b o t"]:
    return F.conv1d(F.pad(x, (2, 0)), weight)


def correlation(x: Image, weight: Kernel) -> Float[Tensor, "b o x y"]:
    return F.conv2d(x, weight)


def true_convolution(x: Image, weight: Kernel) -> Float[Tensor, "b o x y"]:
    return F.conv2d(x, weight.flip(-1, -2))


def kernel_transposed(x: Image, weight: Kernel) -> Float[Tensor, "b o x y"]:
    return F.conv2d(x, weight.transpose(-1, -2))


def strided(x: Float[Tensor, "b c 2*t"], weight: Float[Tensor, "o c 1"]) -> Float[Tensor, "b o t"]:
    return F.conv1d(x, weight, stride=2)


def strided_from_one(x: Float[Tensor, "b c 2*t"], weight: Float[Tensor, "o c 1"]) -> Float[Tensor, "b o t"]:
    return torch.einsum("oc,bct->bot", weight[:, :, 0], x[:, :, 1::2])


def pooled(x: Signal) -> Signal:
    return F.avg_pool1d(x, 3, stride=1, padding=1, count_include_pad=False)


def pooled_with_padding(x: Signal) -> Signal:
    return F.avg_pool1d(x, 3, stride=1, padding=1)


BUGS = [
    ("tanh gelu for erf gelu", gelu, gelu_by_tanh),
    ("sigmoid gelu for erf gelu", gelu, gelu_by_sigmoid),
    ("relu6 for relu", relu, relu6),
    ("slope of the leaky relu", leaky, leaky_steeper),
    ("both branches of the leaky relu", leaky, leaky_by_max),
    ("sigmoid for silu", silu, sigmoid_alone),
    ("elu without the minus one", elu, elu_without_minus_one),
    ("clamped on one side", clamped, clamped_below),
    ("equal for positive inputs only", root_of_square, the_value_itself),
    ("equal except at zero", strictly_positive, not_negative),
    ("equal without ties only", ties_share, ties_do_not_share),
    ("equal at size 1 only: mean and sum", mean_of_rows, sum_of_rows),
    ("equal at size 1 only: square of the sum", summed_all, squared_first),
    ("first element skipped", geometric, geometric_without_first),
    ("padding on one side", padded, padded_on_the_left),
    ("kernel flipped", correlation, true_convolution),
    ("kernel transposed", correlation, kernel_transposed),
    ("stride starts at one", strided, strided_from_one),
    ("padding counted in the average", pooled, pooled_with_padding),
]
