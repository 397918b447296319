"""Normalisations and losses: where the epsilon goes, what the variance divides by, what is summed."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

EPS = 1e-5

Rows = Float[Tensor, "b n"]
Gain = Float[Tensor, "n"]
Logits = Float[Tensor, "t v"]
Targets = Int[Tensor, "t"]


def layer_norm(x: Rows, gain: Gain, bias: Gain) -> Rows:
    return F.layer_norm(x, (x.shape[-1],), gain, bias, eps=EPS)


def eps_outside_the_root(x: Rows, gain: Gain, bias: Gain) -> Rows:
    mean = x.mean(dim=-1, keepdim=True)
    deviation = x.var(dim=-1, unbiased=False, keepdim=True).sqrt() + EPS
    return (x - mean) / deviation * gain + bias


def unbiased_variance(x: Rows, gain: Gain, bias: Gain) -> Rows:
    mean = x.mean(dim=-1, keepdim=True)
    return (x - mean) * torch.rsqrt(x.var(dim=-1, keepdim=True) + EPS) * gain + bias


def mean_kept(x: Rows, gain: Gain, bias: Gain) -> Rows:
    return x * torch.rsqrt(x.var(dim=-1, unbiased=False, keepdim=True) + EPS) * gain + bias


def normalised_over_batch(x: Rows, gain: Gain, bias: Gain) -> Rows:
    mean = x.mean(dim=0, keepdim=True)
    return (x - mean) * torch.rsqrt(x.var(dim=0, unbiased=False, keepdim=True) + EPS) * gain + bias


def other_eps(x: Rows, gain: Gain, bias: Gain) -> Rows:
    return F.layer_norm(x, (x.shape[-1],), gain, bias, eps=1e-3)


def rms_norm(x: Rows, gain: Gain) -> Rows:
    return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + EPS) * gain


def rms_by_sum(x: Rows, gain: Gain) -> Rows:
    return x * torch.rsqrt(x.square().sum(dim=-1, keepdim=True) + EPS) * gain


def rms_of_centred(x: Rows, gain: Gain) -> Rows:
    return F.layer_norm(x, (x.shape[-1],), gain, None, eps=EPS)


def batch_norm(x: Rows, mean: Gain, var: Gain, gain: Gain, bias: Gain) -> Rows:
    return F.batch_norm(x, mean, var.abs(), gain, bias, training=False, eps=EPS)


def mean_folded_unscaled(x: Rows, mean: Gain, var: Gain, gain: Gain, bias: Gain) -> Rows:
    scale = gain * torch.rsqrt(var.abs() + EPS)
    return x * scale + (bias - mean)


def cosine(x: Rows, y: Rows) -> Float[Tensor, "b"]:
    return (x * y).sum(dim=-1) / (x.square().sum(dim=-1) + 1).sqrt() / (y.square().sum(dim=-1) + 1).sqrt()


def cosine_one_norm(x: Rows, y: Rows) -> Float[Tensor, "b"]:
    return (x * y).sum(dim=-1) / (x.square().sum(dim=-1) + 1)


def cross_entropy(logits: Logits, targets: Targets) -> Float[Tensor, ""]:
    return F.cross_entropy(logits, targets)


def cross_entropy_summed(logits: Logits, targets: Targets) -> Float[Tensor, ""]:
    return F.cross_entropy(logits, targets, reduction="sum")


def first_token_ignored(logits: Logits, targets: Targets) -> Float[Tensor, ""]:
    return F.cross_entropy(logits, targets, ignore_index=0)


def max_for_logsumexp(logits: Logits, targets: Targets) -> Float[Tensor, ""]:
    picked = logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return (logits.amax(dim=-1) - picked).mean()


def softmax_twice(logits: Logits, targets: Targets) -> Float[Tensor, ""]:
    return F.cross_entropy(torch.softmax(logits, dim=-1), targets)


def logsumexp(x: Rows) -> Float[Tensor, "b"]:
    return torch.logsumexp(x, dim=-1)


def maximum_not_added_back(x: Rows) -> Float[Tensor, "b"]:
    return (x - x.amax(dim=-1, keepdim=True)).exp().sum(dim=-1).log()


def maximum_over_batch_added(x: Rows) -> Float[Tensor, "b"]:
    return (x - x.amax(dim=-1, keepdim=True)).exp().sum(dim=-1).log() + x.amax()


def kl(p: Rows, q: Rows) -> Float[Tensor, ""]:
    return F.kl_div(q.log_softmax(dim=-1), p.softmax(dim=-1), reduction="batchmean")


def kl_reversed(p: Rows, q: Rows) -> Float[Tensor, ""]:
    return F.kl_div(p.log_softmax(dim=-1), q.softmax(dim=-1), reduction="batchmean")


def softmax_gradient(x: Rows, grad: Rows) -> Rows:
    p = torch.softmax(x, dim=-1)
    return p * (grad - (p * grad).sum(dim=-1, keepdim=True))


def softmax_gradient_diagonal(x: Rows, grad: Rows) -> Rows:
    p = torch.softmax(x, dim=-1)
    return p * (1 - p) * grad


BUGS = [
    ("eps outside the root", layer_norm, eps_outside_the_root),
    ("unbiased variance", layer_norm, unbiased_variance),
    ("mean not subtracted", layer_norm, mean_kept),
    ("normalised over the batch", layer_norm, normalised_over_batch),
    ("another eps", layer_norm, other_eps),
    ("sum of squares for their mean", rms_norm, rms_by_sum),
    ("layer norm for RMS norm", rms_norm, rms_of_centred),
    ("running mean folded without the scale", batch_norm, mean_folded_unscaled),
    ("one norm used twice", cosine, cosine_one_norm),
    ("loss summed instead of averaged", cross_entropy, cross_entropy_summed),
    ("first token ignored", cross_entropy, first_token_ignored),
    ("maximum for logsumexp", cross_entropy, max_for_logsumexp),
    ("softmax applied twice", cross_entropy, softmax_twice),
    ("maximum not added back", logsumexp, maximum_not_added_back),
    ("maximum over the whole batch added back", logsumexp, maximum_over_batch_added),
    ("divergence reversed", kl, kl_reversed),
    ("only the diagonal of the Jacobian", softmax_gradient, softmax_gradient_diagonal),
]
