"""Small edits of a function's source, each of one kind: what a tired author gets wrong in a kernel.

An edit replaces one node of the syntax tree.  Edits that can't change what the function computes (the operands of a sum
swapped, one spelling of a function for another) are not made.
To add here: an edit.  Never here: what is right or wrong about a verdict (mutate.py).
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

KINDS = (
    "constant", "axis", "operator", "strictness", "slice", "order of arguments", "dropped term", "mask", "eps placement",
    "function", "option", "update",
)  # fmt: skip
"""Every kind of edit, as it stands in a mutant's name."""

_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div)
_STRICT = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.LtE, ast.NotEq: ast.Gt}
_TURNED = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
_AXES = {"dim", "axis", "dims", "dim0", "dim1", "start_dim", "end_dim"}
_BY_AXIS = set(
    """sum mean amax amin max min softmax log_softmax logsumexp cumsum cumprod prod var std transpose unsqueeze squeeze flip cat
    stack chunk split roll gather flatten unflatten select narrow movedim permute diff norm swapaxes unbind index_select argmax
    argmin all any""".split()
)
_MASKS = {"tril": "triu", "triu": "tril"}
_NAMES = {
    "amax": "amin", "amin": "amax", "sum": "mean", "mean": "sum", "max": "min", "min": "max", "exp": "square", "log": "exp",
    "softmax": "log_softmax", "log_softmax": "softmax", "relu": "abs", "abs": "relu",
    "silu": "gelu", "gelu": "silu", "sigmoid": "tanh", "tanh": "sigmoid", "sqrt": "rsqrt", "rsqrt": "reciprocal",
    "var": "std", "std": "var", "maximum": "minimum", "minimum": "maximum", "logsumexp": "amax", "prod": "sum", "square": "abs",
    "cumsum": "cumprod", "zeros_like": "ones_like", "zeros": "ones", "ones": "zeros", "split": "chunk",
    "sin": "cos", "cos": "sin", "exp2": "exp", "log2": "log", "floor": "ceil", "log1p": "log", "expm1": "exp",
    "repeat_interleave": "repeat", "softplus": "relu", "erf": "tanh", "leaky_relu": "elu", "elu": "leaky_relu",
    "maxpool1d": "avg_pool1d", "max_pool2d": "avg_pool2d", "avg_pool2d": "max_pool2d", "any": "all", "all": "any",
    "logical_and": "logical_or", "logical_or": "logical_and", "sign": "abs", "ge": "gt", "gt": "ge", "le": "lt", "lt": "le",
}  # fmt: skip
_SILENT = (None, "dtype", "device", "strict")
"""Keywords that don't change what is computed over the reals."""
_SYMMETRIC = {"maximum", "minimum", "logaddexp", "dot", "transpose", "swapaxes"}
_PLAIN = set("relu abs exp tanh sigmoid softmax sqrt neg silu gelu mean flip contiguous roll".split())


@dataclass(frozen=True)
class Edit:
    """One node of a function (its number in `ast.walk`) and what comes in its place."""

    kind: str
    number: int
    line: int
    column: int
    before: str
    after: str
    new: ast.AST


def edits(function: ast.FunctionDef) -> list[Edit]:
    """Every edit of a function's body; lines count from its `def`."""
    calls = [n for n in ast.walk(function) if isinstance(n, ast.Call)]
    silent = [w.value for call in calls for w in call.keywords if w.arg in _SILENT]
    parts = [function.args, function.returns, *function.decorator_list, *silent]
    outside = {id(n) for part in parts if part for n in ast.walk(part)}
    axes = {id(n) for call in calls for part in _places(call) for n in ast.walk(part)}
    found = []
    for number, node in enumerate(ast.walk(function)):
        if id(node) in outside:
            continue
        for kind, new in _changes(node, id(node) in axes):
            before, after = _text(node), _text(new)
            line, column = getattr(node, "lineno", function.lineno) - function.lineno, getattr(node, "col_offset", 0)
            if before != after:
                found.append(Edit(kind, number, line, column, before, after, new))
    return found


def edited(function: ast.FunctionDef, edit: Edit) -> ast.FunctionDef:
    """A copy of the function with the edit made."""
    changed = copy.deepcopy(function)
    target = next(n for number, n in enumerate(ast.walk(changed)) if number == edit.number)

    class Put(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> Any:
            return copy.deepcopy(edit.new) if node is target else self.generic_visit(node)

    return ast.fix_missing_locations(Put().visit(changed))


def _text(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 90 else f"{text[:60]} ... {text[-24:]}"


def _places(call: ast.Call) -> list[ast.AST]:
    """The arguments of a call that name axes."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    plain: list[ast.AST] = [*call.args[1 if _function(call) else 0 :]] if name in _BY_AXIS else []
    return plain + [w.value for w in call.keywords if w.arg in _AXES]


Change = tuple[str, ast.AST]


def _changes(node: ast.AST, is_axis: bool) -> Iterator[Change]:
    if isinstance(node, ast.Constant):
        yield from _constant(node, is_axis)
    elif isinstance(node, ast.UnaryOp):
        yield from _unary(node)
    elif isinstance(node, ast.BinOp):
        yield from _binary(node)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield from _comparison(node)
    elif isinstance(node, ast.Call):
        yield from _call(node)
    elif isinstance(node, ast.Slice):
        yield from _slice(node)
    elif isinstance(node, ast.AugAssign):
        yield "update", ast.AugAssign(node.target, ast.Mult() if isinstance(node.op, ast.Add) else ast.Add(), node.value)
        yield "update", ast.Assign([node.target], node.value, lineno=node.lineno)


def _constant(node: ast.Constant, is_axis: bool) -> Iterator[Change]:
    value = node.value
    if isinstance(value, bool):
        yield "option", ast.Constant(not value)
    elif isinstance(value, int | float):
        near: dict[float, None] = dict.fromkeys((value + 1, value - 1, *(() if is_axis else (-value, value * 2))))
        if isinstance(value, float) and 0 < abs(value) < 0.01:
            near = dict.fromkeys((0.0, value * 10, value / 10))
        for other in near:
            if other != value:
                yield "axis" if is_axis else "constant", _number(other)


def _number(value: float) -> ast.AST:
    return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))


def _unary(node: ast.UnaryOp) -> Iterator[Change]:
    if isinstance(node.op, ast.Invert | ast.Not):
        yield "mask", node.operand
    elif isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
        yield "dropped term", node.operand


def _binary(node: ast.BinOp) -> Iterator[Change]:
    if isinstance(node.op, _OPERATORS):
        for op in _OPERATORS:
            if not isinstance(node.op, op):
                yield "operator", ast.BinOp(node.left, op(), node.right)
        yield "dropped term", node.left
        if isinstance(node.op, ast.Add | ast.Mult):
            yield "dropped term", node.right
    if isinstance(node.op, ast.Sub | ast.Div | ast.MatMult | ast.Pow):
        yield "order of arguments", ast.BinOp(node.right, node.op, node.left)
    if isinstance(node.op, ast.BitAnd | ast.BitOr):
        yield "mask", ast.BinOp(node.left, ast.BitOr() if isinstance(node.op, ast.BitAnd) else ast.BitAnd(), node.right)
        yield "mask", node.left
        yield "mask", node.right
    if isinstance(node.op, ast.Add | ast.Sub):
        yield from _inwards(node)


def _inwards(node: ast.BinOp) -> Iterator[Change]:
    """f(x) + c becomes f(x + c), and x.f() + c becomes (x + c).f()."""
    call = node.left
    if not isinstance(call, ast.Call):
        return
    kind = "eps placement"
    if call.args and not isinstance(call.args[0], ast.Starred) and _function(call):
        yield kind, ast.Call(call.func, [ast.BinOp(call.args[0], node.op, node.right), *call.args[1:]], call.keywords)
    elif isinstance(call.func, ast.Attribute) and not _function(call):
        inner = ast.Attribute(ast.BinOp(call.func.value, node.op, node.right), call.func.attr)
        yield kind, ast.Call(inner, call.args, call.keywords)


def _function(call: ast.Call) -> bool:
    """Whether a call is of a module's function, f(x), rather than of a tensor's method, x.f()."""
    value = call.func.value if isinstance(call.func, ast.Attribute) else None
    return value is None or ast.unparse(value) in ("torch", "F", "math", "torch.nn.functional")


def _comparison(node: ast.Compare) -> Iterator[Change]:
    op = type(node.ops[0])
    if op in _STRICT:
        yield "strictness", ast.Compare(node.left, [_STRICT[op]()], node.comparators)
    if op in _TURNED:
        yield "mask", ast.Compare(node.left, [_TURNED[op]()], node.comparators)


def _call(node: ast.Call) -> Iterator[Change]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    new = _MASKS.get(name) or _NAMES.get(name)
    if new and isinstance(node.func, ast.Attribute):
        kind = "mask" if name in _MASKS else "function"
        yield kind, ast.Call(ast.Attribute(node.func.value, new), node.args, node.keywords)
    if len(node.args) > 1 and not any(isinstance(a, ast.Starred) for a in node.args[:2]) and name not in _SYMMETRIC:
        yield "order of arguments", ast.Call(node.func, [node.args[1], node.args[0], *node.args[2:]], node.keywords)
    if len(node.args) > 2 and not any(isinstance(a, ast.Starred) for a in node.args[:3]):
        kind = "mask" if name == "where" else "order of arguments"
        yield kind, ast.Call(node.func, [node.args[0], node.args[2], node.args[1], *node.args[3:]], node.keywords)
    for i, word in enumerate(node.keywords):
        if word.arg not in _SILENT:
            kind = "axis" if word.arg in _AXES else "option"
            yield kind, ast.Call(node.func, node.args, [w for j, w in enumerate(node.keywords) if j != i])
    if name in ("masked_fill", "masked_fill_") and node.args and isinstance(node.func, ast.Attribute):
        yield "mask", node.func.value
        yield "mask", ast.Call(node.func, [ast.UnaryOp(ast.Invert(), node.args[0]), *node.args[1:]], node.keywords)
    elif name in _PLAIN and isinstance(node.func, ast.Attribute):
        yield "dropped term", node.args[0] if _function(node) and node.args else node.func.value
    if isinstance(node.func, ast.Name) and node.func.id == "float":
        yield "mask", ast.Constant(0.0)
        yield "mask", ast.Constant(-10.0)
    yield from _outwards(node)


def _outwards(node: ast.Call) -> Iterator[Change]:
    """f(x + c) becomes f(x) + c, and (x + c).f() becomes x.f() + c."""
    first = node.args[0] if node.args and _function(node) else None
    if isinstance(first, ast.BinOp) and isinstance(first.op, ast.Add | ast.Sub):
        called = ast.Call(node.func, [first.left, *node.args[1:]], node.keywords)
        yield "eps placement", ast.BinOp(called, first.op, first.right)
    value = node.func.value if isinstance(node.func, ast.Attribute) else None
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add | ast.Sub) and isinstance(node.func, ast.Attribute):
        call = ast.Call(ast.Attribute(value.left, node.func.attr), node.args, node.keywords)
        yield "eps placement", ast.BinOp(call, value.op, value.right)


def _slice(node: ast.Slice) -> Iterator[Change]:
    if node.lower is not None:
        yield "slice", ast.Slice(None, node.upper, node.step)
        yield "slice", ast.Slice(ast.BinOp(node.lower, ast.Add(), ast.Constant(1)), node.upper, node.step)
    if node.upper is not None:
        yield "slice", ast.Slice(node.lower, None, node.step)
        yield "slice", ast.Slice(node.lower, ast.BinOp(node.upper, ast.Sub(), ast.Constant(1)), node.step)
    if node.lower is not None and node.upper is not None:
        yield "slice", ast.Slice(node.upper, node.lower, node.step)
