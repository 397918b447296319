"""The proofs that blocks of a masked reduction may be skipped: the test says that the mask is false, and a false mask the unit.

To add here: another claim that skipping rests on.  Never here: how a mask is read (`egraph/masks.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from commute.egraph.evidence import Evidence
from commute.egraph.masks import cases_of, common_empty
from commute.streaming import PassProofs, found, prove_goals
from commute.theory.board import board
from commute.theory.folds import UNITS
from commute.theory.ops import where
from commute.theory.terms import Term
from commute.verify.blocks_empty import counterexample


def skip_proofs(passes: Sequence[PassProofs]) -> list[Evidence]:
    """What skipping rests on, for every mask that all reductions of a pass have in common."""
    return [e for each in passes for e in _of_pass(each)]


def _of_pass(each: PassProofs) -> list[Evidence]:
    running = each.running
    reductions = list(running.of)
    evidence: list[Evidence] = []
    for mask in common_empty(running.forms, running.node, reductions):
        cases = cases_of(mask)
        if not cases:
            continue
        about = ", ".join(board(running.forms.term[c]) for c in reductions)
        says = f"skipped where {board(mask)} on the whole block"
        why = counterexample(mask, cases)
        if why:
            evidence.append(Evidence("blocks", running.axis.name, about, says, "UNKNOWN", why))
            continue
        goals = [(body, masked) for c in reductions for body, masked in [_masked(each, c, mask)]]
        evidence.append(found("blocks", running.axis, about, says, prove_goals("blocks", goals)))
    return evidence


def _masked(each: PassProofs, reduction: int, mask: Term) -> tuple[Term, Term]:
    """The body of a reduction, and the same with its unit where the mask is false."""
    body = each.body(each.running.of[reduction])
    return body, where(mask, UNITS[each.running.states[each.running.of[reduction]].kind], body)
