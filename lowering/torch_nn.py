"""Activations and dropout that is off: functions of one number, as Torch defines them.

Those that have a name in `theory/ops.py` keep it; thresholds and clamps are part of the meaning (softplus is linear past 20).
To add here: an activation.  Never here: anything that looks at more than one number, but for glu and prelu.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import torch
import torch.nn.functional as F

from commute.lowering.arrays import Array, Indices, pointwise
from commute.lowering.registry import Unsupported, Unusable, lifts
from commute.lowering.torch_args import dimension, everywhere, mapped, numeric, scalar, scaled
from commute.lowering.torch_norms import by_channel
from commute.theory.axes import Size
from commute.theory.ops import (
    add,
    composite,
    div,
    exp,
    lor,
    lt,
    maximum,
    minimum,
    mul,
    neg,
    recip,
    sub,
    unary,
    where,
)
from commute.theory.terms import INT, ONE, ZERO, Term, const, size_value

# torch/nn/functional.py and ATen say these as doubles.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def _by_name(name: str) -> Callable[..., Array]:
    def handler(trace: Any, input: Array, inplace: bool = False, *, out: Any = None) -> Array:
        return mapped(lambda x: composite(name, x), input)

    handler.__doc__ = f"The composite {name}."
    return handler


silu = everywhere("silu")(_by_name("silu"))
sigmoid = everywhere("sigmoid", "expit")(_by_name("sigmoid"))


@everywhere("relu")
def relu(trace: Any, input: Array, inplace: bool = False) -> Array:
    """max(x, 0)"""
    if input.sort == INT:
        return pointwise(lambda x: maximum(x, ZERO), input)
    return mapped(lambda x: composite("relu", x), input)


@everywhere("gelu")
def gelu(trace: Any, input: Array, *, approximate: str = "none") -> Array:
    """x times the normal distribution function of x, or its approximation by tanh."""
    names = {"none": "gelu", "tanh": "gelu_tanh"}
    if approximate not in names:
        raise Unusable(f"approximate={approximate!r} is neither 'none' nor 'tanh'")
    return mapped(lambda x: composite(names[approximate], x), input)


@everywhere("relu6")
def relu6(trace: Any, input: Array, inplace: bool = False) -> Array:
    """min(max(x, 0), 6)"""
    return mapped(_relu6, input)


def _relu6(x: Term) -> Term:
    return minimum(maximum(x, ZERO), const(6))


@everywhere("hardsigmoid")
def hardsigmoid(trace: Any, input: Array, inplace: bool = False) -> Array:
    """min(max(x + 3, 0), 6) / 6"""
    return mapped(lambda x: mul(_relu6(add(x, const(3))), const(Fraction(1, 6))), input)


@everywhere("hardswish")
def hardswish(trace: Any, input: Array, inplace: bool = False) -> Array:
    """x * min(max(x + 3, 0), 6) / 6"""
    return mapped(lambda x: mul(x, mul(_relu6(add(x, const(3))), const(Fraction(1, 6)))), input)


@everywhere("hardtanh")
def hardtanh(trace: Any, input: Array, min_val: Any = -1.0, max_val: Any = 1.0, inplace: bool = False) -> Array:
    """min(max(x, min_val), max_val)"""
    low, high = scalar(trace, min_val), scalar(trace, max_val)
    return mapped(lambda x: minimum(maximum(x, low), high), input)


def _negative(x: Term, below: Term) -> Term:
    """x where it is positive, else `below`."""
    return where(lt(ZERO, x), x, below)


@everywhere("leaky_relu")
def leaky_relu(trace: Any, input: Array, negative_slope: Any = 0.01, inplace: bool = False) -> Array:
    """x where positive, else negative_slope * x"""
    slope = scalar(trace, negative_slope)
    return mapped(lambda x: _negative(x, mul(slope, x)), input)


@everywhere("prelu")
def prelu(trace: Any, input: Array, weight: Array) -> Array:
    """x where positive, else weight * x, with one weight or one for each channel (dimension 1)"""
    if weight.rank == 0 or weight.shape[0] == Size(1) or input.rank < 2:
        return pointwise(lambda x, w: _negative(x, mul(w, x)), numeric(input), weight)
    channels = by_channel(weight, input.rank)
    assert channels is not None
    return pointwise(lambda x, w: _negative(x, mul(w, x)), numeric(input), channels)


@everywhere("elu")
def elu(trace: Any, input: Array, alpha: Any = 1.0, inplace: bool = False) -> Array:
    """x where positive, else alpha * (exp(x) - 1)"""
    a = scalar(trace, alpha)
    return mapped(lambda x: _negative(x, scaled(a, sub(exp(x), ONE))), input)


@everywhere("selu")
def selu(trace: Any, input: Array, inplace: bool = False) -> Array:
    """scale * (x where positive, else alpha * (exp(x) - 1)) with the constants of self-normalising networks"""
    a, s = scalar(trace, SELU_ALPHA), scalar(trace, SELU_SCALE)
    return mapped(lambda x: mul(s, _negative(x, mul(a, sub(exp(x), ONE)))), input)


@everywhere("celu")
def celu(trace: Any, input: Array, alpha: Any = 1.0, inplace: bool = False) -> Array:
    """x where positive, else alpha * (exp(x / alpha) - 1)"""
    a = scalar(trace, alpha)
    return mapped(lambda x: _negative(x, scaled(a, sub(exp(x if a is ONE else div(x, a)), ONE))), input)


@everywhere("mish")
def mish(trace: Any, input: Array, inplace: bool = False) -> Array:
    """x * tanh(log(1 + exp(x)))"""
    return mapped(lambda x: mul(x, unary("tanh", composite("softplus", x))), input)


@lifts(F.logsigmoid)
def logsigmoid(trace: Any, input: Array) -> Array:
    """-log(1 + exp(-x))"""
    return mapped(log_sigmoid, input)


def log_sigmoid(x: Term) -> Term:
    """-log(1 + exp(-x))"""
    return neg(composite("softplus", neg(x)))


@lifts(F.softplus)
def softplus(trace: Any, input: Array, beta: Any = 1, threshold: Any = 20) -> Array:
    """log(1 + exp(beta * x)) / beta, and x itself where beta * x > threshold"""
    b, limit = scalar(trace, beta), scalar(trace, threshold)

    def soft(x: Term) -> Term:
        curved = composite("softplus", scaled(b, x))
        return where(lt(limit, scaled(b, x)), x, curved if b is ONE else mul(curved, recip(b)))

    return mapped(soft, input)


@lifts(F.softsign)
def softsign(trace: Any, input: Array) -> Array:
    """x / (1 + |x|)"""
    return mapped(lambda x: div(x, add(ONE, composite("abs", x))), input)


@everywhere("tanh")
def tanh(trace: Any, input: Array) -> Array:
    """the hyperbolic tangent"""
    return mapped(lambda x: unary("tanh", x), input)


@lifts(F.tanhshrink)
def tanhshrink(trace: Any, input: Array) -> Array:
    """x - tanh(x)"""
    return mapped(lambda x: sub(x, unary("tanh", x)), input)


@everywhere("threshold")
def threshold(trace: Any, input: Array, threshold: Any, value: Any, inplace: bool = False) -> Array:
    """x where it is above the threshold, else the value"""
    limit, other = scalar(trace, threshold), scalar(trace, value)
    return mapped(lambda x: where(lt(limit, x), x, other), input)


@everywhere("hardshrink")
def hardshrink(trace: Any, input: Array, lambd: Any = 0.5) -> Array:
    """0 where |x| <= lambd, else x"""
    limit = scalar(trace, lambd)
    return mapped(lambda x: where(lor(lt(limit, x), lt(x, neg(limit))), x, ZERO), input)


@everywhere("softshrink")
def softshrink(trace: Any, input: Array, lambd: Any = 0.5) -> Array:
    """x - lambd above lambd, x + lambd below -lambd, else 0"""
    limit = scalar(trace, lambd)
    below = lambda x: where(lt(x, neg(limit)), add(x, limit), ZERO)  # noqa: E731
    return mapped(lambda x: where(lt(limit, x), sub(x, limit), below(x)), input)


@lifts(F.glu)
def glu(trace: Any, input: Array, dim: Any = -1) -> Array:
    """The first half along a dimension times the sigmoid of the second."""
    d, array = dimension(input, dim), numeric(input)
    half = array.shape[d].divided_by(2)
    if half is None:
        raise Unsupported(f"axis {array.shape[d]} is not known to be even")
    trace.layouts.cut(array.shape[d], half)

    def at(indices: Indices) -> Term:
        moved = [*indices[:d], add(indices[d], size_value(half)), *indices[d + 1 :]]
        return mul(array.at(indices), composite("sigmoid", array.at(moved)))

    return Array((*array.shape[:d], half, *array.shape[d + 1 :]), at)


# --- dropout ---------------------------------------------------------------------------------------------------------


@lifts(F.dropout, F.dropout1d, F.dropout2d, F.dropout3d)
def dropout(trace: Any, input: Array, p: Any = 0.5, training: bool = True, inplace: bool = False) -> Array:
    """The identity where training=False or p=0; otherwise random."""
    if training and p != 0:
        raise Unsupported("a random operator: pass training=False or call eval()")
    return input


@lifts(F.alpha_dropout, F.feature_alpha_dropout)
def alpha_dropout(trace: Any, input: Array, p: Any = 0.5, training: bool = False, inplace: bool = False) -> Array:
    """The identity where training=False or p=0; otherwise random."""
    return dropout(trace, input, p, training)


@lifts(torch.dropout, torch.feature_dropout, torch.alpha_dropout, torch.feature_alpha_dropout)
def torch_dropout(trace: Any, input: Array, p: Any, train: bool) -> Array:
    """The identity where train=False or p=0; otherwise random."""
    return dropout(trace, input, p, train)
