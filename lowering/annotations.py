"""What a program says of its arguments: jaxtyping annotations as shapes of sizes, defaults, parameters of modules.

`Float[Tensor, "b h 4*w d"]` gives four sizes; `_` is a name of its own; `n=4` is 4; `#n` (broadcastable) is 1 or n and not
lifted; `*batch` and `...` have no fixed number of dimensions and aren't either.
To add here: ways of annotating.  Never here: joining the annotations of two programs (`arguments.py`).
"""

from __future__ import annotations

import ast
import inspect
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from commute.theory.axes import Size
from commute.theory.messages import UsageError
from commute.theory.terms import BOOL, INT, REAL

MISSING = object()


@dataclass(frozen=True)
class Parameter:
    """One argument of one program: a tensor of a shape and sort (None where not annotated), or a number."""

    name: str
    kind: str
    shape: tuple[Size, ...] | None = None
    sort: str = REAL
    dtype: str = "float64"
    default: Any = MISSING


@dataclass(frozen=True)
class Signature:
    """The arguments of one program, how errors name it, and the shape that it says it returns (None where it doesn't)."""

    program: Callable[..., Any]
    name: str
    parameters: tuple[Parameter, ...]
    returns: tuple[Size, ...] | None = None


def name_of(program: Callable[..., Any]) -> str:
    """How errors name a program."""
    inner = getattr(program, "func", program)
    return getattr(inner, "__name__", None) or type(inner).__name__


def signature_of(program: Callable[..., Any]) -> Signature:
    """The arguments of a function or of a module's forward; UsageError where an annotation can't be used."""
    name = name_of(program)
    body = program.forward if isinstance(program, torch.nn.Module) else program
    try:
        listed = inspect.signature(body).parameters.values()
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name}: its arguments can't be read ({error})") from error
    hints = _hints(body, name)
    parameters = tuple(_parameter(name, p, hints.get(p.name, p.annotation)) for p in listed)
    return Signature(program, name, parameters, _returned(name, hints.get("return")))


def _returned(function: str, hint: Any) -> tuple[Size, ...] | None:
    """The shape of an annotated result; None where it says nothing definite."""
    if not hasattr(hint, "dim_str"):
        return None
    try:
        return shape_of(function, "return", hint.dim_str)
    except UsageError:
        return None


def _hints(body: Any, name: str) -> dict[str, Any]:
    inner = inspect.unwrap(getattr(body, "func", body))
    try:
        return typing.get_type_hints(inner)
    except Exception as error:
        if "__future__" in str(error) or not isinstance(error, NameError):
            return {}
        raise UsageError(f"{name}: an annotation can't be read: {error}") from error


def _parameter(function: str, p: inspect.Parameter, hint: Any) -> Parameter:
    default = MISSING if p.default is inspect.Parameter.empty else p.default
    if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
        raise UsageError(f"{function}: {p} takes any number of arguments; name them")
    if isinstance(hint, str):
        hint = inspect.Parameter.empty
    hint = _optional(hint)
    if hasattr(hint, "dim_str") and hasattr(hint, "dtypes"):
        return _tensor(function, p.name, hint, default)
    if default is not MISSING and not isinstance(default, torch.Tensor):
        return Parameter(p.name, "default", default=default)
    if hint is float:
        return Parameter(p.name, "float")
    if hint in (int, bool, str):
        raise UsageError(
            f"{function}: argument {p.name} is {_a(hint.__name__)} without a default; give it one, or wrap {function} "
            f"in a function that does"
        )
    if hint in (inspect.Parameter.empty, torch.Tensor, torch.nn.Parameter):
        return Parameter(p.name, "tensor", None, default=default)
    kind = getattr(hint, "__name__", str(hint))
    raise UsageError(f"{function}: argument {p.name} is {_a(kind)}, not a tensor; commute reads tensors and numbers")


def _optional(hint: Any) -> Any:
    """The type inside Optional[...], which is what a given argument has."""
    inner = [a for a in typing.get_args(hint) if a is not type(None)]
    if type(None) in typing.get_args(hint) and len(inner) == 1:
        return inner[0]
    return hint


def _tensor(function: str, name: str, hint: Any, default: Any) -> Parameter:
    dtypes = tuple(hint.dtypes) if not isinstance(hint.dtypes, str) else ()
    if default is None:
        return Parameter(name, "default", default=None)
    floats, whole = [d for d in dtypes if "float" in d], [d for d in dtypes if d.startswith(("int", "uint"))]
    shape = shape_of(function, name, hint.dim_str)
    if dtypes and not floats and not whole and any("bool" in d for d in dtypes):
        return Parameter(name, "tensor", shape, BOOL, "bool")
    if whole and not floats:
        return Parameter(name, "tensor", shape, INT, "int64")
    if dtypes and not floats:
        raise UsageError(
            f"{function}: argument {name} has elements of {dtypes[0]}; commute reads reals, integers, truth values"
        )
    return Parameter(name, "tensor", shape, REAL, "float64" if "float64" in floats or not floats else floats[-1])


def shape_of(function: str, name: str, text: str) -> tuple[Size, ...]:
    """The sizes that an axis string names."""
    sizes = []
    for place, word in enumerate(text.split()):
        word = word.split("=")[-1] if re.fullmatch(r"[A-Za-z_]\w*=\d+", word) else word.lstrip("?")
        if word == "..." or word.startswith("*") and word[1:].isidentifier():
            raise UsageError(f'{function}: argument {name}: "{word}" stands for any number of axes; name each axis')
        if word.startswith("#"):
            raise UsageError(f'{function}: argument {name}: "{word}" is 1 or {word[1:]}; say which')
        if word.startswith("_"):
            sizes.append(Size.symbol(f"{name}_{place}"))
            continue
        sizes.append(size_of(word, f'{function}: argument {name}: "{word}"'))
    return tuple(sizes)


def size_of(text: str, where: str) -> Size:
    """A size from an expression over names such as `4*w`, `h*d`, `n1 + n2`; UsageError where it is anything else."""
    try:
        size = _evaluated(ast.parse(text.strip("{}"), mode="eval").body)
    except (SyntaxError, ValueError):
        raise UsageError(f"{where} is not a size; say a name, an integer, or sums and products of them such as 4*w") from None
    if not size.provably_positive() and size.constant is not None:
        raise UsageError(f"{where}: a size must be at least 1")
    return size


def _evaluated(node: ast.expr) -> Size:
    if isinstance(node, ast.Name):
        return Size.symbol(node.id)
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return Size(node.value)
    if isinstance(node, ast.BinOp):
        left, right = _evaluated(node.left), _evaluated(node.right)
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Sub):
            return left - right
        if isinstance(node.op, ast.Mult):
            return left * right
        if isinstance(node.op, ast.Pow) and right.constant is not None and 0 <= right.constant <= 8:
            return left**right.constant
        exact = left.divided_by(right) if isinstance(node.op, ast.FloorDiv) else None
        if exact is not None:
            return exact
    raise ValueError(ast.dump(node))


def _a(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"
