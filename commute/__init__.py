"""The face of commute: what `import commute` offers, each name loaded when it is first asked for.

What may be added here: a row in `_HOME` for a public name. What never belongs here: code that does the work; a verb
lives in a file of its own (`proving.py`, never `prove.py`, which would shadow `commute.prove`), the rest in a layer.

>>> import commute
>>> "prove" in dir(commute)
True
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commute.egraph.plan import Plan as Plan
    from commute.exploring import RewriteSpace as RewriteSpace
    from commute.exploring import explore as explore
    from commute.optimizing import optimize as optimize
    from commute.proving import prove as prove
    from commute.rechecking import recheck_file as recheck_file
    from commute.theory.diagram import Diagram as Diagram
    from commute.theory.law import law as law
    from commute.theory.messages import UsageError as UsageError
    from commute.verify.verdict import Counterexample as Counterexample
    from commute.verify.verdict import Verdict as Verdict

_HOME = {
    "Counterexample": "commute.verify.verdict",
    "Diagram": "commute.theory.diagram",
    "Plan": "commute.egraph.plan",
    "RewriteSpace": "commute.exploring",
    "UsageError": "commute.theory.messages",
    "Verdict": "commute.verify.verdict",
    "explore": "commute.exploring",
    "law": "commute.theory.law",
    "optimize": "commute.optimizing",
    "prove": "commute.proving",
    "recheck_file": "commute.rechecking",
}

__version__ = "0.1.0"
__all__ = [*_HOME]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    """The public name, imported from the module that holds it."""
    if name not in _HOME:
        raise AttributeError(f"module 'commute' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
