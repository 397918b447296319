"""The search for an input that tells two lifted programs apart, path by path.

To add here: what is asked of a path.  Never here: how inputs are drawn or made small (`verify/refute.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from commute.lowering.paths import is_made
from commute.verify.inputs import Assume
from commute.verify.refute import refute
from commute.verify.verdict import Counterexample


def search(
    paths: Sequence[Any], callables: Sequence[Callable[..., Any]], assume: Assume, seconds: float, *,
    hint: tuple[Any, Any, Any] | None = None, undefined: bool = True,
) -> tuple[Counterexample, Any] | None:  # fmt: skip
    """A counterexample and its path; `hint` is a path, sizes and inputs at which exact values differed.

    With `undefined`, an input at which only the candidate has no value is one too.
    """
    for path in paths if hint is None else (hint[0],):
        (first, second), (reference, candidate) = path.programs, callables
        terms = [(a.whole.term, b.whole.term) for a, b in zip(first.outputs, second.outputs, strict=True)]
        found = refute(
            reference, candidate, path.inputs, path.symbols, assume=assume, terms=terms,
            budget_seconds=seconds / len(paths), constraints=path.holds, hints=[hint[1:]] if hint else (), undefined=undefined,
        )  # fmt: skip
        if found is not None:
            return with_fixed(found, path), path
    return None


def with_fixed(found: Counterexample, path: Any) -> Counterexample:
    """The counterexample with the sizes that the path itself fixes, and without those that it put in for them."""
    fixed = {name: size.at(found.sizes) for name, size in path.fixed.items()}
    return replace(found, sizes={name: size for name, size in {**found.sizes, **fixed}.items() if not is_made(name)})
