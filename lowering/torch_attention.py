"""Attention as Torch spells it in one call.

The meaning is softmax(q k / sqrt(e) under the mask) v, with softmax by name.  A row whose keys are all hidden gives 0, not NaN.
To add here: another fused attention of Torch.  Never here: how attention is streamed (that is what laws and plans are for).
"""

from __future__ import annotations

from math import isqrt
from typing import Any

import torch.nn.functional as F

from commute.lowering.arrays import Array, Indices, broadcast, pointwise, reduction
from commute.lowering.registry import Unsupported, Unusable, lifts
from commute.lowering.torch_args import mapped, numeric, scalar
from commute.lowering.torch_linear import matmul
from commute.lowering.torch_softmax import softmax_of
from commute.theory.axes import Size
from commute.theory.index import simplify
from commute.theory.ops import add, composite, eq, exp, floordiv, le, mul, recip, sqrt, where
from commute.theory.terms import BOOL, EXT, NINF, ZERO, Term, const, size_value


def default_scale(width: Size) -> Term:
    """1 / sqrt(width), a fraction where the root is one."""
    fixed = width.constant
    if fixed is not None and isqrt(fixed) ** 2 == fixed:
        return recip(const(isqrt(fixed)))
    return recip(sqrt(size_value(width)))


def repeated_heads(trace: Any, array: Array, heads: Size) -> Array:
    """Each head of dimension -3 repeated so that there are `heads`: head h reads h // (heads / own heads)."""
    own = array.shape[-3]
    if own == heads:
        return array
    group = heads.divided_by(own)
    if group is None:
        raise Unusable(f"{heads} query heads are not a multiple of {own}")
    trace.layouts.factor(heads, (own, group))

    def at(indices: Indices) -> Term:
        return array.at([*indices[:-3], floordiv(indices[-3], size_value(group)), *indices[-2:]])

    return Array((*array.shape[:-3], heads, *array.shape[-2:]), at, array.sort)


def masked(scores: Array, mask: Array | None, causal: bool) -> Array:
    """Scores with minus infinity where a key is masked out, or with a mask of numbers added."""
    if causal and mask is not None:
        raise Unusable("is_causal together with attn_mask")
    if causal:

        def at(indices: Indices) -> Term:
            return simplify(where(simplify(le(indices[-1], indices[-2])), scores.at(indices), NINF))

        return Array(scores.shape, at)
    if mask is None:
        return scores
    if broadcast([mask.shape, scores.shape]) != scores.shape:
        raise Unusable("the mask is larger than the scores")
    if mask.sort == BOOL:
        return pointwise(lambda m, s: simplify(where(m, s, NINF)), mask, scores)
    return pointwise(lambda m, s: add(s, m), mask, scores)


def weights_or_zero(trace: Any, scores: Array) -> Array:
    """softmax over the last dimension, and 0 where a mask hides every key: defined there, unlike softmax."""
    plain = softmax_of(trace, scores, scores.rank - 1)
    below = reduction(trace.layouts, "sum", mapped(exp, scores), (scores.rank - 1,))

    def at(indices: Indices) -> Term:
        score, weight = scores.at(indices), plain.at(indices)
        if score.sort != EXT:
            return weight
        if weight.op == "softmax":
            return composite("softmax_or_zero", *weight.args, axes=weight.attrs)
        total = below.at(indices[:-1])
        return mul(exp(score), where(eq(total, ZERO), ZERO, recip(total)))

    return Array(scores.shape, at)


def transposed(array: Array) -> Array:
    """The last two dimensions exchanged."""
    shape = (*array.shape[:-2], array.shape[-1], array.shape[-2])
    return Array(shape, lambda idx: array.at([*idx[:-2], idx[-1], idx[-2]]), array.sort)


@lifts(F.scaled_dot_product_attention)
def scaled_dot_product_attention(
    trace: Any,
    query: Array,
    key: Array,
    value: Array,
    attn_mask: Array | None = None,
    dropout_p: Any = 0.0,
    is_causal: bool = False,
    scale: Any = None,
    enable_gqa: bool = False,
) -> Array:
    """Torch's attention: q (..., l, e), k (..., s, e), v (..., s, f) to (..., l, f)."""
    if dropout_p:
        raise Unsupported(f"a random operator (dropout_p={dropout_p})")
    if min(query.rank, key.rank, value.rank) < 2:
        raise Unusable("queries, keys and values have two dimensions or more")
    if enable_gqa:
        heads = query.shape[-3]
        key, value = repeated_heads(trace, key, heads), repeated_heads(trace, value, heads)
    factor = default_scale(query.shape[-1]) if scale is None else scalar(trace, scale)
    raw = matmul(trace, query, transposed(key))
    scores = mapped(lambda t: mul(t, factor), raw)
    hidden = masked(scores, attn_mask, is_causal)
    weights = softmax_of(trace, hidden, scores.rank - 1) if attn_mask is None else weights_or_zero(trace, hidden)
    return matmul(trace, weights, numeric(value))
