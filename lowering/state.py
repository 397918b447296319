"""The parameters and buffers of modules as inputs: which modules a program uses, and running it with other values in them.

To add here: ways in which a program holds tensors.  Never here: tracing.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from commute.lowering import locate

Owned = tuple[str, torch.nn.Module]


def modules_of(program: Callable[..., Any]) -> list[Owned]:
    """A module itself (without a prefix), or the modules that a function names or closes over, by those names."""
    if isinstance(program, torch.nn.Module):
        return [("", program)]
    found: dict[int, Owned] = {}
    waiting: list[Any] = [program]
    seen: set[int] = set()
    while waiting:
        function = waiting.pop()
        function = getattr(function, "func", getattr(function, "__wrapped__", function))
        code = getattr(function, "__code__", None)
        if id(function) in seen or code is None or not locate.is_users(code.co_filename):
            continue
        seen.add(id(function))
        for name, value in _named(function, code):
            if isinstance(value, torch.nn.Module):
                found.setdefault(id(value), (name, value))
            elif isinstance(value, types.FunctionType):
                waiting.append(value)
    return list(found.values())


def _named(function: Any, code: types.CodeType) -> Iterator[tuple[str, Any]]:
    for name in code.co_names:
        if name in function.__globals__:
            yield name, function.__globals__[name]
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
        try:
            yield name, cell.cell_contents
        except ValueError:
            continue


def tensors_of(modules: Sequence[Owned]) -> Iterator[tuple[str, torch.Tensor]]:
    """Every parameter and buffer of reals, by its path."""
    for prefix, module in modules:
        for path, value in [*module.named_parameters(), *module.named_buffers()]:
            if value.dtype.is_floating_point:
                yield f"{prefix}.{path}" if prefix else path, value


@contextmanager
def replaced(modules: Sequence[Owned], value: Callable[[torch.Tensor], Any]) -> Iterator[None]:
    """Put other values where modules hold their parameters and buffers, so that `self.weight.T` sees them too."""
    undo: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for part in {id(m): m for _, module in modules for m in module.modules()}.values():
            for table in (part._parameters, part._buffers):
                for name, tensor in list(table.items()):
                    if tensor is not None:
                        undo.append((table, name, tensor))
                        table[name] = value(tensor)
        yield
    finally:
        for table, name, tensor in reversed(undo):
            table[name] = tensor
