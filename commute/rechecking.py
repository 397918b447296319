"""The verb *recheck*: what the trusted checker says of a certificate, and whether it is still about two programs.

To add here: another question about a certificate in a file.  Never here: search, or what the checker decides.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from commute.proof import deep_recursion
from commute.theory import messages
from commute.theory.codec import decode
from commute.theory.messages import UsageError
from commute.theory.terms import Term
from commute.verify.certificate import Checked, Foreign, check_text


def recheck_file(path: str | FilePath) -> Checked:
    """What the trusted checker says of a certificate in a file; UsageError where the file is none."""
    try:
        text = FilePath(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(messages.unreadable(str(path), error)) from None
    try:
        with deep_recursion():
            return check_text(text)
    except Foreign as error:
        raise UsageError(messages.foreign_certificate(str(path), str(error))) from None


def relift_file(path: str | FilePath, programs: Sequence[Callable[..., Any]]) -> str:
    """Why a certificate is not about these two programs as they are now, or "" where lifting them gives its very terms.

    Raises UsageError where the file is no certificate or the programs can't be lifted.
    """
    from commute.lowering.finite_masks import Masks
    from commute.lowering.lift_torch import lift
    from commute.lowering.registry import Unsupported

    data = json.loads(FilePath(path).read_text(encoding="utf-8"))
    about = data["claim"]
    try:
        with deep_recursion():
            terms = decode(data["terms"])
            lifted = lift(programs, sizes=about.get("fixed"), assume=_assumed(about.get("assume", {})))
    except Unsupported as error:
        raise UsageError(messages.one_line(error)) from None
    claimed = [[(terms[a], terms[b]) for a, b in case["goals"]] for case in data["paths"]]
    paths = Masks().paths(lifted.paths) if about.get("masks") else lifted.paths
    if claimed == [path_goals(each) for each in paths]:
        return ""
    changed = [n for n, a, b in zip(("reference", "candidate"), about["source"], lifted.source, strict=True) if a != b]
    return f"lifting gives other terms than the certificate's ({' and '.join(changed) or 'no source text'} changed since)"


def path_goals(path: Any) -> list[tuple[Term, Term]]:
    """The pairs of terms that have to be equal on one path of a lifted pair of programs."""
    first, second = path.programs
    outputs = zip(first.outputs, second.outputs, strict=True)
    return [(a.term, b.term) for x, y in outputs for a, b in zip(x.blocks, y.blocks, strict=True)]


def _assumed(assume: Mapping[str, Any]) -> dict[str, Any]:
    """Assumptions as JSON gives them back: pairs are lists there."""
    return {name: tuple(said) if isinstance(said, list) else said for name, said in assume.items()}
