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
    from commute.lowering.checking import Agreement
    from commute.lowering.lifted import Lifted

BACKENDS = ("torch", "cpp")


@dataclass
class CompilablePlan(Plan):
    """A plan together with the program that it is for."""

    lifted: Lifted | None = field(default=None, repr=False, compare=False)
    fn: Callable[..., Any] | None = field(default=None, repr=False, compare=False)
    checks: dict[str, Agreement] = field(default_factory=dict, repr=False, compare=False)

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
            text = (cpp_module if backend == "cpp" else torch_module)(self, self.lifted)
            self._check(backend, text)
        except Unsupported as error:
            raise UsageError(messages.one_line(error)) from None
        return text

    def _check(self, backend: str, text: str) -> None:
        """The tile program against the terms, the Torch file against the function; `checks` keeps what was found."""
        from commute.lowering.checking import agrees, size_rows
        from commute.lowering.checking_printed import printed_agrees, small_source
        from commute.lowering.tile_program import tile_program
        from commute.lowering.to_torch_menu import plain_kernels

        assert self.lifted is not None and self.forms is not None
        lifted = self.lifted
        rows = [r for r in size_rows(sorted(self.sizes)) if lifted.paths[0].holds(r)]
        program = tile_program(self, self.forms, plain_kernels(self) if backend == "torch" else ())
        found = {f"tile program for {backend}": agrees(self, program, lifted.inputs, rows)}
        if backend == "torch":
            found["torch file"] = printed_agrees(self, lifted, text, rows)
            found["torch file, small tiles"] = printed_agrees(self, lifted, small_source(self, lifted, program), rows)
        self.checks |= found
        for each in found.values():
            if each.kind == "unequal":
                raise UsageError(messages.wrong_code(backend, each.why))

    def report(self, path: str | Path) -> None:
        """Write the napkin page: one HTML file that needs nothing else, with diagrams, formulae and plots."""
        from commute.report import write_report

        write_report(self, path)

    def compile(self, backend: str | None = None) -> Callable[..., Any]:
        """The plan as a function of tensors that stands in for the program; `cpp` is compiled on its first call.

        Outside the sizes and dtypes that were checked it runs the program as written, with a RuntimeWarning.
        """
        from commute.standing_in import StandIn

        scope: dict[str, Any] = {}
        exec(compile(self.emit(backend or "torch"), f"<{self.name} by commute>", "exec"), scope)
        return StandIn(self.fn, scope[self.name]) if self.fn is not None else scope[self.name]
