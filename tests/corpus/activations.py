"""Activations by formula and by library, and identities of exp, max, abs, sign and the root."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

X = Float[Tensor, "n"]
Y = Float[Tensor, "b n"]


def gelu(x: X) -> X:
    return F.gelu(x)


def gelu_erf(x: X) -> X:
    return x * 0.5 * (1.0 + torch.erf(x / math.sqrt(2.0)))


def gelu_erf_unscaled(x: X) -> X:
    return x * 0.5 * (1.0 + torch.erf(x))


def gelu_tanh(x: X) -> X:
    return F.gelu(x, approximate="tanh")


def gelu_tanh_formula(x: X) -> X:
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3))))


def gelu_tanh_sigmoid(x: X) -> X:
    return x * torch.sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))


def gelu_tanh_typo(x: X) -> X:
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.04715 * torch.pow(x, 3))))


def silu(x: X) -> X:
    return F.silu(x)


def silu_fraction(x: X) -> X:
    return x / (1 + torch.exp(-x))


def silu_tanh(x: X) -> X:
    return 0.5 * x * (1 + torch.tanh(x / 2))


def silu_tanh_whole(x: X) -> X:
    return 0.5 * x * (1 + torch.tanh(x))


def tanh(x: X) -> X:
    return torch.tanh(x)


def tanh_sigmoid(x: X) -> X:
    return 2 * torch.sigmoid(2 * x) - 1


def tanh_exps(x: X) -> X:
    return (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())


def tanh_sigmoid_single(x: X) -> X:
    return 2 * torch.sigmoid(x) - 1


def sigmoid(x: X) -> X:
    return torch.sigmoid(x)


def sigmoid_mirror(x: X) -> X:
    return 1 - torch.sigmoid(-x)


def sigmoid_stable(x: X) -> X:
    e = torch.exp(-x.abs())
    return torch.where(x >= 0, 1 / (1 + e), e / (1 + e))


def sigmoid_hard(x: X) -> X:
    return F.hardsigmoid(x)


def softplus(x: X) -> X:
    return F.softplus(x)


def softplus_by_hand(x: X) -> X:
    return torch.where(x > 20, x, torch.log1p(torch.exp(x)))


def softplus_gap(x: X) -> X:
    return torch.log(1 + torch.exp(x)) - torch.log(1 + torch.exp(-x))


def itself(x: X) -> X:
    return x.clone()


def logsigmoid(x: X) -> X:
    return F.logsigmoid(x)


def logsigmoid_by_hand(x: X) -> X:
    return -torch.log1p(torch.exp(-x))


def logsigmoid_sign(x: X) -> X:
    return -torch.log1p(torch.exp(x))


def elu(x: X) -> X:
    return F.elu(x, alpha=0.5)


def elu_by_hand(x: X) -> X:
    return torch.clamp(x, min=0) + 0.5 * (torch.exp(torch.clamp(x, max=0)) - 1)


def elu_alpha_inside(x: X) -> X:
    return torch.where(x > 0, x, torch.exp(0.5 * x) - 1)


def hardtanh(x: X) -> X:
    return F.hardtanh(x, -2.0, 2.0)


def hardtanh_min_max(x: X) -> X:
    return torch.minimum(torch.maximum(x, torch.full_like(x, -2)), torch.full_like(x, 2))


def hardtanh_relus(x: X) -> X:
    return torch.relu(x + 2) - torch.relu(x - 2) - 2


def hardtanh_relus_off(x: X) -> X:
    return torch.relu(x + 2) - torch.relu(x - 2)


def hardswish(x: X) -> X:
    return F.hardswish(x)


def hardswish_by_hand(x: X) -> X:
    return x * (x + 3).clamp(0, 6) / 6


def hardswish_relu(x: X) -> X:
    return x * torch.relu(x + 3) / 6


def relu(x: X) -> X:
    return x.relu()


def relu_half(x: X) -> X:
    return (x + x.abs()) / 2


def relu_where(x: X) -> X:
    return torch.where(x >= 0, x, torch.zeros_like(x))


def relu_masked(x: X) -> X:
    return x * (x > 0)


def relu_inplace(x: X) -> X:
    y = x.clone()
    y[y < 0] = 0
    return y


def relu_of_square_root(x: X) -> X:
    return torch.sqrt(x.square())


def absolute(x: X) -> X:
    return torch.abs(x)


def absolute_max(x: X) -> X:
    return torch.maximum(x, -x)


def absolute_relus(x: X) -> X:
    return F.relu(x) + F.relu(-x)


def absolute_relus_minus(x: X) -> X:
    return F.relu(x) - F.relu(-x)


def maximum(x: X, y: X) -> X:
    return torch.maximum(x, y)


def maximum_relu(x: X, y: X) -> X:
    return y + torch.relu(x - y)


def maximum_mean(x: X, y: X) -> X:
    return (x + y + (x - y).abs()) / 2


def maximum_relu_swapped(x: X, y: X) -> X:
    return x + torch.relu(x - y)


def leaky(x: X) -> X:
    return F.leaky_relu(x, 0.2)


def leaky_max(x: X) -> X:
    return torch.max(x, 0.2 * x)


def leaky_relus(x: X) -> X:
    return 0.2 * x + 0.8 * torch.relu(x)


def steep(x: X) -> X:
    return F.leaky_relu(x, 2.0)


def steep_max(x: X) -> X:
    return torch.max(x, 2.0 * x)


def sign_times_abs(x: X) -> X:
    return x.sign() * x.abs()


def sign(x: X) -> X:
    return torch.sign(x)


def sign_by_division(x: X) -> X:
    return x / x.abs()


def sign_two_valued(x: X) -> X:
    return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)


def exp_of_sum(x: Y) -> Float[Tensor, "b"]:
    return torch.exp(x.sum(dim=1))


def product_of_exps(x: Y) -> Float[Tensor, "b"]:
    return torch.exp(x).prod(dim=1)


def exp_of_mean(x: Y) -> Float[Tensor, "b"]:
    return torch.exp(x.mean(dim=1))


def mean_of_exps(x: Y) -> Float[Tensor, "b"]:
    return torch.exp(x).mean(dim=1)


def max_of_exps(x: Y) -> Float[Tensor, "b"]:
    return torch.exp(x).amax(dim=1).log()


def plain_max(x: Y) -> Float[Tensor, "b"]:
    return torch.max(x, dim=1).values


def max_by_min(x: Y) -> Float[Tensor, "b"]:
    return -torch.min(-x, dim=1).values


def max_from_zero(x: Y) -> Float[Tensor, "b"]:
    return torch.relu(x).amax(dim=1)


def log_square(x: X) -> X:
    return torch.log(x * x + 1) + torch.log(torch.square(x) + 1)


def twice_log(x: X) -> X:
    return 2 * torch.log(1 + x**2)


def log_of_square(x: X) -> X:
    return torch.log(x * x)


def log_twice(x: X) -> X:
    return 2 * torch.log(x)


def inverse_root(x: X) -> X:
    return 1 / torch.sqrt(x * x + 1)


def inverse_root_rsqrt(x: X) -> X:
    return torch.rsqrt(x.square() + 1) * torch.ones_like(x)


def inverse_root_power(x: X) -> X:
    return (x.pow(2) + 1) ** -0.5


def inverse_root_outside(x: X) -> X:
    return 1 / (torch.sqrt(x * x) + 1)


PAIRS = [
    ("gelu by erf", gelu, gelu_erf, True),
    ("gelu by erf, argument unscaled", gelu, gelu_erf_unscaled, False),
    ("tanh gelu by formula", gelu_tanh, gelu_tanh_formula, True),
    ("tanh gelu by sigmoid", gelu_tanh, gelu_tanh_sigmoid, True),
    ("tanh gelu with a typo", gelu_tanh, gelu_tanh_typo, False),
    ("silu as a fraction", silu, silu_fraction, True),
    ("silu by tanh", silu, silu_tanh, True),
    ("silu by tanh, not halved", silu, silu_tanh_whole, False),
    ("tanh by sigmoid", tanh, tanh_sigmoid, True),
    ("tanh by exponentials", tanh, tanh_exps, True),
    ("tanh by sigmoid, not doubled", tanh, tanh_sigmoid_single, False),
    ("sigmoid mirrored", sigmoid, sigmoid_mirror, True),
    ("sigmoid by branches", sigmoid, sigmoid_stable, True),
    ("hard sigmoid", sigmoid, sigmoid_hard, False),
    ("softplus with its threshold", softplus, softplus_by_hand, True),
    ("difference of softplus", itself, softplus_gap, True),
    ("log-sigmoid", logsigmoid, logsigmoid_by_hand, True),
    ("log-sigmoid, wrong sign", logsigmoid, logsigmoid_sign, False),
    ("elu by clamps", elu, elu_by_hand, True),
    ("elu, alpha inside", elu, elu_alpha_inside, False),
    ("hardtanh by min and max", hardtanh, hardtanh_min_max, True),
    ("hardtanh by relus", hardtanh, hardtanh_relus, True),
    ("hardtanh by relus, not shifted back", hardtanh, hardtanh_relus_off, False),
    ("hardswish by clamp", hardswish, hardswish_by_hand, True),
    ("hardswish by relu", hardswish, hardswish_relu, False),
    ("relu as half sum", relu, relu_half, True),
    ("relu by where", relu, relu_where, True),
    ("relu by mask", relu, relu_masked, True),
    ("relu in place", relu, relu_inplace, True),
    ("relu as root of square", relu, relu_of_square_root, False),
    ("abs as max", absolute, absolute_max, True),
    ("abs as relus", absolute, absolute_relus, True),
    ("abs as difference of relus", absolute, absolute_relus_minus, False),
    ("max by relu", maximum, maximum_relu, True),
    ("max by abs", maximum, maximum_mean, True),
    ("max by relu, swapped", maximum, maximum_relu_swapped, False),
    ("leaky relu as max", leaky, leaky_max, True),
    ("leaky relu by relu", leaky, leaky_relus, True),
    ("steep leaky relu as max", steep, steep_max, False),
    ("sign times abs", itself, sign_times_abs, True),
    ("sign by division", sign, sign_by_division, False),
    ("sign of zero", sign, sign_two_valued, False),
    ("exp of a sum", exp_of_sum, product_of_exps, True),
    ("exp of a mean", exp_of_mean, mean_of_exps, False),
    ("log of the largest exp", plain_max, max_of_exps, True),
    ("max by min", plain_max, max_by_min, True),
    ("max from zero", plain_max, max_from_zero, False),
    ("two logs", log_square, twice_log, True),
    ("log of a square", log_of_square, log_twice, False),
    ("inverse root by rsqrt", inverse_root, inverse_root_rsqrt, True),
    ("inverse root by power", inverse_root, inverse_root_power, True),
    ("inverse root, one outside", inverse_root, inverse_root_outside, False),
]
