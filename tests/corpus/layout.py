"""Views, permutations, cuts and joins; masks by arange; cumulative sums; gathers; rotary embeddings; patches."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

Heads = Float[Tensor, "b h n d"]
Rows = Float[Tensor, "b n"]
Square = Float[Tensor, "n n"]
Rotary = Float[Tensor, "b n 2*d"]
Angles = Float[Tensor, "n d"]
Image = Float[Tensor, "b c 2*x 2*y"]


def split_heads(x: Float[Tensor, "b n 4*d"]) -> Float[Tensor, "b 4 n d"]:
    b, n, _ = x.shape
    return x.view(b, n, 4, -1).permute(0, 2, 1, 3)


def split_heads_chunk(x: Float[Tensor, "b n 4*d"]) -> Float[Tensor, "b 4 n d"]:
    return torch.stack(x.chunk(4, dim=-1), dim=1)


def split_heads_inner(x: Float[Tensor, "b n 4*d"]) -> Float[Tensor, "b 4 n d"]:
    b, n, _ = x.shape
    return x.view(b, n, -1, 4).permute(0, 3, 1, 2)


def merge_heads(x: Heads) -> Float[Tensor, "b n h*d"]:
    b, h, n, d = x.shape
    return x.transpose(1, 2).contiguous().view(b, n, h * d)


def merge_heads_flatten(x: Heads) -> Float[Tensor, "b n h*d"]:
    return x.permute(0, 2, 1, 3).flatten(start_dim=2)


def merge_heads_swapped(x: Heads) -> Float[Tensor, "b n h*d"]:
    return x.permute(0, 2, 3, 1).flatten(2)


def there_and_back(x: Float[Tensor, "n m k"]) -> Float[Tensor, "n m k"]:
    return x.permute(2, 0, 1).transpose(0, 1).mT.reshape(x.shape)


def itself(x: Float[Tensor, "n m k"]) -> Float[Tensor, "n m k"]:
    return x


def there_and_elsewhere(x: Float[Tensor, "n m k"]) -> Float[Tensor, "n m k"]:
    return x.permute(2, 0, 1).reshape(x.shape)


def sum_all(x: Float[Tensor, "n m k"]) -> Float[Tensor, ""]:
    return x.sum()


def sum_flat(x: Float[Tensor, "n m k"]) -> Float[Tensor, ""]:
    return x.permute(1, 2, 0).reshape(-1).sum()


def sum_in_steps(x: Float[Tensor, "n m k"]) -> Float[Tensor, ""]:
    return x.sum(dim=(0, 2)).sum()


def flipped(x: Rows) -> Rows:
    return x.flip(-1)


def flipped_by_index(x: Rows) -> Rows:
    n = x.shape[1]
    return x[:, n - 1 - torch.arange(n)]


def flipped_batch(x: Rows) -> Rows:
    return x.flip(0)


def shifted(x: Rows) -> Rows:
    return F.pad(x, (1, 0))[:, :-1]


def shifted_by_cat(x: Rows) -> Rows:
    return torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)


def shifted_left(x: Rows) -> Rows:
    return F.pad(x, (0, 1))[:, 1:]


def rolled(x: Float[Tensor, "b n+1"]) -> Float[Tensor, "b n+1"]:
    return torch.roll(x, shifts=1, dims=-1)


def rolled_by_cat(x: Float[Tensor, "b n+1"]) -> Float[Tensor, "b n+1"]:
    return torch.cat([x[:, -1:], x[:, :-1]], dim=-1)


def rolled_back(x: Float[Tensor, "b n+1"]) -> Float[Tensor, "b n+1"]:
    return torch.cat([x[:, 1:], x[:, :1]], dim=-1)


def repeated(x: Float[Tensor, "b n"]) -> Float[Tensor, "b 3*n"]:
    return x.repeat(1, 3)


def repeated_by_expand(x: Float[Tensor, "b n"]) -> Float[Tensor, "b 3*n"]:
    return x[:, None, :].expand(-1, 3, -1).reshape(x.shape[0], -1)


def repeated_interleaved(x: Float[Tensor, "b n"]) -> Float[Tensor, "b 3*n"]:
    return x.repeat_interleave(3, dim=1)


def prefix_sums(x: Rows) -> Rows:
    return torch.cumsum(x, dim=-1)


def prefix_sums_matmul(x: Rows) -> Rows:
    n = x.shape[1]
    return x @ torch.ones(n, n, dtype=x.dtype).triu()


def prefix_sums_suffix(x: Rows) -> Rows:
    return x.sum(-1, keepdim=True) - x.flip(-1).cumsum(-1).flip(-1) + x


def prefix_sums_exclusive(x: Rows) -> Rows:
    return torch.cumsum(x, dim=-1) - x


def prefix_sums_other(x: Rows) -> Rows:
    n = x.shape[1]
    return x @ torch.ones(n, n, dtype=x.dtype).tril()


def lower(x: Square) -> Square:
    return torch.tril(x)


def lower_by_arange(x: Square) -> Square:
    i = torch.arange(x.shape[0])
    return torch.where(i[:, None] >= i[None, :], x, 0.0)


def lower_by_rest(x: Square) -> Square:
    return x - torch.triu(x, diagonal=1)


def lower_strict(x: Square) -> Square:
    i = torch.arange(x.shape[0])
    return torch.where(i[:, None] > i[None, :], x, 0.0)


def diagonal(x: Square) -> Float[Tensor, "n"]:
    return torch.diagonal(x)


def diagonal_by_eye(x: Square) -> Float[Tensor, "n"]:
    return (x * torch.eye(x.shape[0], dtype=x.dtype)).sum(dim=0)


def picked(x: Float[Tensor, "n v"], i: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
    return x.gather(1, i[:, None])[:, 0]


def picked_by_where(x: Float[Tensor, "n v"], i: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
    return torch.where(torch.arange(x.shape[1]) == i[:, None], x, 0.0).sum(dim=1)


def picked_by_one_hot(x: Float[Tensor, "n v"], i: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
    return torch.einsum("nv,nv->n", F.one_hot(i, x.shape[1]).to(x.dtype), x)


def picked_next(x: Float[Tensor, "n v"], i: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
    return torch.where(torch.arange(x.shape[1]) == i[:, None] + 1, x, 0.0).sum(dim=1)


def looked_up_and_projected(
    i: Int[Tensor, "b n"], table: Float[Tensor, "v d"], w: Float[Tensor, "d o"]
) -> Float[Tensor, "b n o"]:
    return F.embedding(i, table) @ w


def projected_table_looked_up(
    i: Int[Tensor, "b n"], table: Float[Tensor, "v d"], w: Float[Tensor, "d o"]
) -> Float[Tensor, "b n o"]:
    return (table @ w)[i]


def rotary(x: Rotary, angle: Angles) -> Rotary:
    cos, sin = torch.cat([angle.cos()] * 2, dim=-1), torch.cat([angle.sin()] * 2, dim=-1)
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-right, left), dim=-1) * sin


def rotary_by_parts(x: Rotary, angle: Angles) -> Rotary:
    half = x.shape[-1] // 2
    left, right = x[..., :half], x[..., half:]
    cos, sin = torch.cos(angle), torch.sin(angle)
    return torch.cat([left * cos - right * sin, right * cos + left * sin], dim=-1)


def rotary_backwards(x: Rotary, angle: Angles) -> Rotary:
    half = x.shape[-1] // 2
    left, right = x[..., :half], x[..., half:]
    cos, sin = torch.cos(angle), torch.sin(angle)
    return torch.cat([left * cos + right * sin, right * cos - left * sin], dim=-1)


def rotary_pairs(x: Rotary, angle: Angles) -> Rotary:
    even, odd = x[..., ::2], x[..., 1::2]
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)


def rotary_pairs_by_view(x: Rotary, angle: Angles) -> Rotary:
    pairs = x.unflatten(-1, (-1, 2))
    even, odd = pairs.unbind(dim=-1)
    turned = torch.stack((-odd, even), dim=-1)
    return (pairs * angle.cos()[..., None] + turned * angle.sin()[..., None]).reshape(x.shape)


def rotated_norm(x: Rotary, angle: Angles) -> Float[Tensor, "b n"]:
    return rotary(x, angle).square().sum(dim=-1)


def unrotated_norm(x: Rotary, angle: Angles) -> Float[Tensor, "b n"]:
    return (x * x).sum(dim=-1)


def patches(x: Image, w: Float[Tensor, "o c 2 2"]) -> Float[Tensor, "b x*y o"]:
    return F.conv2d(x, w, stride=2).flatten(2).transpose(1, 2)


def patches_by_linear(x: Image, w: Float[Tensor, "o c 2 2"]) -> Float[Tensor, "b x*y o"]:
    b, c, height, width = x.shape
    cut = x.reshape(b, c, height // 2, 2, width // 2, 2).permute(0, 2, 4, 1, 3, 5)
    return cut.reshape(b, -1, c * 4) @ w.reshape(w.shape[0], -1).T


def patches_misordered(x: Image, w: Float[Tensor, "o c 2 2"]) -> Float[Tensor, "b x*y o"]:
    b, c, height, width = x.shape
    cut = x.reshape(b, c, height // 2, 2, width // 2, 2).permute(0, 2, 4, 3, 5, 1)
    return cut.reshape(b, -1, c * 4) @ w.reshape(w.shape[0], -1).T


def shuffled(x: Float[Tensor, "b 4*c x y"]) -> Float[Tensor, "b c 2*x 2*y"]:
    return F.pixel_shuffle(x, 2)


def shuffled_by_view(x: Float[Tensor, "b 4*c x y"]) -> Float[Tensor, "b c 2*x 2*y"]:
    b, c, h, w = x.shape
    y = x.view(b, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3)
    return y.reshape(b, c // 4, 2 * h, 2 * w)


def shuffled_transposed(x: Float[Tensor, "b 4*c x y"]) -> Float[Tensor, "b c 2*x 2*y"]:
    b, c, h, w = x.shape
    y = x.view(b, c // 4, 2, 2, h, w).permute(0, 1, 4, 3, 5, 2)
    return y.reshape(b, c // 4, 2 * h, 2 * w)


def written(x: Float[Tensor, "b 2*n"]) -> Float[Tensor, "b 2*n"]:
    left, right = x.chunk(2, dim=1)
    return torch.cat([left.exp(), right * 2], dim=1)


def written_in_place(x: Float[Tensor, "b 2*n"]) -> Float[Tensor, "b 2*n"]:
    n = x.shape[1] // 2
    out = torch.empty_like(x)
    out[:, :n] = torch.exp(x[:, :n])
    out[:, n:] = x[:, n:] + x[:, n:]
    return out


PAIRS = [
    ("heads by chunk", split_heads, split_heads_chunk, True),
    ("heads from the inner axis", split_heads, split_heads_inner, False),
    ("heads merged by flatten", merge_heads, merge_heads_flatten, True),
    ("heads merged, width outside", merge_heads, merge_heads_swapped, False),
    ("permuted there and back", itself, there_and_back, True),
    ("permuted, then reshaped", itself, there_and_elsewhere, False),
    ("sum of a flat permutation", sum_all, sum_flat, True),
    ("sum in steps", sum_all, sum_in_steps, True),
    ("flip by index", flipped, flipped_by_index, True),
    ("flip of the other axis", flipped, flipped_batch, False),
    ("shift by pad and by cat", shifted, shifted_by_cat, True),
    ("shift to the left", shifted, shifted_left, False),
    ("roll by cat", rolled, rolled_by_cat, True),
    ("roll the other way", rolled, rolled_back, False),
    ("repeat by expand", repeated, repeated_by_expand, True),
    ("repeat, interleaved", repeated, repeated_interleaved, False),
    ("cumsum by triangle", prefix_sums, prefix_sums_matmul, True),
    ("cumsum from the back", prefix_sums, prefix_sums_suffix, True),
    ("cumsum exclusive", prefix_sums, prefix_sums_exclusive, False),
    ("cumsum by the other triangle", prefix_sums, prefix_sums_other, False),
    ("tril by arange", lower, lower_by_arange, True),
    ("tril as the rest of triu", lower, lower_by_rest, True),
    ("tril without the diagonal", lower, lower_strict, False),
    ("diagonal by eye", diagonal, diagonal_by_eye, True),
    ("gather by where", picked, picked_by_where, True),
    ("gather by one-hot", picked, picked_by_one_hot, True),
    ("gather of the next", picked, picked_next, False),
    ("embedding then projection", looked_up_and_projected, projected_table_looked_up, True),
    ("rotary by parts", rotary, rotary_by_parts, True),
    ("rotary backwards", rotary, rotary_backwards, False),
    ("rotary halves and pairs", rotary, rotary_pairs, False),
    ("rotary pairs by view", rotary_pairs, rotary_pairs_by_view, True),
    ("rotation keeps the norm", rotated_norm, unrotated_norm, True),
    ("patches as a linear layer", patches, patches_by_linear, True),
    ("patches, channel last", patches, patches_misordered, False),
    ("pixel shuffle by view", shuffled, shuffled_by_view, True),
    ("pixel shuffle transposed", shuffled, shuffled_transposed, False),
    ("slices written in place", written, written_in_place, True),
]
