"""Which operators give views of their argument, and how a change of the view in place reaches the argument.

To add here: an operator whose result shares memory.  Never here: what it computes (`torch_*.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from commute.lowering.arrays import Array, reshaped
from commute.lowering.indexing import set_item
from commute.lowering.tensors import SymTensor, Write
from commute.lowering.torch_args import dimension
from commute.lowering.torch_shape import permuted
from commute.theory.axes import Size

VIEWS = frozenset(
    "view view_as transpose permute swapaxes swapdims swap_axes movedim moveaxis narrow select chunk split "
    "split_with_sizes tensor_split hsplit vsplit dsplit unbind expand expand_as broadcast_to squeeze unsqueeze unflatten t "
    "diagonal detach alias real adjoint mT T H mH unfold".split()
)
MAYBE_VIEWS = frozenset(
    "reshape reshape_as flatten ravel contiguous to float double half bfloat16 type type_as positive dropout "
    "cpu cuda Identity relu_ conj resolve_conj resolve_neg atleast_1d atleast_2d atleast_3d".split()
)

SAME_ORDER = frozenset("view view_as flatten unflatten squeeze unsqueeze detach alias real".split())
EXCHANGE = frozenset("transpose swapaxes swapdims t adjoint mT T H mH".split())
PIECES = frozenset("chunk split split_with_sizes tensor_split".split())
Given = tuple[list[Any], dict[str, Any]]


def write_through(
    trace: Any, name: str, given: Given, base: SymTensor, parts: Sequence[Any] | None, part: int | None
) -> Write | None:
    """How to change the base of a view when the view is changed; None where that isn't followed."""
    rest, words = given
    if name in SAME_ORDER:
        return lambda old, new: reshaped(trace.layouts, new, old.shape)
    if name in EXCHANGE and base.ndim >= 2:
        first, second = (*rest, *words.values()) if rest or words else (0, 1)
        return lambda old, new: _exchanged(new, first, second)
    if name == "permute":
        dims = list(rest[0]) if rest and isinstance(rest[0], tuple | list) else list(rest or words.get("dims", ()))
        order = [d % len(dims) for d in dims]
        return lambda old, new: permuted(new, [order.index(i) for i in range(len(order))])
    if parts is None or part is None or name not in PIECES | {"unbind"}:
        return None
    default = rest[0] if name == "unbind" and rest else rest[1] if name != "unbind" and len(rest) > 1 else 0
    dim = dimension(base.current(), words.get("dim", default))
    before = [Size.of(p.current().shape[dim]) for p in parts[:part]] if name != "unbind" else []
    start = sum(before, Size(0))
    length = parts[part].current().shape[dim] if name != "unbind" else Size(1)
    where: Any = part if name == "unbind" else slice(start, start + length)
    return lambda old, new: set_item(trace, old, (*[slice(None)] * dim, where), new)


def _exchanged(array: Array, first: int, second: int) -> Array:
    order = list(range(array.rank))
    a, b = dimension(array, first), dimension(array, second)
    order[a], order[b] = b, a
    return permuted(array, order)
