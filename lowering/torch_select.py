"""Selection by a condition, and casts.

To add here: operators that return one of their arguments, number by number.  Never here: arithmetic (`torch_basic.py`).
"""

from __future__ import annotations

from typing import Any

import torch

from commute.lowering.arrays import Array, pointwise
from commute.lowering.extended import operand
from commute.lowering.made import choose, filled
from commute.lowering.registry import Unsupported, Unusable, lifts
from commute.lowering.torch_args import numeric
from commute.lowering.torch_logic import truth
from commute.theory.terms import BOOL, FALSE, INT, REAL, TRUE, Term


def selected(trace: Any, condition: Array, then: Any, other: Any) -> Array:
    """then where the condition holds, else other"""
    arms = [_arm(trace, v) for v in (then, other)]
    sorts = [a.sort for a in arms]
    if BOOL in sorts and sorts != [BOOL, BOOL]:
        arms = [numeric(a) for a in arms]
    sort = BOOL if sorts == [BOOL, BOOL] else INT if all(a.sort == INT for a in arms) else REAL

    def make(c: Term, a: Term, b: Term) -> Term:
        return choose(c, lambda: a, lambda: b)

    return pointwise(make, truth(trace, condition), *arms, sort=sort)


def _arm(trace: Any, value: Any) -> Array:
    if isinstance(value, bool):
        return filled((), TRUE if value else FALSE, BOOL)
    return value if isinstance(value, Array) else operand(trace, value)


@lifts(torch.where)
def where_(trace: Any, condition: Array, input: Any = None, other: Any = None, **kwargs: Any) -> Array:
    """input where the condition holds, else other"""
    input = kwargs.pop("self", input)
    if input is None or other is None:
        raise Unsupported("where with one argument: the size of its result depends on data")
    return selected(trace, condition, input, other)


@lifts(torch.Tensor.where)
def where_method(trace: Any, input: Array, condition: Array, other: Any) -> Array:
    """input where the condition holds, else other"""
    return selected(trace, condition, input, other)


@lifts(torch.masked_fill, torch.Tensor.masked_fill)
def masked_fill(trace: Any, input: Array, mask: Array, value: Any) -> Array:
    """value where the mask holds, else input"""
    if mask.sort != BOOL:
        raise Unusable("masked_fill needs a mask of truth values")
    if input.sort == INT and isinstance(value, float):
        raise Unsupported("masked_fill of integers by a real")
    return selected(trace, mask, value, input)


# --- casts -----------------------------------------------------------------------------------------------------------


def cast(trace: Any, array: Array, dtype: torch.dtype) -> Array:
    """The same numbers in another dtype; Unsupported where that would round."""
    if dtype == torch.bool:
        return truth(trace, array)
    if dtype.is_complex:
        raise Unsupported("complex numbers")
    array = numeric(array)
    if dtype.is_floating_point:
        return array if array.sort == REAL else Array(array.shape, array.at, REAL)
    if array.sort == REAL:
        raise Unsupported(f"a cast of reals to {dtype} rounds")
    return array


@lifts(torch.Tensor.to, torch.Tensor.type, torch.asarray)
def to(trace: Any, input: Array, *args: Any, **kwargs: Any) -> Array:
    """The same numbers: a device changes nothing, a dtype casts."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, Array):
            return type_as(trace, input, value)
        if isinstance(value, torch.dtype):
            return cast(trace, input, value)
        if isinstance(value, str) and value.startswith("torch."):
            raise Unsupported(f"the type {value}")
    return input


@lifts(torch.Tensor.type_as)
def type_as(trace: Any, input: Array, other: Array) -> Array:
    """input in the dtype of other"""
    kinds = {BOOL: torch.bool, INT: torch.int64}
    return cast(trace, input, kinds.get(other.sort, torch.float64))


_CASTS = {"float": torch.float32, "double": torch.float64, "half": torch.float16, "bfloat16": torch.bfloat16}
_CASTS |= {"int": torch.int32, "long": torch.int64, "short": torch.int16, "bool": torch.bool}
for _name, _dtype in _CASTS.items():
    lifts(getattr(torch.Tensor, _name))(lambda trace, input, *_, _d=_dtype, **__: cast(trace, input, _d))
