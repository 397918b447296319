"""Which Torch function is lifted by what: one decorated handler a meaning, in the `torch_<family>.py` files.

A handler is called as `handler(trace, *args, **kwargs)` with Torch's own argument names and defaults, where every tensor is
an `Array`, every symbolic integer a `Size`, every symbolic real scalar a `Term` without axes, and everything else is as the
user wrote it.  It returns an `Array` or a tuple of them.  `trace.layouts` is where cuts and factors of sizes are noted.
To add an operator: one handler.  Never here: tracing itself (`tracing.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeVar

Handler = Callable[..., Any]
H = TypeVar("H", bound=Handler)

HANDLERS: dict[Any, Handler] = {}
"""Torch function -> handler."""


class _Located(Exception):
    """An error that says at which line of the user's file, and in which operator, it arose."""

    def __init__(self, text: str, place: str | None = None, operator: str | None = None):
        super().__init__(text)
        self.text, self.place, self.operator = text, place, operator

    def at(self, place: str | None, operator: str | None = None) -> Self:
        """The same error, its place and operator filled in where they were open."""
        self.place = self.place or place
        self.operator = self.operator or (None if operator and operator in self.text else operator)
        return self

    def __str__(self) -> str:
        text = f"{self.operator}: {self.text}" if self.operator else self.text
        return f"{self.place}: {text}" if self.place else text


class Unsupported(_Located):
    """An operator (or a way of using it) that isn't lifted; the verdict is UNKNOWN and names it and the line."""


class Unusable(_Located):
    """The program itself is wrong at these shapes: sizes that don't fit, an index out of range."""


def lifts(*functions: Any) -> Callable[[H], H]:
    """Register a handler for Torch functions and methods (None entries, absent in this Torch, are left out)."""

    def register(handler: H) -> H:
        for function in functions:
            if function is not None:
                if HANDLERS.get(function, handler) is not handler:
                    raise ValueError(f"{function} has two handlers")
                HANDLERS[function] = handler
        return handler

    return register
