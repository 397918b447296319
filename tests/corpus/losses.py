"""Losses: cross entropy, label smoothing, divergences, squared errors, contrastive losses."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

X = Float[Tensor, "n v"]
Y = Int[Tensor, "n"]
Scalar = Float[Tensor, ""]
N = Float[Tensor, "n"]


def cross_entropy(x: X, y: Y) -> Scalar:
    return F.cross_entropy(x, y)


def nll(x: X, y: Y) -> Scalar:
    return F.nll_loss(F.log_softmax(x, dim=1), y)


def one_hot_dot(x: X, y: Y) -> Scalar:
    return -(F.one_hot(y, x.shape[1]) * x.log_softmax(dim=1)).sum(dim=1).mean()


def indexed(x: X, y: Y) -> Scalar:
    return (torch.logsumexp(x, 1) - x[torch.arange(x.shape[0]), y]).mean()


def mean_over_all(x: X, y: Y) -> Scalar:
    return -(F.one_hot(y, x.shape[1]) * x.log_softmax(dim=1)).mean()


def nll_of_probabilities(x: X, y: Y) -> Scalar:
    return F.nll_loss(torch.softmax(x, dim=1), y)


def log_of_mean_probability(x: X, y: Y) -> Scalar:
    return -torch.log(torch.softmax(x, dim=1).gather(1, y[:, None]).mean())


def per_token(x: X, y: Y) -> N:
    return F.cross_entropy(x, y, reduction="none")


def per_token_by_hand(x: X, y: Y) -> N:
    shifted = x - x.gather(1, y.unsqueeze(1))
    return shifted.exp().sum(dim=1).log()


def per_token_margin(x: X, y: Y) -> N:
    return x.amax(dim=1) - x.gather(1, y.unsqueeze(1)).squeeze(1)


def smoothed(x: X, y: Y) -> Scalar:
    return F.cross_entropy(x, y, label_smoothing=0.1)


def smoothed_by_hand(x: X, y: Y) -> Scalar:
    logp = F.log_softmax(x, dim=-1)
    hard = -logp.gather(-1, y.unsqueeze(-1)).squeeze(-1)
    return (0.9 * hard - 0.1 * logp.mean(dim=-1)).mean()


def smoothed_others_only(x: X, y: Y) -> Scalar:
    logp = F.log_softmax(x, dim=-1)
    hard = -logp.gather(-1, y.unsqueeze(-1)).squeeze(-1)
    return (0.9 * hard - 0.1 * (logp.sum(dim=-1) + hard) / x.shape[-1]).mean()


def smoothed_full_target(x: X, y: Y) -> Scalar:
    logp = F.log_softmax(x, dim=-1)
    hard = -logp.gather(-1, y.unsqueeze(-1)).squeeze(-1)
    return (hard - 0.1 * logp.mean(dim=-1)).mean()


def soft_targets(x: X, t: X) -> Scalar:
    return F.cross_entropy(x, t.softmax(dim=1))


def soft_targets_by_hand(x: X, t: X) -> Scalar:
    return torch.mean(x.logsumexp(dim=1) - (t.softmax(dim=1) * x).sum(dim=1))


def vocabulary_halves(h: Float[Tensor, "n d"], w: Float[Tensor, "2*v d"]) -> N:
    return torch.logsumexp(h @ w.T, dim=-1)


def vocabulary_streamed(h: Float[Tensor, "n d"], w: Float[Tensor, "2*v d"]) -> N:
    lse = torch.full((h.shape[0],), float("-inf"), dtype=h.dtype)
    for part in w.chunk(2, dim=0):
        lse = torch.logaddexp(lse, torch.logsumexp(F.linear(h, part), dim=-1))
    return lse


def vocabulary_largest_half(h: Float[Tensor, "n d"], w: Float[Tensor, "2*v d"]) -> N:
    lse = torch.full((h.shape[0],), float("-inf"), dtype=h.dtype)
    for part in w.chunk(2, dim=0):
        lse = torch.maximum(lse, torch.logsumexp(F.linear(h, part), dim=-1))
    return lse


def kl(p: X, q: X) -> Scalar:
    return F.kl_div(F.log_softmax(q, dim=-1), F.softmax(p, dim=-1), reduction="batchmean")


def kl_by_hand(p: X, q: X) -> Scalar:
    logp, logq = p.log_softmax(-1), q.log_softmax(-1)
    return (logp.exp() * (logp - logq)).sum(-1).mean()


def kl_shared_statistics(p: X, q: X) -> Scalar:
    gap = (p.softmax(-1) * (p - q)).sum(-1)
    return (gap - p.logsumexp(-1) + q.logsumexp(-1)).mean()


def kl_as_entropies(p: X, q: X) -> Scalar:
    prob = p.softmax(-1)
    cross = -(prob * q.log_softmax(-1)).sum(-1)
    return (cross + (prob * p.log_softmax(-1)).sum(-1)).mean()


def kl_mean_over_all(p: X, q: X) -> Scalar:
    return F.kl_div(F.log_softmax(q, dim=-1), F.softmax(p, dim=-1), reduction="none").mean()


def kl_log_target(p: X, q: X) -> Scalar:
    return F.kl_div(q.log_softmax(-1), p.log_softmax(-1), reduction="batchmean", log_target=True)


def entropy(x: X) -> N:
    return -(x.softmax(-1) * x.log_softmax(-1)).sum(-1)


def entropy_one_pass(x: X) -> N:
    return x.logsumexp(-1) - (x.softmax(-1) * x).sum(-1)


def entropy_sign(x: X) -> N:
    return x.logsumexp(-1) + (x.softmax(-1) * x).sum(-1)


def jsd(p: X, q: X) -> N:
    a, b = p.softmax(-1), q.softmax(-1)
    m = (a + b) / 2
    return 0.5 * (a * (a.log() - m.log())).sum(-1) + 0.5 * (b * (b.log() - m.log())).sum(-1)


def jsd_by_entropies(p: X, q: X) -> N:
    a, b = p.softmax(-1), q.softmax(-1)
    m = 0.5 * (a + b)
    return -(m * m.log()).sum(-1) + 0.5 * ((a * a.log()).sum(-1) + (b * b.log()).sum(-1))


def jsd_one_sided(p: X, q: X) -> N:
    a, b = p.softmax(-1), q.softmax(-1)
    m = (a + b) / 2
    return (a * (a.log() - m.log())).sum(-1)


def mse(x: X, y: X) -> Scalar:
    return F.mse_loss(x, y)


def mse_by_hand(x: X, y: X) -> Scalar:
    return ((x - y) ** 2).mean()


def mse_expanded(x: X, y: X) -> Scalar:
    return (x * x).mean() - 2 * (x * y).mean() + (y * y).mean()


def mse_per_row(x: X, y: X) -> Scalar:
    return (x - y).square().sum(dim=1).mean()


def mse_of_means(x: X, y: X) -> Scalar:
    return (x - y).mean(dim=1).square().mean()


def mse_mean_of_means(x: X, y: X) -> Scalar:
    return (x - y).square().mean(dim=0).mean()


def binary(x: N, y: N) -> Scalar:
    return F.binary_cross_entropy_with_logits(x, y)


def binary_by_hand(x: N, y: N) -> Scalar:
    return (x.clamp(min=0) - x * y + torch.log1p(torch.exp(-x.abs()))).mean()


def contrastive(a: Float[Tensor, "n d"], b: Float[Tensor, "n d"]) -> Scalar:
    return F.cross_entropy(a @ b.T, torch.arange(a.shape[0]))


def contrastive_by_diagonal(a: Float[Tensor, "n d"], b: Float[Tensor, "n d"]) -> Scalar:
    return (torch.logsumexp(a @ b.T, dim=1) - (a * b).sum(dim=1)).mean()


def contrastive_other_way(a: Float[Tensor, "n d"], b: Float[Tensor, "n d"]) -> Scalar:
    return (torch.logsumexp(b @ a.T, dim=1) - (a * b).sum(dim=1)).mean()


def next_token(x: Float[Tensor, "n v"], y: Y) -> Scalar:
    return F.cross_entropy(x[:-1], y[1:], reduction="sum")


def same_token(x: Float[Tensor, "n v"], y: Y) -> Scalar:
    return F.cross_entropy(x[:-1], y[:-1], reduction="sum")


def next_token_by_hand(x: Float[Tensor, "n v"], y: Y) -> Scalar:
    logp = x.log_softmax(-1)[:-1]
    return -logp.gather(1, y[1:].unsqueeze(1)).sum()


PAIRS = [
    ("cross entropy as nll", cross_entropy, nll, True),
    ("cross entropy by one-hot", cross_entropy, one_hot_dot, True),
    ("cross entropy by indexing", cross_entropy, indexed, True),
    ("cross entropy averaged over the vocabulary", cross_entropy, mean_over_all, False),
    ("nll of probabilities", cross_entropy, nll_of_probabilities, False),
    ("log of the mean", cross_entropy, log_of_mean_probability, False),
    ("per token, shifted by the target", per_token, per_token_by_hand, True),
    ("per token, margin", per_token, per_token_margin, False),
    ("label smoothing by hand", smoothed, smoothed_by_hand, True),
    ("label smoothing over the others only", smoothed, smoothed_others_only, False),
    ("label smoothing, full target", smoothed, smoothed_full_target, False),
    ("soft targets", soft_targets, soft_targets_by_hand, True),
    ("vocabulary streamed", vocabulary_halves, vocabulary_streamed, True),
    ("vocabulary, larger half only", vocabulary_halves, vocabulary_largest_half, False),
    ("divergence by hand", kl, kl_by_hand, True),
    ("divergence with shared statistics", kl, kl_shared_statistics, True),
    ("divergence as entropies", kl, kl_as_entropies, True),
    ("divergence with log target", kl, kl_log_target, True),
    ("divergence averaged over the vocabulary", kl, kl_mean_over_all, False),
    ("entropy in one pass", entropy, entropy_one_pass, True),
    ("entropy, wrong sign", entropy, entropy_sign, False),
    ("Jensen-Shannon by entropies", jsd, jsd_by_entropies, True),
    ("Jensen-Shannon, one side", jsd, jsd_one_sided, False),
    ("squared error by hand", mse, mse_by_hand, True),
    ("squared error expanded", mse, mse_expanded, True),
    ("squared error, mean of means", mse, mse_mean_of_means, True),
    ("squared error summed per row", mse, mse_per_row, False),
    ("square of the mean error", mse, mse_of_means, False),
    ("binary cross entropy", binary, binary_by_hand, True),
    ("contrastive loss by the diagonal", contrastive, contrastive_by_diagonal, True),
    ("contrastive loss, other direction", contrastive, contrastive_other_way, False),
    ("next token", next_token, next_token_by_hand, True),
    ("next token, not shifted", next_token, same_token, False),
]
