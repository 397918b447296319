"""Gradients written by hand: from the Jacobian or the chain rule, and in the fused forms that kernels use."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

Rows = Float[Tensor, "b n"]
X = Float[Tensor, "n"]
Q = Float[Tensor, "n d"]
K = Float[Tensor, "m d"]
Logits = Float[Tensor, "n v"]


def softmax_jacobian(p: Rows, g: Rows) -> Rows:
    p = torch.softmax(p, dim=1)
    eye = torch.eye(p.shape[1], dtype=p.dtype)
    jacobian = p[:, :, None] * (eye - p[:, None, :])
    return (jacobian @ g[:, :, None])[:, :, 0]


def softmax_fused(p: Rows, g: Rows) -> Rows:
    p = torch.softmax(p, dim=1)
    y = p * g
    return y - p * y.sum(dim=1, keepdim=True)


def softmax_wrong_sum(p: Rows, g: Rows) -> Rows:
    p = torch.softmax(p, dim=1)
    return p * (g - g.sum(dim=1, keepdim=True))


def log_softmax_jacobian(x: Rows, g: Rows) -> Rows:
    p = torch.softmax(x, dim=1)
    eye = torch.eye(x.shape[1], dtype=x.dtype)
    return torch.einsum("bi,bij->bj", g, eye - p[:, None, :])


def log_softmax_fused(x: Rows, g: Rows) -> Rows:
    return g - x.softmax(dim=1) * g.sum(dim=1, keepdim=True)


def log_softmax_unsummed(x: Rows, g: Rows) -> Rows:
    return g - x.softmax(dim=1) * g


def attention_dq(q: Q, k: K, v: K, g: Q) -> Q:
    s = 1 / math.sqrt(q.shape[-1])
    p = torch.softmax(q @ k.T * s, dim=-1)
    dp = g @ v.T
    return (p * (dp - (dp * p).sum(-1, keepdim=True))) @ k * s


def attention_dq_delta(q: Q, k: K, v: K, g: Q) -> Q:
    """Probabilities recomputed from the log-sum-exp, row sums from the output."""
    q = q / math.sqrt(q.shape[-1])
    scores = q @ k.T
    p = torch.exp(scores - torch.logsumexp(scores, dim=-1, keepdim=True))
    delta = (g * (p @ v)).sum(dim=-1)
    return (p * (g @ v.T - delta[:, None])) @ k / math.sqrt(q.shape[-1])


def attention_dq_unscaled(q: Q, k: K, v: K, g: Q) -> Q:
    p = torch.softmax(q @ k.T / math.sqrt(q.shape[-1]), dim=-1)
    dp = g @ v.T
    return (p * (dp - (dp * p).sum(-1, keepdim=True))) @ k


def attention_dk(q: Q, k: K, v: K, g: Q) -> K:
    p = torch.softmax(q @ k.T, dim=-1)
    dp = g @ v.T
    ds = p * (dp - (dp * p).sum(-1, keepdim=True))
    return ds.T @ q


def attention_dk_delta(q: Q, k: K, v: K, g: Q) -> K:
    p = torch.softmax(q @ k.T, dim=-1)
    delta = torch.einsum("nd,nd->n", g, p @ v)
    return torch.einsum("nm,nd->md", p * (g @ v.T - delta.unsqueeze(1)), q)


def attention_dk_delta_of_inputs(q: Q, k: K, v: K, g: Q) -> K:
    p = torch.softmax(q @ k.T, dim=-1)
    delta = torch.einsum("nd,nd->n", g, q)
    return torch.einsum("nm,nd->md", p * (g @ v.T - delta.unsqueeze(1)), q)


def layer_norm_grad(x: Rows, g: Rows) -> Rows:
    xhat = F.layer_norm(x, (x.shape[-1],))
    rstd = torch.rsqrt(x.var(-1, correction=0, keepdim=True) + 1e-5)
    return rstd * (g - g.mean(-1, keepdim=True) - xhat * (g * xhat).mean(-1, keepdim=True))


def layer_norm_grad_chain(x: Rows, g: Rows) -> Rows:
    """Through the centring, the variance and the root, one after another."""
    n = x.shape[-1]
    c = x - x.mean(-1, keepdim=True)
    var = (c * c).mean(-1, keepdim=True) + 1e-5
    dvar = -0.5 * (g * c).sum(-1, keepdim=True) / (var * torch.sqrt(var))
    dc = g / torch.sqrt(var) + dvar * 2 * c / n
    return dc - dc.mean(-1, keepdim=True)


def layer_norm_grad_uncentred(x: Rows, g: Rows) -> Rows:
    xhat = F.layer_norm(x, (x.shape[-1],))
    rstd = torch.rsqrt(x.var(-1, correction=0, keepdim=True) + 1e-5)
    return rstd * (g - xhat * (g * xhat).mean(-1, keepdim=True))


def rms_norm_grad(x: Rows, g: Rows) -> Rows:
    r = torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)
    return r * g - x * r**3 * (g * x).mean(-1, keepdim=True)


def rms_norm_grad_hat(x: Rows, g: Rows) -> Rows:
    r = torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)
    hat = x * r
    return r * (g - hat * (g * hat).mean(-1, keepdim=True))


def rms_norm_grad_summed(x: Rows, g: Rows) -> Rows:
    r = torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)
    hat = x * r
    return r * (g - hat * (g * hat).sum(-1, keepdim=True))


def silu_grad(x: X) -> X:
    s = torch.sigmoid(x)
    return s * (1 + x * (1 - s))


def silu_grad_from_output(x: X) -> X:
    y = F.silu(x)
    return y + torch.sigmoid(x) * (1 - y)


def silu_grad_product_rule_lost(x: X) -> X:
    s = torch.sigmoid(x)
    return s * (1 - s) * x


def tanh_grad(x: X) -> X:
    return 1 - torch.tanh(x) ** 2


def tanh_grad_sigmoid(x: X) -> X:
    s = torch.sigmoid(2 * x)
    return 4 * s * (1 - s)


def tanh_grad_unsquared(x: X) -> X:
    return 1 - torch.tanh(x).abs()


def gelu_grad(x: X) -> X:
    return 0.5 * (1 + torch.erf(x / math.sqrt(2))) + x * torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def gelu_grad_scaled(x: X) -> X:
    cdf = 0.5 + 0.5 * torch.erf(x * math.sqrt(0.5))
    pdf = torch.exp(-0.5 * x.square()) * (1 / math.sqrt(2 * math.pi))
    return cdf + x * pdf


def gelu_grad_narrow(x: X) -> X:
    return 0.5 * (1 + torch.erf(x / math.sqrt(2))) + x * torch.exp(-x * x) / math.sqrt(2 * math.pi)


def cross_entropy_grad(x: Logits, y: Int[Tensor, "n"]) -> Logits:
    return (torch.softmax(x, dim=-1) - F.one_hot(y, x.shape[-1])) / x.shape[0]


def cross_entropy_grad_where(x: Logits, y: Int[Tensor, "n"]) -> Logits:
    p = torch.exp(x - torch.logsumexp(x, dim=-1, keepdim=True))
    hit = torch.arange(x.shape[1])[None, :] == y[:, None]
    return torch.where(hit, p - 1, p) / x.shape[0]


def cross_entropy_grad_per_class(x: Logits, y: Int[Tensor, "n"]) -> Logits:
    return (torch.softmax(x, dim=-1) - F.one_hot(y, x.shape[-1])) / x.shape[1]


def linear_weight_grad(x: Float[Tensor, "b n i"], g: Float[Tensor, "b n o"]) -> Float[Tensor, "o i"]:
    return torch.einsum("bno,bni->oi", g, x)


def linear_weight_grad_flat(x: Float[Tensor, "b n i"], g: Float[Tensor, "b n o"]) -> Float[Tensor, "o i"]:
    return g.flatten(0, 1).T @ x.flatten(0, 1)


def linear_weight_grad_mean(x: Float[Tensor, "b n i"], g: Float[Tensor, "b n o"]) -> Float[Tensor, "o i"]:
    return (g.mT @ x).mean(dim=0)


def linear_weight_grad_batched(x: Float[Tensor, "b n i"], g: Float[Tensor, "b n o"]) -> Float[Tensor, "o i"]:
    return (g.mT @ x).sum(dim=0)


def normalised_grad(x: Rows, g: Rows) -> Rows:
    r = torch.rsqrt(x.square().sum(-1, keepdim=True) + 1)
    y = x * r
    return r * (g - y * (y * g).sum(-1, keepdim=True))


def normalised_grad_quotient(x: Rows, g: Rows) -> Rows:
    s = x.square().sum(-1, keepdim=True) + 1
    return (g * s - x * (x * g).sum(-1, keepdim=True)) / (s * s.sqrt())


PAIRS = [
    ("softmax from the Jacobian", softmax_jacobian, softmax_fused, True),
    ("softmax, sum of g alone", softmax_jacobian, softmax_wrong_sum, False),
    ("log-softmax from the Jacobian", log_softmax_jacobian, log_softmax_fused, True),
    ("log-softmax, not summed", log_softmax_jacobian, log_softmax_unsummed, False),
    ("attention dQ by delta", attention_dq, attention_dq_delta, True),
    ("attention dQ, not scaled", attention_dq, attention_dq_unscaled, False),
    ("attention dK by delta", attention_dk, attention_dk_delta, True),
    ("attention dK, delta of the inputs", attention_dk, attention_dk_delta_of_inputs, False),
    ("layer norm by the chain rule", layer_norm_grad, layer_norm_grad_chain, True),
    ("layer norm, not centred", layer_norm_grad, layer_norm_grad_uncentred, False),
    ("RMS norm", rms_norm_grad, rms_norm_grad_hat, True),
    ("RMS norm, summed", rms_norm_grad, rms_norm_grad_summed, False),
    ("silu from its output", silu_grad, silu_grad_from_output, True),
    ("silu, half of the product rule", silu_grad, silu_grad_product_rule_lost, False),
    ("tanh by sigmoid", tanh_grad, tanh_grad_sigmoid, True),
    ("tanh not squared", tanh_grad, tanh_grad_unsquared, False),
    ("gelu", gelu_grad, gelu_grad_scaled, True),
    ("gelu, density too narrow", gelu_grad, gelu_grad_narrow, False),
    ("cross entropy by where", cross_entropy_grad, cross_entropy_grad_where, True),
    ("cross entropy, per class", cross_entropy_grad, cross_entropy_grad_per_class, False),
    ("weight of a linear layer, flat", linear_weight_grad, linear_weight_grad_flat, True),
    ("weight of a linear layer, batched", linear_weight_grad, linear_weight_grad_batched, True),
    ("weight of a linear layer, averaged", linear_weight_grad, linear_weight_grad_mean, False),
    ("normalised vector", normalised_grad, normalised_grad_quotient, True),
]
