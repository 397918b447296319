"""A plan that can be written out and run: what `optimize` returns.

To add here: what a user may do with a plan's code.  Never here: how a backend prints it (`lowering/`), or the search.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commute.egraph.plan import Plan
from commute.theory import messages
from commute.theory.messages import UsageError

if TYPE_CHECKING:
    from commute.lowering.lifted import Lifted

BACKENDS = ("torch", "cpp")


@dataclass
class CompilablePlan(Plan):
    """A plan together with the program that it is for."""

    lifted: Lifted | None = field(default=None, repr=False, compare=False)

    def emit(self, backend: str = "torch") -> str:
        """The source of the plan for a backend: a file that stands alone.

        Raises UsageError for a backend that isn't there, and where the backend has no spelling of something.
        """
        from commute.lowering.cpp_module import cpp_module
        from commute.lowering.registry import Unsupported
        from commute.lowering.to_torch import torch_module

        if backend not in BACKENDS:
            raise UsageError(messages.unknown_choice("backend", backend, BACKENDS))
        if self.opaque:
            raise UsageError(messages.opaque_not_emitted(self.opaque[0].place, self.opaque[0].operator))
        assert self.lifted is not None
        try:
            return (cpp_module if backend == "cpp" else torch_module)(self, self.lifted)
        except Unsupported as error:
            raise UsageError(messages.one_line(error)) from None

    def report(self, path: str | Path) -> None:
        """Write the napkin page: one HTML file that needs nothing else, with diagrams, formulae and plots."""
        from commute.report import write_report

        write_report(self, path)

    def compile(self, backend: str | None = None) -> Callable[..., Any]:
        """The plan as a function of tensors; the backend `cpp` is compiled on its first call."""
        scope: dict[str, Any] = {}
        exec(compile(self.emit(backend or "torch"), f"<{self.name} by commute>", "exec"), scope)
        return scope[self.name]
