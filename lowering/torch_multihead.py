"""Multi-head attention with its projections, as `nn.MultiheadAttention` calls it.

It is linear maps, attention in heads, and a linear map; its boolean masks hide where they are true, unlike those of sdpa.
To add here: an option of that one function.  Never here: another layer.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F

from commute.lowering.arrays import Array, reshaped
from commute.lowering.registry import Unsupported, Unusable, lifts
from commute.lowering.torch_args import average, mapped, permuted, refuse
from commute.lowering.torch_attention import default_scale, masked, transposed, weights_or_zero
from commute.lowering.torch_linear import linear, matmul
from commute.lowering.torch_softmax import softmax_of
from commute.theory.axes import Size
from commute.theory.index import simplify
from commute.theory.ops import add, lnot, mul
from commute.theory.terms import BOOL, ZERO, size_value

OPTIONS = (
    "in_proj_weight in_proj_bias bias_k bias_v add_zero_attn dropout_p out_proj_weight out_proj_bias training "
    "key_padding_mask need_weights attn_mask use_separate_proj_weight q_proj_weight k_proj_weight v_proj_weight "
    "static_k static_v average_attn_weights is_causal"
).split()


def _third(trace: Any, array: Array | None, part: int, width: Size) -> Array | None:
    """The part of the joint projection that makes queries (0), keys (1) or values (2)."""
    if array is None:
        return None
    trace.layouts.cut(array.shape[0], width * part)
    offset = size_value(width * part)
    return Array((width, *array.shape[1:]), lambda idx: array.at((add(idx[0], offset), *idx[1:])), array.sort)


def _heads(trace: Any, array: Array, heads: Size) -> Array:
    """(position, batch, heads * width) as (batch, heads, position, width)"""
    width = array.shape[2].divided_by(heads)
    if width is None:
        raise Unusable(f"{array.shape[2]} features in {heads} heads")
    return permuted(reshaped(trace.layouts, array, (*array.shape[:2], heads, width)), (1, 2, 0, 3))


def _negated(mask: Array) -> Array:
    """Which keys may be seen, from which are hidden; a mask of numbers stays as it is."""
    return Array(mask.shape, lambda idx: simplify(lnot(mask.at(idx))), BOOL) if mask.sort == BOOL else mask


def _hidden(trace: Any, scores: Array, options: dict[str, Any], rank: int) -> Array:
    """Scores under the masks, or under the causal mask where the hint of one is all that Torch looks at."""
    mask, padding = options.get("attn_mask"), options.get("key_padding_mask")
    if options.get("is_causal"):
        if mask is None:
            raise Unusable("is_causal=True needs attn_mask")
        if padding is None and not options.get("need_weights", True):
            return masked(scores, None, True)
    if mask is not None:
        if mask.rank == 3 and mask.shape[0] != Size(1):
            mask = reshaped(trace.layouts, mask, (*scores.shape[:2], *mask.shape[1:]))
        scores = masked(scores, _negated(mask), False)
    if padding is None:
        return scores
    batch = padding.shape[0] if rank == 3 else Size(1)
    shape = (batch, Size(1), Size(1), padding.shape[-1])
    wide = Array(shape, lambda idx: padding.at([idx[0], idx[3]][-padding.rank :]), padding.sort)
    return masked(scores, _negated(wide), False)


def _with_batch(array: Array) -> Array:
    """(position, batch, feature), of batch 1 where there is none."""
    if array.rank == 3:
        return array
    return Array((array.shape[0], Size(1), array.shape[1]), lambda idx: array.at((idx[0], idx[2])), array.sort)


def _without(array: Array, dim: int) -> Array:
    """The array without a dimension of size 1."""
    shape = (*array.shape[:dim], *array.shape[dim + 1 :])
    return Array(shape, lambda idx: array.at([*idx[:dim], ZERO, *idx[dim:]]), array.sort)


def _projected(trace: Any, array: Array, part: int, width: Size, options: dict[str, Any]) -> Array:
    """Queries (part 0), keys (1) or values (2) of one argument."""
    weight = options.get(f"{'qkv'[part]}_proj_weight") if options.get("use_separate_proj_weight") else None
    if weight is None:
        weight = _third(trace, options["in_proj_weight"], part, width)
    bias = _third(trace, options["in_proj_bias"], part, width)
    if weight is None:
        raise Unusable("no weight of the projection")
    return linear(trace, array, weight, bias)


@lifts(F.multi_head_attention_forward)
def multi_head_attention_forward(
    trace: Any, query: Array, key: Array, value: Array, embed_dim_to_check: Any, num_heads: Any, *rest: Any, **names: Any
) -> tuple[Array, Array | None]:
    """Projections, attention in heads, projection: (l, b, e), (s, b, e), (s, b, e) to (l, b, e) and the mean weights."""
    options = dict(zip(OPTIONS, rest, strict=False)) | names
    refuse(**{n: options.get(n) for n in ("bias_k", "bias_v", "static_k", "static_v")})
    refuse(add_zero_attn=options.get("add_zero_attn") or None)
    if options.get("training", True) and options.get("dropout_p"):
        raise Unsupported("a random operator: call eval()")
    heads, width = Size.of(num_heads), query.shape[-1]
    q, k, v = (
        _heads(trace, _projected(trace, _with_batch(array), part, width, options), heads)
        for part, array in enumerate((query, key, value))
    )
    factor = default_scale(q.shape[-1])
    scores = mapped(lambda t: mul(t, factor), matmul(trace, q, transposed(k)))
    hidden = _hidden(trace, scores, options, query.rank)
    weights = softmax_of(trace, hidden, 3) if options.get("need_weights", True) else weights_or_zero(trace, hidden)
    joined = permuted(matmul(trace, weights, v), (2, 0, 1, 3))
    flat = reshaped(trace.layouts, joined, (*joined.shape[:2], width))
    result = linear(trace, flat, options["out_proj_weight"], options["out_proj_bias"])
    shown = average(trace, weights, (1,)) if options.get("average_attn_weights", True) else weights
    if query.rank == 2:
        result, shown = _without(result, 1), _without(shown, 0)
    return result, shown if options.get("need_weights", True) else None
