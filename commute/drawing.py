"""The verb `draw`: a Python function as a neural circuit diagram.

What may be added here: what else can be drawn on request. What never belongs here: lifting, or how anything looks.
"""

from collections.abc import Callable, Mapping
from typing import Any

from commute.theory.draw import draw
from commute.theory.messages import UsageError, one_line


def draw_function(function: Callable[..., Any], sizes: Mapping[str, int] | None = None, title: str | None = None) -> str:
    """The SVG text of a function's diagram; its axes come from the annotations, `sizes` fixes some of them.

    Raises UsageError, one line, where the annotations are wrong or an operator can't be lifted, with its place.

    >>> import torch
    >>> from jaxtyping import Float
    >>> from torch import Tensor
    >>> def weights(scores: Float[Tensor, "n m"]) -> Float[Tensor, "n m"]:
    ...     return torch.softmax(scores, dim=-1)
    >>> "<title>softmax[m](scores[n, m])" in draw_function(weights)
    True
    """
    from commute.lowering.lift_torch import lift_one
    from commute.lowering.registry import Unsupported, Unusable

    try:
        terms = lift_one(function, sizes).terms
    except (Unsupported, Unusable) as error:
        raise UsageError(one_line(error)) from error
    name = title if title is not None else getattr(function, "__name__", type(function).__name__)
    return draw(terms, title=name)
