"""Linear algebra: products of matrices, contractions, outer products, traces.

Every operator here is a sum of products, so a contraction is `reduce(sum)` over what is shared and nothing else.
To add here: an operator that is linear in each of its arguments.  Never here: decompositions, solvers, anything with a pivot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from commute.lowering.arrays import Array, Indices, aligned, broadcast, pointwise, reshaped
from commute.lowering.registry import Unsupported, Unusable, lifts
from commute.lowering.torch_args import dimension, everywhere, mapped, numeric, reduced, scalar, scaled, summed
from commute.theory.axes import Size
from commute.theory.ops import add, mul
from commute.theory.terms import ZERO, Term


def _same(left: Size, right: Size) -> None:
    if left != right:
        raise Unusable(f"sizes {left} and {right} are contracted and differ")


def _lead(array: Array, outer: Indices, tail: int) -> list[Term]:
    """The indices of an array's batch dimensions (all but the last `tail`), as broadcasting reads them."""
    sizes = array.shape[: array.rank - tail]
    return [ZERO if s == Size(1) else i for s, i in zip(sizes, outer[len(outer) - len(sizes) :], strict=True)]


@lifts(torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__, torch.linalg.matmul)
def matmul(trace: Any, input: Array, other: Array, *, out: Any = None) -> Array:
    """Sum over k of input[..., i, k] * other[..., k, j]; one-dimensional arguments are rows and columns."""
    left, right = numeric(input), numeric(other)
    if not left.rank or not right.rank:
        raise Unusable("an argument without dimensions")
    tail_l, tail_r = min(left.rank, 2), min(right.rank, 2)
    _same(left.shape[-1], right.shape[-tail_r])
    batch = broadcast([left.shape[: left.rank - tail_l], right.shape[: right.rank - tail_r]])
    rows = left.shape[-2:-1] if tail_l == 2 else ()
    columns = right.shape[-1:] if tail_r == 2 else ()

    def body(idx: Indices) -> Term:
        outer, k = idx[: len(batch)], idx[-1]
        row, column = idx[len(batch) : len(batch) + len(rows)], idx[len(batch) + len(rows) : -1]
        return mul(left.at([*_lead(left, outer, tail_l), *row, k]), right.at([*_lead(right, outer, tail_r), k, *column]))

    return summed(trace, (*batch, *rows, *columns), left.shape[-1:], body)


@lifts(torch.Tensor.__rmatmul__)
def rmatmul(trace: Any, input: Array, other: Array) -> Array:
    """other @ input"""
    return matmul(trace, other, input)


def _of_ranks(arrays: Sequence[Array], ranks: Sequence[int]) -> None:
    for array, rank in zip(arrays, ranks, strict=True):
        if array.rank != rank:
            raise Unusable(f"an array of {array.rank} dimensions where {rank} are wanted")


@everywhere("mm")
def mm(trace: Any, input: Array, mat2: Array, *, out: Any = None) -> Array:
    """The product of two matrices."""
    _of_ranks((input, mat2), (2, 2))
    return matmul(trace, input, mat2)


@everywhere("bmm")
def bmm(trace: Any, input: Array, mat2: Array, *, out: Any = None) -> Array:
    """The products of two stacks of matrices."""
    _of_ranks((input, mat2), (3, 3))
    _same(input.shape[0], mat2.shape[0])
    return matmul(trace, input, mat2)


@everywhere("mv")
def mv(trace: Any, input: Array, vec: Array, *, out: Any = None) -> Array:
    """A matrix applied to a vector."""
    _of_ranks((input, vec), (2, 1))
    return matmul(trace, input, vec)


@lifts(torch.dot, torch.Tensor.dot, torch.vdot, torch.Tensor.vdot)
def dot(trace: Any, input: Array, tensor: Array | None = None, *, other: Any = None, out: Any = None) -> Array:
    """The inner product of two vectors."""
    right = other if tensor is None else tensor
    _of_ranks((input, right), (1, 1))
    return matmul(trace, input, right)


@everywhere("inner")
def inner(trace: Any, input: Array, other: Array, *, out: Any = None) -> Array:
    """The sum over the last dimension of both; a product where one has no dimensions."""
    left, right = numeric(input), numeric(other)
    if not left.rank or not right.rank:
        return pointwise(mul, left, right)
    _same(left.shape[-1], right.shape[-1])
    cut = left.rank - 1

    def body(idx: Indices) -> Term:
        return mul(left.at([*idx[:cut], idx[-1]]), right.at(idx[cut:]))

    return summed(trace, (*left.shape[:-1], *right.shape[:-1]), left.shape[-1:], body)


@everywhere("vecdot")
def vecdot(trace: Any, x: Array, y: Array, *, dim: int = -1, out: Any = None) -> Array:
    """The sum of the products along one dimension."""
    product = pointwise(mul, numeric(x), numeric(y))
    return reduced(trace, "sum", product, (dimension(product, dim),))


@everywhere("outer", "ger")
def outer(trace: Any, input: Array, vec2: Array, *, out: Any = None) -> Array:
    """The product of each number of one vector with each of the other."""
    left, right = numeric(input), numeric(vec2)
    _of_ranks((left, right), (1, 1))
    return Array((*left.shape, *right.shape), lambda idx: mul(left.at(idx[:1]), right.at(idx[1:])))


def _plus(trace: Any, input: Array, product: Array, beta: Any, alpha: Any) -> Array:
    b, a = scalar(trace, beta), scalar(trace, alpha)
    scaled_product = mapped(lambda t: scaled(a, t), product)
    if b is ZERO:
        return scaled_product
    if broadcast([input.shape, product.shape]) != product.shape:
        raise Unusable("the first argument is larger than the product")
    return pointwise(lambda x, y: add(scaled(b, x), y), numeric(input), scaled_product)


@everywhere("addmm")
def addmm(trace: Any, input: Array, mat1: Array, mat2: Array, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Array:
    """beta * input + alpha * (mat1 @ mat2)"""
    return _plus(trace, input, mm(trace, mat1, mat2), beta, alpha)


@everywhere("addmv")
def addmv(trace: Any, input: Array, mat: Array, vec: Array, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Array:
    """beta * input + alpha * (mat @ vec)"""
    return _plus(trace, input, mv(trace, mat, vec), beta, alpha)


@everywhere("addr")
def addr(trace: Any, input: Array, vec1: Array, vec2: Array, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Array:
    """beta * input + alpha * outer(vec1, vec2)"""
    return _plus(trace, input, outer(trace, vec1, vec2), beta, alpha)


@everywhere("baddbmm")
def baddbmm(trace: Any, input: Array, batch1: Array, batch2: Array, *, beta: Any = 1, alpha: Any = 1, out: Any = None):
    """beta * input + alpha * (batch1 @ batch2)"""
    return _plus(trace, input, bmm(trace, batch1, batch2), beta, alpha)


@everywhere("addbmm")
def addbmm(trace: Any, input: Array, batch1: Array, batch2: Array, *, beta: Any = 1, alpha: Any = 1, out: Any = None):
    """beta * input + alpha * sum over the batch of (batch1 @ batch2)"""
    return _plus(trace, input, reduced(trace, "sum", bmm(trace, batch1, batch2), (0,)), beta, alpha)


@everywhere("linear")
def linear(trace: Any, input: Array, weight: Array, bias: Array | None = None) -> Array:
    """Sum over k of input[..., k] * weight[o, k], plus bias[o]."""
    x, w = numeric(input), numeric(weight)
    if not x.rank or w.rank not in (1, 2):
        raise Unusable("the weight must have one or two dimensions and the input at least one")
    _same(x.shape[-1], w.shape[-1])
    lead = x.rank - 1

    def body(idx: Indices) -> Term:
        return mul(x.at([*idx[:lead], idx[-1]]), w.at([*idx[lead:-1], idx[-1]]))

    product = summed(trace, (*x.shape[:-1], *w.shape[:-1]), x.shape[-1:], body)
    return product if bias is None else pointwise(add, product, bias)


@everywhere("bilinear")
def bilinear(trace: Any, input1: Array, input2: Array, weight: Array, bias: Array | None = None) -> Array:
    """Sum over i, j of input1[..., i] * weight[o, i, j] * input2[..., j], plus bias[o]."""
    _same(input1.shape[-1], weight.shape[1])
    _same(input2.shape[-1], weight.shape[2])
    lead = input1.rank - 1

    def body(idx: Indices) -> Term:
        *outer_, o, i, j = idx
        return mul(mul(input1.at([*outer_, i]), weight.at([o, i, j])), input2.at([*outer_, j]))

    shape = (*broadcast([input1.shape[:-1], input2.shape[:-1]]), weight.shape[0])
    if len(shape) != lead + 1:
        raise Unusable("the inputs differ in their number of dimensions")
    product = summed(trace, shape, weight.shape[1:], body)
    return product if bias is None else pointwise(add, product, bias)


# --- einsum ----------------------------------------------------------------------------------------------------------

Label = str | int
"""A letter, or a negative number for a dimension of the ellipsis, counted from its right."""


def _labels(text: str, rank: int) -> list[Label]:
    """The labels of one operand's dimensions."""
    if not all(c.isalpha() and c.isascii() for c in text.replace("...", "", 1)):
        raise Unusable(f"{text!r} is not a row of letters with at most one ellipsis")
    before, dots, after = text.partition("...")
    spare = rank - len(before) - len(after)
    if spare < 0 or (spare and not dots):
        raise Unusable(f"{text!r} for an array of {rank} dimensions")
    return [*before, *range(-spare, 0), *after]


def _result(equation: str, operands: Sequence[list[Label]]) -> list[Label]:
    """The labels of the result: those written, or the ellipsis and then the letters that occur once, in order."""
    depth = max((-n for labels in operands for n in labels if isinstance(n, int)), default=0)
    dots: list[Label] = list(range(-depth, 0))
    if "->" in equation:
        text = equation.split("->")[1]
        before, found, after = text.partition("...")
        written: list[Label] = [*before, *(dots if found else []), *after]
        known = {n for labels in operands for n in labels}
        if len(set(written)) != len(written) or not set(written) <= known:
            raise Unusable(f"the result {text!r} repeats a letter or names one that no operand has")
        return written
    letters = [n for labels in operands for n in labels if isinstance(n, str)]
    return dots + sorted(n for n in set(letters) if letters.count(n) == 1)


def _label_sizes(operands: Sequence[Array], labels: Sequence[list[Label]]) -> dict[Label, Size]:
    sizes: dict[Label, Size] = {}
    for array, names in zip(operands, labels, strict=True):
        own: dict[Label, Size] = {}
        for name, size in zip(names, array.shape, strict=True):
            if own.setdefault(name, size) != size:
                raise Unusable(f"{name!r} has sizes {own[name]} and {size} in one operand")
            if sizes.get(name, Size(1)) == Size(1):
                sizes[name] = size
            elif size not in (Size(1), sizes[name]):
                raise Unusable(f"{name!r} has sizes {sizes[name]} and {size}")
    return sizes


@lifts(torch.einsum)
def einsum(trace: Any, equation: Any, *operands: Any) -> Array:
    """Torch's einsum: the sum over every label that the result lacks of the product of the operands."""
    if not isinstance(equation, str):
        raise Unsupported("operands with lists of numbers in place of an equation")
    arrays = [numeric(a) for a in (operands[0] if len(operands) == 1 and isinstance(operands[0], list | tuple) else operands)]
    equation = equation.replace(" ", "")
    texts = equation.split("->")[0].split(",")
    if len(texts) != len(arrays):
        raise Unusable(f"{equation!r} for {len(arrays)} operands")
    labels = [_labels(t, a.rank) for t, a in zip(texts, arrays, strict=True)]
    sizes = _label_sizes(arrays, labels)
    result = _result(equation, labels)
    summed_over = [n for n in dict.fromkeys(n for names in labels for n in names) if n not in result]

    def body(idx: Indices) -> Term:
        at = dict(zip([*result, *summed_over], idx, strict=True))
        total: Term | None = None
        for array, names in zip(arrays, labels, strict=True):
            part = array.at([ZERO if s == Size(1) else at[n] for n, s in zip(names, array.shape, strict=True)])
            total = part if total is None else mul(total, part)
        assert total is not None
        return total

    return summed(trace, [sizes[n] for n in result], [sizes[n] for n in summed_over], body)


@lifts(torch.tensordot)
def tensordot(trace: Any, a: Array, b: Array, dims: Any = 2, out: Any = None) -> Array:
    """The sum over paired dimensions of both arrays."""
    if isinstance(dims, int):
        pairs = (list(range(a.rank - dims, a.rank)), list(range(dims)))
    else:
        pairs = tuple([d] if isinstance(d, int) else list(d) for d in dims)
    left = [dimension(a, d) for d in pairs[0]]
    right = [dimension(b, d) for d in pairs[1]]
    for i, j in zip(left, right, strict=True):
        if Size(1) not in (a.shape[i], b.shape[j]):
            _same(a.shape[i], b.shape[j])
    names_a = [chr(ord("a") + i) for i in range(a.rank)]
    names_b = [names_a[left[right.index(j)]] if j in right else chr(ord("A") + j) for j in range(b.rank)]
    stay = [n for i, n in enumerate(names_a) if i not in left] + [n for j, n in enumerate(names_b) if j not in right]
    return einsum(trace, f"{''.join(names_a)},{''.join(names_b)}->{''.join(stay)}", a, b)


@everywhere("kron")
def kron(trace: Any, input: Array, other: Array, *, out: Any = None) -> Array:
    """The Kronecker product: each number of the first times the whole of the second."""
    a, b = numeric(input), numeric(other)
    rank = max(a.rank, b.rank)
    shapes = [[Size(1)] * (rank - x.rank) + list(x.shape) for x in (a, b)]
    pairs = [s for both in zip(*shapes, strict=True) for s in both]

    def at(idx: Indices) -> Term:
        return mul(aligned(a, idx[0::2]), aligned(b, idx[1::2]))

    return reshaped(trace.layouts, Array(pairs, at), [x * y for x, y in zip(*shapes, strict=True)])


@everywhere("trace")
def trace_(trace: Any, input: Array) -> Array:
    """The sum of the diagonal of a matrix."""
    _of_ranks((input,), (2,))
    array = numeric(input)
    rows, columns = array.shape
    if (columns - rows).provably_nonnegative():
        length = rows
    elif (rows - columns).provably_nonnegative():
        length = columns
    else:
        raise Unsupported(f"which of {rows} and {columns} is smaller is not known")
    return summed(trace, (), (length,), lambda idx: array.at((idx[0], idx[0])))


@lifts(torch.chain_matmul)
def chain_matmul(trace: Any, *matrices: Array, out: Any = None) -> Array:
    """The product of several matrices."""
    return multi_dot(trace, list(matrices))


@lifts(torch.linalg.multi_dot)
def multi_dot(trace: Any, tensors: Sequence[Array], *, out: Any = None) -> Array:
    """The product of several matrices, from left to right."""
    result = tensors[0]
    for array in tensors[1:]:
        result = matmul(trace, result, array)
    return result
