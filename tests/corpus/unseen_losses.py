"""Losses and likelihoods in users' own words: contrastive, focal, smoothed, divergences, flows, distances."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def smoothing(logits: Float[Tensor, "b c"], target: Int[Tensor, "b"]) -> Float[Tensor, ""]:
    return F.cross_entropy(logits, target, label_smoothing=0.1)


def smoothing_by_hand(logits, target):
    logp = F.log_softmax(logits, dim=-1)
    nll = -logp.gather(dim=-1, index=target.unsqueeze(1)).squeeze(1)
    smooth = -logp.mean(dim=-1)
    return (0.9 * nll + 0.1 * smooth).mean()


def smoothing_sum(logits, target):
    logp = F.log_softmax(logits, dim=-1)
    nll = -logp.gather(dim=-1, index=target.unsqueeze(1)).squeeze(1)
    return (0.9 * nll - 0.1 * logp.sum(dim=-1)).mean()


def focal(logits: Float[Tensor, "b"], target: Float[Tensor, "b"]) -> Float[Tensor, ""]:
    """The focal loss of torchvision, for targets in between too."""
    p = torch.sigmoid(logits)
    ce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    p_t = p * target + (1 - p) * (1 - target)
    return (ce * ((1 - p_t) ** 2)).mean()


def focal_logsigmoid(logits, target):
    p = 1 / (1 + torch.exp(-logits))
    ce = -target * F.logsigmoid(logits) - (1 - target) * F.logsigmoid(-logits)
    wrong = p + target - 2 * p * target
    return torch.mean(wrong.pow(2) * ce)


def focal_right(logits, target):
    p = torch.sigmoid(logits)
    ce = -target * F.logsigmoid(logits) - (1 - target) * F.logsigmoid(-logits)
    return torch.mean((1 - p * target).pow(2) * ce)


def focal_classes(logits: Float[Tensor, "b c"], target: Int[Tensor, "b"]) -> Float[Tensor, ""]:
    """Focal loss over classes."""
    logp = F.log_softmax(logits, 1)
    logpt = logp.gather(1, target.view(-1, 1)).view(-1)
    return (-((1 - logpt.exp()) ** 2) * logpt).mean()


def focal_classes_ce(logits, target):
    ce = F.cross_entropy(logits, target, reduction="none")
    pt = torch.exp(-ce)
    return ((1 - pt).square() * ce).mean()


def focal_classes_plus(logits, target):
    ce = F.cross_entropy(logits, target, reduction="none")
    return ((1 + torch.exp(-ce)).square() * ce).mean()


def info_nce(x: Float[Tensor, "n d"], y: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    """The symmetric loss of CLIP."""
    x, y = F.normalize(x, dim=-1), F.normalize(y, dim=-1)
    logits = x @ y.t() / 0.07
    labels = torch.arange(x.shape[0])
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.t(), labels)) / 2


def info_nce_lse(x, y):
    x = x / x.norm(dim=1, keepdim=True).clamp_min(1e-12)
    y = y / y.norm(dim=1, keepdim=True).clamp_min(1e-12)
    s = torch.einsum("id,jd->ij", x, y) / 0.07
    match = (x * y).sum(1) / 0.07
    return (0.5 * (s.logsumexp(0) + s.logsumexp(1)) - match).mean()


def info_nce_one_way(x, y):
    x, y = F.normalize(x, dim=-1), F.normalize(y, dim=-1)
    return F.cross_entropy(x @ y.t() / 0.07, torch.arange(x.shape[0]))


def gaussian_kl(
    m1: Float[Tensor, "b d"], s1: Float[Tensor, "b d"], m2: Float[Tensor, "b d"], s2: Float[Tensor, "b d"]
) -> Float[Tensor, "b"]:
    """KL of diagonal Gaussians by log variances."""
    return 0.5 * torch.sum(-1.0 + s2 - s1 + torch.exp(s1 - s2) + ((m1 - m2) ** 2) * torch.exp(-s2), dim=1)


def gaussian_kl_sigma(m1, s1, m2, s2):
    a, b = torch.exp(0.5 * s1), torch.exp(0.5 * s2)
    return (torch.log(b / a) + (a**2 + (m1 - m2) ** 2) / (2 * b**2) - 0.5).sum(-1)


def gaussian_kl_swapped(m1, s1, m2, s2):
    a, b = torch.exp(0.5 * s1), torch.exp(0.5 * s2)
    return (torch.log(b / a) + (a**2 + (m1 - m2) ** 2) / (2 * a**2) - 0.5).sum(-1)


def gaussian_nll(x: Float[Tensor, "b d"], mu: Float[Tensor, "b d"], logvar: Float[Tensor, "b d"]) -> Float[Tensor, "b"]:
    log_two_pi = math.log(2 * math.pi)
    return -0.5 * (log_two_pi + logvar + (x - mu).pow(2) / logvar.exp()).sum(-1)


def gaussian_nll_standard(x, mu, logvar):
    z = (x - mu) * torch.exp(-logvar / 2)
    d = x.shape[-1]
    return -(z * z).sum(-1) / 2 - logvar.sum(-1) / 2 - d * 0.5 * math.log(2 * math.pi)


def gaussian_nll_no_half(x, mu, logvar):
    z = (x - mu) * torch.exp(-logvar / 2)
    return -(z * z).sum(-1) / 2 - logvar.sum(-1) - x.shape[-1] * 0.5 * math.log(2 * math.pi)


def coupling(x: Float[Tensor, "b 2*d"], w: Float[Tensor, "d d"], t: Float[Tensor, "d d"]) -> Float[Tensor, "b 2*d"]:
    """An affine coupling and back is nothing."""
    return x


def coupling_inverted(x, w, t):
    a, b = x.chunk(2, dim=1)
    s = torch.tanh(a @ w)
    y = b * torch.exp(s) + a @ t
    return torch.cat([a, (y - a @ t) * torch.exp(-s)], dim=1)


def coupling_reused(x, w, t):
    a, b = x.chunk(2, dim=1)
    y = b * torch.exp(torch.tanh(a @ w)) + a @ t
    return torch.cat([a, (y - y @ t) * torch.exp(-torch.tanh(a @ w))], dim=1)


def log_det(x: Float[Tensor, "b d"], s: Float[Tensor, "d"]) -> Float[Tensor, "b"]:
    """The log density under a scaled and squashed normal."""
    base = -0.5 * ((x / s.exp()) ** 2).sum(-1) - s.sum()
    return base + 2 * torch.log(torch.cosh(x)).sum(-1)


def log_det_logsigmoid(x, s):
    base = -0.5 * (x.pow(2) * torch.exp(-2 * s)).sum(-1) - s.sum()
    return base - (2 * (math.log(2) - x + F.logsigmoid(2 * x))).sum(dim=-1)


def log_det_no_two(x, s):
    base = -0.5 * (x.pow(2) * torch.exp(-2 * s)).sum(-1) - s.sum()
    return base - (2 * (math.log(2) - x + F.logsigmoid(x))).sum(dim=-1)


def distances(x: Float[Tensor, "n d"], c: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    """Squared distances in a gaussian kernel."""
    return torch.exp(-(torch.cdist(x, c) ** 2) / 2)


def distances_expanded(x, c):
    xx = x.pow(2).sum(1, keepdim=True)
    cc = c.pow(2).sum(1)
    return torch.exp(x @ c.T - 0.5 * xx - 0.5 * cc[None, :])


def distances_missing(x, c):
    xx = x.pow(2).sum(1, keepdim=True)
    return torch.exp(x @ c.T - 0.5 * xx)


def triplet(a: Float[Tensor, "b d"], p: Float[Tensor, "b d"], n: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
    """A margin on squared distances."""
    dp = (a - p).pow(2).sum(1)
    dn = (a - n).pow(2).sum(1)
    return F.relu(dp - dn + 0.2).mean()


def triplet_products(a, p, n):
    gap = 2 * (a * (n - p)).sum(-1) + (p * p).sum(-1) - (n * n).sum(-1)
    return torch.clamp(gap + 0.2, min=0).sum() / a.shape[0]


def triplet_outside(a, p, n):
    gap = 2 * (a * (n - p)).sum(-1) + (p * p).sum(-1) - (n * n).sum(-1)
    return (torch.clamp(gap, min=0) + 0.2).mean()


def distillation(s: Float[Tensor, "b c"], t: Float[Tensor, "b c"]) -> Float[Tensor, ""]:
    """Hinton's loss at temperature 4."""
    return F.kl_div(F.log_softmax(s / 4, dim=1), F.softmax(t / 4, dim=1), reduction="batchmean") * 16


def distillation_logs(s, t):
    ls, lt = F.log_softmax(s / 4.0, -1), F.log_softmax(t / 4.0, -1)
    return 16 * torch.mean(torch.sum(lt.exp() * (lt - ls), dim=1))


def distillation_mean(s, t):
    ls, lt = F.log_softmax(s / 4.0, -1), F.log_softmax(t / 4.0, -1)
    return 16 * torch.mean(lt.exp() * (lt - ls))


def dice(p: Float[Tensor, "b h w"], y: Float[Tensor, "b h w"]) -> Float[Tensor, ""]:
    probs = torch.sigmoid(p).flatten(1)
    y = y.flatten(1)
    inter = (probs * y).sum(1)
    return (1 - (2 * inter + 1) / (probs.sum(1) + y.pow(2).sum(1) + 1)).mean()


def dice_einsum(p, y):
    probs = torch.sigmoid(p)
    inter = torch.einsum("bhw,bhw->b", probs, y)
    total = probs.sum(dim=(1, 2)) + y.square().sum(dim=(-2, -1))
    return torch.mean((total - 2 * inter) / (total + 1))


def dice_batch(p, y):
    probs = torch.sigmoid(p)
    total = probs.sum() + y.square().sum()
    return (total - 2 * (probs * y).sum()) / (total + 1)


def smooth_l1(x: Float[Tensor, "n"], y: Float[Tensor, "n"]) -> Float[Tensor, ""]:
    return F.smooth_l1_loss(x, y, beta=0.5)


def smooth_l1_clamped(x, y):
    d = torch.abs(x - y)
    q = d.clamp(max=0.5)
    return (q * q / (2 * 0.5) + (d - q)).mean()


def smooth_l1_huber(x, y):
    return F.huber_loss(x, y, delta=0.5)


def hinge_ranking(s: Float[Tensor, "b c"], target: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
    """The multi-class margin without the own class."""
    own = s.gather(1, target[:, None])
    margin = F.relu(1 + s - own)
    keep = 1 - F.one_hot(target, s.shape[1]).to(s.dtype)
    return (margin * keep).sum(1)


def hinge_ranking_minus(s, target):
    own = torch.take_along_dim(s, target.unsqueeze(-1), dim=1)
    return torch.clamp(s - own + 1.0, min=0.0).sum(dim=1) - 1


def hinge_ranking_all(s, target):
    own = torch.take_along_dim(s, target.unsqueeze(-1), dim=1)
    return torch.clamp(s - own + 1.0, min=0.0).sum(dim=1)


def lse_pair(x: Float[Tensor, "n"], y: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    return torch.logsumexp(torch.stack([x, y]), dim=0)


def lse_pair_max(x, y):
    return torch.maximum(x, y) + torch.log1p(torch.exp(-(x - y).abs()))


def lse_pair_min(x, y):
    return torch.minimum(x, y) + torch.log1p(torch.exp(-(x - y).abs()))


def entropy(z: Float[Tensor, "b c"]) -> Float[Tensor, "b"]:
    return torch.distributions.Categorical(logits=z).entropy()


def entropy_lse(z):
    p = torch.softmax(z, -1)
    return torch.logsumexp(z, -1) - (p * z).sum(-1)


def entropy_sign(z):
    p = torch.softmax(z, -1)
    return (p * z).sum(-1) - torch.logsumexp(z, -1)


PAIRS = [
    ("label smoothing by hand", smoothing, smoothing_by_hand, True),
    ("label smoothing summed", smoothing, smoothing_sum, False),
    ("focal by logsigmoid", focal, focal_logsigmoid, True),
    ("focal on one side", focal, focal_right, False),
    ("focal over classes by cross-entropy", focal_classes, focal_classes_ce, True),
    ("focal over classes with a plus", focal_classes, focal_classes_plus, False),
    ("clip by logsumexp", info_nce, info_nce_lse, True),
    ("clip one way", info_nce, info_nce_one_way, False),
    ("kl of gaussians by sigma", gaussian_kl, gaussian_kl_sigma, True),
    ("kl of gaussians swapped", gaussian_kl, gaussian_kl_swapped, False),
    ("gaussian nll standardised", gaussian_nll, gaussian_nll_standard, True),
    ("gaussian nll without half", gaussian_nll, gaussian_nll_no_half, False),
    ("coupling inverted", coupling, coupling_inverted, True),
    ("coupling inverted by the wrong half", coupling, coupling_reused, False),
    ("tanh log det by logsigmoid", log_det, log_det_logsigmoid, True),
    ("tanh log det without two", log_det, log_det_no_two, False),
    ("gaussian kernel expanded", distances, distances_expanded, True),
    ("gaussian kernel, a norm missing", distances, distances_missing, False),
    ("triplet by products", triplet, triplet_products, True),
    ("triplet margin outside", triplet, triplet_outside, False),
    ("distillation by logs", distillation, distillation_logs, True),
    ("distillation by mean", distillation, distillation_mean, False),
    ("dice by einsum", dice, dice_einsum, True),
    ("dice over the batch", dice, dice_batch, False),
    ("smooth l1 clamped at a half", smooth_l1, smooth_l1_clamped, True),
    ("smooth l1 against huber", smooth_l1, smooth_l1_huber, False),
    ("margin less one", hinge_ranking, hinge_ranking_minus, True),
    ("margin with its own", hinge_ranking, hinge_ranking_all, False),
    ("lse of two by distance", lse_pair, lse_pair_max, True),
    ("lse of two by minimum", lse_pair, lse_pair_min, False),
    ("entropy by lse", entropy, entropy_lse, True),
    ("entropy negated", entropy, entropy_sign, False),
]
