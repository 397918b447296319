"""Which files hold handlers: each `torch_<family>.py` beside this one, imported when the first program is traced.

To add a family of operators: put the file here; nothing else names it.  Never here: an operator.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path


@cache
def load_handlers() -> None:
    """Import every family, so that its handlers register themselves."""
    for path in sorted(Path(__file__).parent.glob("torch_*.py")):
        import_module(f"commute.lowering.{path.stem}")
