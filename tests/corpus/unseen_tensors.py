"""Pieces of tensor code: indices and masks, shifts and windows, Kronecker, traces, statistics, integers, booleans."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor


def covariance(x: Float[Tensor, "n d"]) -> Float[Tensor, "d d"]:
    centred = x - x.mean(dim=0)
    return torch.mm(centred.t(), centred) / x.size(0)


def covariance_moments(x):
    mean = x.mean(0)
    return x.T @ x / x.shape[0] - mean[:, None] * mean[None, :]


def covariance_square(x):
    mean = x.mean(0)
    return x.T @ x / x.shape[0] - (mean**2)[None, :]


def double_centred(k: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """A centred kernel matrix."""
    n = k.shape[0]
    h = torch.eye(n, dtype=k.dtype) - torch.ones(n, n, dtype=k.dtype) / n
    return h @ k @ h


def double_centred_means(k):
    return k - k.mean(0, keepdim=True) - k.mean(1, keepdim=True) + k.mean()


def double_centred_once(k):
    return k - k.mean(0, keepdim=True) - k.mean(1, keepdim=True)


def kron(a: Float[Tensor, "m n"], b: Float[Tensor, "p q"], x: Float[Tensor, "n q"]) -> Float[Tensor, "m*p"]:
    """A Kronecker product with a vector."""
    return torch.kron(a, b) @ x.reshape(-1)


def kron_two_products(a, b, x):
    return (a @ x @ b.T).flatten()


def kron_plus(a, b, x):
    return (a @ x @ b.T + a.mean()).flatten()


def trace(a: Float[Tensor, "b m n"], c: Float[Tensor, "b n m"]) -> Float[Tensor, "b"]:
    return torch.diagonal(a @ c, dim1=-2, dim2=-1).sum(-1)


def trace_products(a, c):
    return (a * c.transpose(-1, -2)).sum(dim=(-1, -2))


def trace_apart(a, c):
    return a.sum((-1, -2)) * c.sum((-1, -2))


def bilinear(x: Float[Tensor, "b i"], y: Float[Tensor, "b j"], w: Float[Tensor, "o i j"]) -> Float[Tensor, "b o"]:
    return F.bilinear(x, y, w)


def bilinear_outer(x, y, w):
    pairs = (x.unsqueeze(2) * y.unsqueeze(1)).flatten(1)
    return pairs @ w.flatten(1).T


def bilinear_outer_swapped(x, y, w):
    pairs = (x.unsqueeze(2) * y.unsqueeze(1)).flatten(1)
    return pairs @ w.flatten(1).T + (x.sum(1) - x.sum(1) ** 2)[:, None] * 0.01


def causal_mean(x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
    """Mean of all positions up to each."""
    n = x.shape[1]
    return x.cumsum(dim=1) / torch.arange(1, n + 1, dtype=x.dtype)[None, :, None]


def causal_mean_softmax(x):
    n = x.shape[1]
    tril = torch.tril(torch.ones(n, n, dtype=x.dtype))
    wei = torch.zeros(n, n, dtype=x.dtype).masked_fill(tril == 0, float("-inf"))
    return F.softmax(wei, dim=-1) @ x


def causal_mean_strict(x):
    n = x.shape[1]
    w = torch.tril(torch.ones(n, n, dtype=x.dtype)) / n
    return w @ x


def merged(x: Float[Tensor, "n"], y: Float[Tensor, "m"]) -> Float[Tensor, ""]:
    """The variance of all values."""
    return torch.cat([x, y]).var(unbiased=False)


def merged_chan(x, y):
    n, m = x.numel(), y.numel()
    delta = y.mean() - x.mean()
    m2 = x.var(unbiased=False) * n + y.var(unbiased=False) * m + delta**2 * n * m / (n + m)
    return m2 / (n + m)


def merged_no_delta(x, y):
    n, m = x.numel(), y.numel()
    return (x.var(unbiased=False) * n + y.var(unbiased=False) * m) / (n + m)


def lookup(table: Float[Tensor, "v d"], ids: Int[Tensor, "b n"]) -> Float[Tensor, "b d"]:
    """A bag of words."""
    return F.embedding(ids, table).sum(dim=1)


def lookup_counts(table, ids):
    counts = torch.zeros(ids.shape[0], table.shape[0], dtype=table.dtype)
    counts = counts.scatter_add(1, ids, torch.ones(ids.shape, dtype=table.dtype))
    return counts @ table


def lookup_set(table, ids):
    seen = torch.zeros(ids.shape[0], table.shape[0], dtype=table.dtype).scatter(1, ids, 1.0)
    return seen @ table


def picked(x: Float[Tensor, "b n d"], idx: Int[Tensor, "b"]) -> Float[Tensor, "b d"]:
    return x[torch.arange(x.shape[0]), idx]


def picked_gather(x, idx):
    i = idx.view(-1, 1, 1).expand(-1, 1, x.size(2))
    return x.gather(1, i).squeeze(1)


def picked_first(x, idx):
    return x.index_select(1, idx)[:, 0]


def shifted(x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
    """RWKV's token shift, mixed by halves."""
    prev = F.pad(x, (0, 0, 1, -1))
    return 0.5 * x + 0.5 * prev


def shifted_roll(x):
    prev = torch.roll(x, shifts=1, dims=1)
    first = torch.arange(x.shape[1]).view(1, -1, 1) == 0
    return torch.lerp(x, prev.masked_fill(first, 0.0), 0.5)


def shifted_around(x):
    return (x + torch.roll(x, shifts=1, dims=1)) / 2


def windows(x: Float[Tensor, "b n+3"], w: Float[Tensor, "4"]) -> Float[Tensor, "b n"]:
    return x.unfold(-1, 4, 1) @ w


def windows_conv(x, w):
    return F.conv1d(x[:, None], w[None, None])[:, 0]


def windows_flipped(x, w):
    return x.unfold(-1, 4, 1) @ w.flip(0)


def clipped(x: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    """Clipping to [-1, 2] and what was cut off."""
    return torch.clamp(x, -1, 2)


def clipped_relus(x):
    return F.relu(x + 1) - F.relu(x - 2) - 1


def clipped_relus_low(x):
    return F.relu(x + 1) - F.relu(x - 1) - 1


def median(a: Float[Tensor, "n"], b: Float[Tensor, "n"], c: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    """The middle of three."""
    return torch.max(torch.min(a, b), torch.min(torch.max(a, b), c))


def median_sum(a, b, c):
    top = torch.maximum(torch.maximum(a, b), c)
    low = torch.minimum(torch.minimum(a, b), c)
    return a + b + c - top - low


def median_of_two(a, b, c):
    return torch.max(torch.min(a, b), torch.min(torch.min(a, b), c))


def either(x: Float[Tensor, "n"], p: Bool[Tensor, "n"], q: Bool[Tensor, "n"]) -> Float[Tensor, "n"]:
    return torch.where(p ^ q, x, -x)


def either_signs(x, p, q):
    sign = (1 - 2 * p.double()) * (1 - 2 * q.double())
    return -x * sign


def either_or(x, p, q):
    return torch.where(p | q, x, -x)


def digits(x: Int[Tensor, "n"], w: Float[Tensor, "m"]) -> Float[Tensor, "n"]:
    """The last two binary digits as a number, times a weight."""
    return ((x // 2) % 2 * 2 + x % 2) * w.sum()


def digits_mod(x, w):
    return torch.remainder(x, 4) * w.sum()


def digits_three(x, w):
    return torch.remainder(x, 3) * w.sum()


def positions(x: Float[Tensor, "n d"], mask: Bool[Tensor, "n"]) -> Float[Tensor, "n d"]:
    """Positions counted over what the mask keeps, as in RoBERTa."""
    pos = torch.cumsum(mask.long(), 0) * mask
    return x * pos[:, None]


def positions_tril(x, mask):
    n = mask.shape[0]
    lower = torch.ones(n, n).tril().bool()
    pos = (lower & mask[None, :]).sum(-1)
    return torch.where(mask[:, None], x * pos[:, None], 0.0)


def positions_before(x, mask):
    pos = (torch.cumsum(mask.long(), 0) - mask.long()) * mask
    return x * pos[:, None]


def toeplitz(c: Float[Tensor, "2*n-1"], x: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    """A Toeplitz matrix by its diagonals."""
    n = x.shape[0]
    i = torch.arange(n)
    return c[i[:, None] - i[None, :] + n - 1] @ x


def toeplitz_conv(c, x):
    return F.conv1d(c[None, None], x.flip(0)[None, None])[0, 0]


def toeplitz_conv_plain(c, x):
    return F.conv1d(c[None, None], x[None, None])[0, 0]


def sinusoids(x: Float[Tensor, "b n 2*d"], freq: Float[Tensor, "d"]) -> Float[Tensor, "b n 2*d"]:
    """Sines at even places, cosines at odd ones."""
    n = x.shape[1]
    args = torch.arange(n, dtype=x.dtype)[:, None] * freq[None]
    pe = torch.zeros(n, x.shape[2], dtype=x.dtype)
    pe[:, 0::2] = torch.sin(args)
    pe[:, 1::2] = torch.cos(args)
    return x + pe


def sinusoids_stacked(x, freq):
    args = torch.outer(torch.arange(x.size(1), dtype=x.dtype), freq)
    return x + torch.stack([args.sin(), args.cos()], -1).flatten(-2).unsqueeze(0)


def sinusoids_joined(x, freq):
    args = torch.outer(torch.arange(x.size(1), dtype=x.dtype), freq)
    return x + torch.cat([args.sin(), args.cos()], -1)


PAIRS = [
    ("covariance by moments", covariance, covariance_moments, True),
    ("covariance by squares", covariance, covariance_square, False),
    ("centring by means", double_centred, double_centred_means, True),
    ("centring without the total", double_centred, double_centred_once, False),
    ("kronecker by two products", kron, kron_two_products, True),
    ("kronecker plus", kron, kron_plus, False),
    ("trace of a product", trace, trace_products, True),
    ("trace of sums", trace, trace_apart, False),
    ("bilinear by outer products", bilinear, bilinear_outer, True),
    ("bilinear with a little more", bilinear, bilinear_outer_swapped, False),
    ("causal mean by softmax", causal_mean, causal_mean_softmax, True),
    ("causal mean of all", causal_mean, causal_mean_strict, False),
    ("variance merged", merged, merged_chan, True),
    ("variance merged, no distance", merged, merged_no_delta, False),
    ("bag of words by counts", lookup, lookup_counts, True),
    ("bag of words by a set", lookup, lookup_set, False),
    ("pick by gather", picked, picked_gather, True),
    ("pick by the first", picked, picked_first, False),
    ("token shift by roll", shifted, shifted_roll, True),
    ("token shift around", shifted, shifted_around, False),
    ("windows by conv", windows, windows_conv, True),
    ("windows flipped", windows, windows_flipped, False),
    ("clip by relus", clipped, clipped_relus, True),
    ("clip by relus, too low", clipped, clipped_relus_low, False),
    ("median by sum", median, median_sum, True),
    ("median of two", median, median_of_two, False),
    ("xor by signs", either, either_signs, True),
    ("xor by or", either, either_or, False),
    ("binary digits by remainder", digits, digits_mod, True),
    ("binary digits by three", digits, digits_three, False),
    ("positions by triangle", positions, positions_tril, True),
    ("positions before", positions, positions_before, False),
    ("toeplitz by conv", toeplitz, toeplitz_conv, True),
    ("toeplitz by conv, unflipped", toeplitz, toeplitz_conv_plain, False),
    ("sinusoids stacked", sinusoids, sinusoids_stacked, True),
    ("sinusoids joined", sinusoids, sinusoids_joined, False),
]
