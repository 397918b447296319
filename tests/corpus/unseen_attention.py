"""Attention as model code bases write it: rotary embeddings, grouped heads, position biases, chunked linear attention."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor


def rotate_half(x: Tensor) -> Tensor:
    x1 = x[..., : x.shape[-1] // 2]
    x2 = x[..., x.shape[-1] // 2 :]
    return torch.cat((-x2, x1), dim=-1)


def rope(q: Float[Tensor, "b h n 2*d"], k: Float[Tensor, "b h n 2*d"], angle: Float[Tensor, "n d"]) -> Float[Tensor, "b h n n"]:
    """Scores of queries and keys turned as in HF's llama."""
    emb = torch.cat((angle, angle), dim=-1)
    cos, sin = emb.cos()[None, None], emb.sin()[None, None]
    q_embed = (q * cos) + (rotate_half(q) * sin)
    k_embed = (k * cos) + (rotate_half(k) * sin)
    return torch.matmul(q_embed, k_embed.transpose(2, 3))


def rope_halves(q, k, angle):
    cos, sin = angle.cos(), angle.sin()

    def turn(x):
        a, b = x.chunk(2, dim=-1)
        return a * cos - b * sin, b * cos + a * sin

    (qa, qb), (ka, kb) = turn(q), turn(k)
    return torch.einsum("bhid,bhjd->bhij", qa, ka) + torch.einsum("bhid,bhjd->bhij", qb, kb)


def rope_sign(q, k, angle):
    cos, sin = angle.cos(), angle.sin()

    def turn(x):
        a, b = x.chunk(2, dim=-1)
        return a * cos + b * sin, b * cos + a * sin

    (qa, qb), (ka, kb) = turn(q), turn(k)
    return torch.einsum("bhid,bhjd->bhij", qa, ka) + torch.einsum("bhid,bhjd->bhij", qb, kb)


def interleaved(x: Float[Tensor, "b n h 2*d"], angle: Float[Tensor, "n d"]) -> Float[Tensor, "b n h 2*d"]:
    """Turning of neighbours, as in GPT-J."""
    sin = torch.repeat_interleave(angle.sin()[:, None, :], 2, 2)
    cos = torch.repeat_interleave(angle.cos()[:, None, :], 2, 2)
    x1, x2 = x[:, :, :, ::2], x[:, :, :, 1::2]
    turned = torch.stack((-x2, x1), dim=-1).flatten(-2)
    return (x * cos) + (turned * sin)


def interleaved_pairs(x, angle):
    pairs = x.unflatten(-1, (-1, 2))
    real, imag = pairs[..., 0], pairs[..., 1]
    c, s = angle.cos()[None, :, None], angle.sin()[None, :, None]
    return torch.stack([real * c - imag * s, real * s + imag * c], dim=-1).reshape(x.shape)


def interleaved_tiled(x, angle):
    """Angles tiled where they should be repeated."""
    sin, cos = (torch.cat([t, t], dim=-1)[None, :, None] for t in (angle.sin(), angle.cos()))
    turned = torch.stack((-x[..., 1::2], x[..., ::2]), dim=-1).flatten(-2)
    return x * cos + turned * sin


def repeat_kv(states: Tensor, n_rep: int) -> Tensor:
    batch, heads, slen, dim = states.shape
    states = states[:, :, None, :, :].expand(batch, heads, n_rep, slen, dim)
    return states.reshape(batch, heads * n_rep, slen, dim)


def grouped(
    q: Float[Tensor, "b 4*g n d"], k: Float[Tensor, "b g m d"], v: Float[Tensor, "b g m d"]
) -> Float[Tensor, "b 4*g n d"]:
    key, value = repeat_kv(k, 4), repeat_kv(v, 4)
    weights = torch.matmul(q, key.transpose(2, 3)) / math.sqrt(q.shape[-1])
    weights = F.softmax(weights, dim=-1, dtype=torch.float64).to(q.dtype)
    return torch.matmul(weights, value)


def grouped_einsum(q, k, v):
    b, heads, n, d = q.shape
    q = q.reshape(b, heads // 4, 4, n, d)
    scores = torch.einsum("bgrnd,bgmd->bgrnm", q, k) * q.shape[-1] ** -0.5
    out = torch.einsum("bgrnm,bgmd->bgrnd", scores.softmax(-1), v)
    return out.reshape(b, heads, n, d)


def grouped_tiled(q, k, v):
    k, v = k.repeat(1, 4, 1, 1), v.repeat(1, 4, 1, 1)
    return F.scaled_dot_product_attention(q, k, v)


def alibi(
    q: Float[Tensor, "b h n d"], k: Float[Tensor, "b h n d"], v: Float[Tensor, "b h n d"], slopes: Float[Tensor, "h"]
) -> Float[Tensor, "b h n d"]:
    """Linear biases by distance under a causal mask."""
    n = q.shape[-2]
    pos = torch.arange(n)
    bias = slopes[:, None, None] * (pos[None, :] - pos[:, None])[None]
    mask = torch.triu(torch.full((n, n), float("-inf")), diagonal=1)
    att = q @ k.transpose(-1, -2) / math.sqrt(q.size(-1)) + bias + mask
    return torch.softmax(att, -1) @ v


def alibi_keys(q, k, v, slopes):
    """What is constant along a row drops out of its softmax."""
    n = q.shape[2]
    keys = slopes.view(1, -1, 1, 1) * torch.arange(n, dtype=q.dtype)
    allowed = torch.ones(n, n, dtype=torch.bool).tril()
    bias = keys.masked_fill(~allowed, -math.inf)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)


def alibi_backwards(q, k, v, slopes):
    n = q.shape[2]
    keys = -slopes.view(1, -1, 1, 1) * torch.arange(n, dtype=q.dtype)
    allowed = torch.ones(n, n, dtype=torch.bool).tril()
    return F.scaled_dot_product_attention(q, k, v, attn_mask=keys.masked_fill(~allowed, -math.inf))


def t5_bias(q: Float[Tensor, "b h n d"], k: Float[Tensor, "b h n d"], table: Float[Tensor, "h 9"]) -> Float[Tensor, "b h n n"]:
    """A learnt bias for each distance, clipped to four either way."""
    n = q.shape[2]
    distance = torch.arange(n)[None, :] - torch.arange(n)[:, None]
    index = distance.clamp(-4, 4) + 4
    return (q @ k.mT + table[:, index]).softmax(dim=-1)


def t5_bias_embedding(q, k, table):
    n = q.shape[2]
    context, memory = torch.arange(n)[:, None], torch.arange(n)[None, :]
    index = torch.minimum(torch.maximum(memory - context, torch.tensor(-4)), torch.tensor(4)) + 4
    bias = F.embedding(index, table.t()).permute(2, 0, 1).unsqueeze(0)
    scores = torch.einsum("bhnd,bhmd->bhnm", q, k) + bias
    return torch.exp(scores - torch.logsumexp(scores, dim=-1, keepdim=True))


def t5_bias_mirrored(q, k, table):
    n = q.shape[2]
    index = (torch.arange(n)[:, None] - torch.arange(n)[None, :]).clamp(-4, 4) + 4
    return (q @ k.mT + table[:, index]).softmax(dim=-1)


def linear_attention(q: Float[Tensor, "b n d"], k: Float[Tensor, "b n d"], v: Float[Tensor, "b n e"]) -> Float[Tensor, "b n e"]:
    """Causal linear attention with elu + 1, normalised."""
    q, k = F.elu(q) + 1, F.elu(k) + 1
    a = torch.tril(q @ k.transpose(1, 2))
    return a @ v / a.sum(-1, keepdim=True)


def linear_attention_states(q, k, v):
    q, k = F.elu(q) + 1.0, F.elu(k) + 1.0
    kv = torch.cumsum(k.unsqueeze(-1) * v.unsqueeze(-2), dim=1)
    z = 1.0 / torch.einsum("bnd,bnd->bn", q, k.cumsum(dim=1))
    return torch.einsum("bnd,bnde,bn->bne", q, kv, z)


def linear_attention_total(q, k, v):
    q, k = F.elu(q) + 1.0, F.elu(k) + 1.0
    kv = torch.cumsum(k.unsqueeze(-1) * v.unsqueeze(-2), dim=1)
    z = 1.0 / torch.einsum("bnd,bd->bn", q, k.sum(dim=1))
    return torch.einsum("bnd,bnde,bn->bne", q, kv, z)


def decayed_chunks(
    q: Float[Tensor, "b 8 d"], k: Float[Tensor, "b 8 d"], v: Float[Tensor, "b 8 e"], g: Float[Tensor, "b"]
) -> Float[Tensor, "b 8 e"]:
    """Linear attention with a decay a head, position by position."""
    state = torch.zeros(q.shape[0], q.shape[2], v.shape[2], dtype=q.dtype)
    out = []
    for i in range(8):
        state = g[:, None, None] * state + k[:, i, :, None] * v[:, i, None, :]
        out.append((q[:, i, None, :] @ state).squeeze(1))
    return torch.stack(out, 1)


def decayed_chunks_of_four(q, k, v, g):
    b, state, outs = q.shape[0], 0.0, []
    steps = torch.arange(4)
    gap = (steps[:, None] - steps[None, :]).clamp(min=0)
    decay = torch.where(steps[:, None] >= steps[None, :], g[:, None, None] ** gap, 0.0)
    for qc, kc, vc in zip(q.split(4, 1), k.split(4, 1), v.split(4, 1), strict=True):
        inner = (qc @ kc.mT * decay) @ vc
        cross = (qc @ state) * (g[:, None] ** (steps + 1))[..., None] if not isinstance(state, float) else 0.0
        outs.append(inner + cross)
        left = kc * (g[:, None] ** (3 - steps))[..., None]
        carried = state * (g**4)[:, None, None] if not isinstance(state, float) else 0.0
        state = carried + left.mT @ vc
    assert b == q.shape[0]
    return torch.cat(outs, 1)


def decayed_chunks_late(q, k, v, g):
    """The state that is carried over decays a step less than it should."""
    steps = torch.arange(4)
    gap = (steps[:, None] - steps[None, :]).clamp(min=0)
    decay = torch.where(steps[:, None] >= steps[None, :], g[:, None, None] ** gap, 0.0)
    first = (q[:, :4] @ k[:, :4].mT * decay) @ v[:, :4]
    state = (k[:, :4] * (g[:, None] ** (3 - steps))[..., None]).mT @ v[:, :4]
    second = (q[:, 4:] @ k[:, 4:].mT * decay) @ v[:, 4:] + (q[:, 4:] @ state) * (g[:, None] ** steps)[..., None]
    return torch.cat([first, second], 1)


def pool_attention(x: Float[Tensor, "b n d"], w: Float[Tensor, "d"], mask: Bool[Tensor, "b n"]) -> Float[Tensor, "b d"]:
    """Attention pooling with padding."""
    score = (x @ w).masked_fill(~mask, -1e9)
    alpha = torch.softmax(score, dim=1)
    return torch.sum(alpha.unsqueeze(-1) * x, dim=1)


def pool_attention_bmm(x, w, mask):
    score = torch.where(mask, torch.einsum("bnd,d->bn", x, w), -1e9)
    return torch.bmm(score.softmax(-1).unsqueeze(1), x).squeeze(1)


def pool_attention_inside(x, w, mask):
    alpha = torch.softmax(x @ w, dim=1) * mask
    return torch.einsum("bn,bnd->bd", alpha, x)


def sliding(q: Float[Tensor, "b n d"], k: Float[Tensor, "b n d"], v: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
    """A causal window of three."""
    n = q.shape[1]
    i, j = torch.arange(n).view(-1, 1), torch.arange(n).view(1, -1)
    inside = (j <= i) & (i - j < 3)
    s = q @ k.mT / q.shape[-1] ** 0.5
    return s.masked_fill(~inside, float("-inf")).softmax(-1) @ v


def sliding_tri(q, k, v):
    ones = torch.ones(q.shape[1], q.shape[1], dtype=torch.bool)
    inside = torch.tril(ones) ^ torch.tril(ones, diagonal=-3)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=inside)


def sliding_wide(q, k, v):
    ones = torch.ones(q.shape[1], q.shape[1], dtype=torch.bool)
    inside = torch.tril(ones) & torch.triu(ones, diagonal=-3)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=inside)


def cross_heads(
    x: Float[Tensor, "b n c"], y: Float[Tensor, "b m c"], wq: Float[Tensor, "4*e c"], wk: Float[Tensor, "4*e c"]
) -> Float[Tensor, "b n m"]:
    """Attention maps averaged over heads."""
    q = F.linear(x, wq).view(x.shape[0], x.shape[1], 4, -1).transpose(1, 2)
    k = F.linear(y, wk).view(y.shape[0], y.shape[1], 4, -1).transpose(1, 2)
    return torch.softmax(q @ k.mT, dim=-1).mean(dim=1)


def cross_heads_loop(x, y, wq, wk):
    total = 0
    for a, b in zip(wq.chunk(4), wk.chunk(4), strict=True):
        total = total + F.softmax(torch.einsum("bnc,cd,bmd->bnm", x, a.t() @ b, y), dim=-1)
    return total / 4


def cross_heads_once(x, y, wq, wk):
    return F.softmax(torch.einsum("bnc,cd,bmd->bnm", x, wq.t() @ wk / 4, y), dim=-1)


def cached_prefix(
    q: Float[Tensor, "b h n d"],
    pk: Float[Tensor, "b h p d"],
    pv: Float[Tensor, "b h p d"],
    k: Float[Tensor, "b h n d"],
    v: Float[Tensor, "b h n d"],
) -> Float[Tensor, "b h n d"]:
    """A prefix that everyone sees, then a causal part."""
    n, p = q.shape[2], pk.shape[2]
    key, value = torch.cat([pk, k], 2), torch.cat([pv, v], 2)
    mask = torch.ones(n, n + p, dtype=torch.bool).tril(diagonal=p)
    return F.scaled_dot_product_attention(q, key, value, attn_mask=mask)


def cached_prefix_merged(q, pk, pv, k, v):
    scale = 1 / math.sqrt(q.shape[3])
    s1 = q @ pk.mT * scale
    s2 = (q @ k.mT * scale).masked_fill(torch.ones(q.shape[2], q.shape[2]).triu(1).bool(), -torch.inf)
    l1, l2 = s1.logsumexp(-1, keepdim=True), s2.logsumexp(-1, keepdim=True)
    w = torch.sigmoid(l1 - l2)
    return w * (s1.softmax(-1) @ pv) + (1 - w) * (s2.softmax(-1) @ v)


def cached_prefix_half(q, pk, pv, k, v):
    scale = 1 / math.sqrt(q.shape[3])
    s1 = q @ pk.mT * scale
    s2 = (q @ k.mT * scale).masked_fill(torch.ones(q.shape[2], q.shape[2]).triu(1).bool(), -torch.inf)
    l1, l2 = s1.logsumexp(-1, keepdim=True), s2.logsumexp(-1, keepdim=True)
    return ((s1.softmax(-1) @ pv) * l1 + (s2.softmax(-1) @ v) * l2) / (l1 + l2)


def mqa(q: Float[Tensor, "b h n d"], k: Float[Tensor, "b m d"], v: Float[Tensor, "b m d"]) -> Float[Tensor, "b h n d"]:
    """All heads share keys and values."""
    b, h, n, d = q.shape
    flat = q.reshape(b, h * n, d)
    w = torch.baddbmm(torch.zeros(b, h * n, k.shape[1], dtype=q.dtype), flat, k.transpose(1, 2), beta=0, alpha=d**-0.5)
    return torch.bmm(w.softmax(-1), v).view(b, h, n, d)


def mqa_expanded(q, k, v):
    h = q.shape[1]
    k, v = k.unsqueeze(1).expand(-1, h, -1, -1), v[:, None].repeat(1, h, 1, 1)
    return F.scaled_dot_product_attention(q, k, v)


def mqa_over_heads(q, k, v):
    w = torch.einsum("bhnd,bmd->bhnm", q, k) * q.shape[-1] ** -0.5
    return torch.einsum("bhnm,bmd->bhnd", w.softmax(1), v)


PAIRS = [
    ("rope by halves", rope, rope_halves, True),
    ("rope with a wrong sign", rope, rope_sign, False),
    ("rope interleaved", interleaved, interleaved_pairs, True),
    ("rope interleaved, tiled angles", interleaved, interleaved_tiled, False),
    ("grouped by einsum", grouped, grouped_einsum, True),
    ("grouped by repeat", grouped, grouped_tiled, False),
    ("alibi by keys", alibi, alibi_keys, True),
    ("alibi backwards", alibi, alibi_backwards, False),
    ("t5 bias by embedding", t5_bias, t5_bias_embedding, True),
    ("t5 bias mirrored", t5_bias, t5_bias_mirrored, False),
    ("linear attention by states", linear_attention, linear_attention_states, True),
    ("linear attention, total normaliser", linear_attention, linear_attention_total, False),
    ("decay in chunks", decayed_chunks, decayed_chunks_of_four, True),
    ("decay in chunks, late", decayed_chunks, decayed_chunks_late, False),
    ("attention pooling by bmm", pool_attention, pool_attention_bmm, True),
    ("attention pooling masked after", pool_attention, pool_attention_inside, False),
    ("window by triangles", sliding, sliding_tri, True),
    ("window too wide", sliding, sliding_wide, False),
    ("mean of attention maps", cross_heads, cross_heads_loop, True),
    ("mean of attention inside", cross_heads, cross_heads_once, False),
    ("prefix merged by sigmoid", cached_prefix, cached_prefix_merged, True),
    ("prefix merged by logs", cached_prefix, cached_prefix_half, False),
    ("multi-query flat", mqa, mqa_expanded, True),
    ("multi-query over heads", mqa, mqa_over_heads, False),
]
