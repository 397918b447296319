"""The running trace, and what every symbolic value shares.

To add here: what both numbers and tensors need of the trace.  Never here: either of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commute.lowering.paths import divide
from commute.lowering.registry import Unsupported
from commute.theory.axes import Size

if TYPE_CHECKING:
    from commute.lowering.tracing import Trace

ACTIVE: list[Trace] = []
"""The traces that are running, innermost last."""


def active() -> Trace:
    """The trace that is running."""
    if not ACTIVE:
        raise Unsupported("a symbolic value outlived its trace")
    return ACTIVE[-1]


class Symbolic:
    """What Torch asks first: every Torch function with a symbolic argument goes to the running trace."""

    __slots__ = ()

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        return active().dispatch(func, args, kwargs or {})


def whole(value: Any) -> Size | None:
    """The size that an integer is, plain or symbolic; None for anything else."""
    size = getattr(value, "size", None)
    if isinstance(value, Symbolic) and isinstance(size, Size):
        return size
    return Size(int(value)) if isinstance(value, int) else None


def names(size: Size) -> str:
    """The axes that a size is made of."""
    return ", ".join(sorted(size.symbols))


def divided(size: Size, by: Size, sign: str) -> tuple[Size, Size]:
    """The exact integer quotient and remainder; Unsupported, with the remedy, where they aren't sizes."""
    found = divide(size, by)
    if found is None:
        axis = names(size) or names(by)
        hint = f"annotate it as a multiple, such as {by}*k" if by.constant and size.symbols else "say so in the annotation"
        raise Unsupported(f"{size} {sign} {by}: axis {axis} would have to be divisible by {by}: {hint}")
    return found
