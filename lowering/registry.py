"""Which Torch function is lifted by what: one decorated handler a meaning, in the `torch_<family>.py` files.

A handler is called as `handler(trace, *args, **kwargs)` with Torch's own argument names and defaults, where every tensor is
an `Array`, every symbolic integer a `Size`, every symbolic real scalar a `Term` without axes, and everything else is as the
user wrote it.  It returns an `Array` or a tuple of them.  `trace.layouts` is where cuts and factors of sizes are noted.
To add an operator: one handler.  Never here: tracing itself (`tracing.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Handler = Callable[..., Any]
H = TypeVar("H", bound=Handler)

HANDLERS: dict[Any, Handler] = {}
"""Torch function -> handler."""


class Unsupported(Exception):
    """An operator (or a way of using it) that isn't lifted; the verdict is UNKNOWN and names it and the line."""


class Unusable(Exception):
    """The program itself is wrong at these shapes: sizes that don't fit, an index out of range."""


def lifts(*functions: Any) -> Callable[[H], H]:
    """Register a handler for Torch functions and methods (None entries, absent in this Torch, are left out)."""

    def register(handler: H) -> H:
        for function in functions:
            if function is not None:
                if function in HANDLERS:
                    raise ValueError(f"{function} has two handlers")
                HANDLERS[function] = handler
        return handler

    return register
