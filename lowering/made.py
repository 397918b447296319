"""Arrays made from cases and from constants: what slices, concatenations and constant tensors read as.

To add here: ways of choosing between terms by index.  Never here: what a Torch operator means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch

from commute.lowering.arrays import Array, Block, Indices, Layouts
from commute.lowering.registry import Unusable
from commute.theory.axes import Axis, Size
from commute.theory.index import simplify
from commute.theory.ops import add, eq, floordiv, le, lt, mod, mul, sub, where
from commute.theory.terms import BOOL, FALSE, INT, REAL, TRUE, ZERO, Term, const, postorder, size_value, substitute


def choose(condition: Term, then: Callable[[], Term], other: Callable[[], Term]) -> Term:
    """`then` where the condition holds, else `other`; only what can occur is built."""
    condition = simplify(condition)
    if condition is TRUE:
        return then()
    if condition is FALSE:
        return other()
    left, right = _where_equal(condition, _arm(then(), condition, 1)), _arm(other(), condition, 2)
    return left if left is right else where(condition, left, right)


def _arm(term: Term, condition: Term, arm: int) -> Term:
    """A term as it is where the condition holds (arm 1) or doesn't (arm 2): positions that are chosen by it are decided."""
    for t in postorder(term):
        if t.op == "where" and t.sort == INT and t.args[0] is condition and t is not term:
            term = replaced(term, t, t.args[arm], {})
    return simplify(term)


def _where_equal(condition: Term, term: Term) -> Term:
    """A term as it is where an integer that was read equals an index: the index in its place."""
    for read, other in (condition.args, condition.args[::-1]) if condition.op == "eq" else ():
        if read.op == "input" and read.sort == INT and read in postorder(term) and read not in postorder(other):
            return simplify(replaced(term, read, other, {}))
    return term


def replaced(term: Term, old: Term, new: Term, memo: dict[Term, Term]) -> Term:
    """The term with `new` for `old`, except under binders of their axes."""
    if term is old:
        return new
    if term not in memo:
        bound = {a for a in term.attrs if isinstance(a, Axis)} if term.op != "axis" else set()
        if bound & (old.free | new.free):
            memo[term] = term
        else:
            args = tuple(replaced(a, old, new, memo) for a in term.args)
            memo[term] = term if args == term.args else Term(term.op, args, term.attrs)
    return memo[term]


def filled(shape: Iterable[Size | int], term: Term, sort: str = REAL) -> Array:
    """The array that is one number everywhere."""
    return Array(shape, lambda _: term, sort)


def constant_array(value: torch.Tensor, number: Callable[[Any], Term]) -> Array:
    """A real tensor as a selection of its numbers by index."""
    kind = BOOL if value.dtype == torch.bool else REAL if value.dtype.is_floating_point else INT
    if value.is_complex():
        raise Unusable("complex numbers are not lifted")
    flat = [truth_or(number, v) for v in value.reshape(-1).tolist()]
    return listed(flat, [Size(s) for s in value.shape], kind)


def truth_or(number: Callable[[Any], Term], value: Any) -> Term:
    """A Python truth value as a truth value, anything else as a number."""
    return (TRUE if value else FALSE) if isinstance(value, bool) else number(value)


def listed(flat: Sequence[Term], shape: Sequence[Size], sort: str) -> Array:
    """The array of fixed shape whose numbers are listed in row-major order."""

    def at(indices: Indices) -> Term:
        return pick(flat, [int(str(s)) for s in shape], indices)

    return Array(shape, at, sort)


def pick(flat: Sequence[Term], shape: Sequence[int], indices: Sequence[Term]) -> Term:
    """The number at `indices` of a row-major list."""
    if not flat:
        return ZERO
    if all(f is flat[0] for f in flat):
        return flat[0]
    if not shape:
        return flat[0]
    step = len(flat) // shape[0]
    rows = [pick(flat[i * step : (i + 1) * step], shape[1:], indices[1:]) for i in range(shape[0])]
    position = simplify(indices[0])
    if position.op == "const" and 0 <= position.attrs[0] < shape[0]:
        return rows[int(position.attrs[0])]
    result = rows[-1]
    for i in reversed(range(shape[0] - 1)):
        row = rows[i]
        result = choose(eq(position, const(i)), lambda r=row: r, lambda o=result: o)
    return result


def ruled_array(value: torch.Tensor, number: Callable[[Any], Term]) -> Array | None:
    """A real tensor that is one number everywhere, counts up, or changes at one diagonal (a causal mask, an identity)."""
    if not value.numel() or value.is_complex():
        return None
    kind = BOOL if value.dtype == torch.bool else REAL if value.dtype.is_floating_point else INT
    numbers = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    shape = [Size(s) for s in value.shape]
    first = numbers.reshape(-1)[0]
    if (numbers == first).all():
        return filled(shape, truth_or(number, first.item()), kind)
    if numbers.ndim == 1 and kind != BOOL and (numbers == first + np.arange(len(numbers))).all():
        start = number(first.item())
        return Array(shape, lambda i: simplify(add(start, i[0])), kind)
    if numbers.ndim < 2 or numbers.size != numbers.shape[-2] * numbers.shape[-1]:
        return None
    return _by_diagonal(numbers.reshape(numbers.shape[-2:]), shape, kind, number)


def _by_diagonal(matrix: Any, shape: Sequence[Size], kind: str, number: Callable[[Any], Term]) -> Array | None:
    rows, columns = matrix.shape
    distance = np.arange(columns)[None, :] - np.arange(rows)[:, None]
    low, high = matrix[rows - 1, 0], matrix[0, columns - 1]
    split = int(distance[matrix == low].max()) if (matrix == low).any() else -rows
    if (np.where(distance <= split, low, high) == matrix).all():
        on, off, offset = truth_or(number, low.item()), truth_or(number, high.item()), const(split)
        return Array(shape, lambda i: choose(le(i[-1], add(i[-2], offset)), lambda: on, lambda: off), kind)
    if rows == columns and (np.where(distance == 0, matrix[0, 0], high) == matrix).all():
        same, other = truth_or(number, matrix[0, 0].item()), truth_or(number, high.item())
        return Array(shape, lambda i: choose(eq(i[-1], i[-2]), lambda: same, lambda: other), kind)
    return None


def joined_blocks(layouts: Layouts, array: Array, blocks: Sequence[Any]) -> Array:
    """An array whose terms are those of its blocks, chosen by where an index lies."""

    def at(indices: Indices) -> Term:
        remaining = iter(blocks)

        def go(dim: int, places: dict[Axis, Term], taken: tuple[Axis, ...]) -> Term:
            if dim == array.rank:
                return substitute(next(remaining).term, places)
            parts: list[tuple[Size, list[Term], Term]] = []
            sized = layouts.blocks(array.shape[dim])
            ordered = all(_before(a, b) for a, b in zip(sized, sized[1:], strict=False))
            for block, (_, axes) in zip(sized, layouts.walk(array.shape[dim], taken), strict=True):
                local = sub(indices[dim], size_value(block.offset))
                own = {}
                for axis, (stride, size) in zip(axes, block.atoms, strict=True):
                    own[axis] = simplify(mod(floordiv(local, size_value(stride)), size_value(size)))
                parts.append((block.offset, list(own.values()), go(dim + 1, places | own, (*taken, *axes))))
            result = parts[-1][2]
            for block, (_, own, term), (after, _, _) in reversed(list(zip(sized, parts, parts[1:], strict=False))):
                inside = lt(indices[dim], size_value(after)) if ordered else _in_block(block, own, indices[dim])
                result = choose(inside, lambda t=term: t, lambda r=result: r)
            return result

        return go(0, {}, ())

    return Array(array.shape, at, array.sort)


def _before(first: Block, second: Block) -> bool:
    """Whether the whole of a block lies before another, and doesn't alternate with it as strided slices do."""
    last = first.offset
    for stride, size in first.atoms:
        last = last + stride * (size - 1)
    return (second.offset - last).provably_positive()


def _in_block(block: Block, own: Sequence[Term], position: Term) -> Term:
    """Whether an index is the one that its own digits in the block make."""
    made = size_value(block.offset)
    for (stride, _), digit in zip(block.atoms, own, strict=True):
        made = add(made, mul(size_value(stride), digit))
    return eq(simplify(made), position)
