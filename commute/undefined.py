"""Where a program has no value, in the words of the user's axes: "row n is fully masked", "x[n] = 0".

What a term owes (`verify/definedness.py`) is put into words; nothing here decides a verdict but `only_masked_rows`, which says
whether an assumption about masks speaks of all that is left.  To add here: a clearer word for a kind of division.
Never here: when a term is defined.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from commute.proof import Goal, Proof, deep_recursion
from commute.theory.axes import Axis
from commute.theory.facts import NEG, Facts
from commute.theory.law import find_law
from commute.theory.step import Step
from commute.theory.terms import EXT, Term, binds, postorder
from commute.verify.certificate import EACH_DEFINED, EVERYWHERE, WHERE_DEFINED, Closure
from commute.verify.definedness import Obligation, obligations, uncovered
from commute.verify.draws import draw_inputs
from commute.verify.evaluate import BudgetExceeded, Unsupported, evaluate
from commute.verify.inputs import Assume, size_rows

LONG = 60
"""Terms that take more letters than this are not written out."""

MOST = 3
"""Places that are named."""

_SIGNS = {"nonzero": "= 0", "positive": "<= 0", "nonnegative": "< 0", "real": "is minus infinity"}
_LONG_WORDS = {
    "nonzero": "what it divides by is 0",
    "positive": "what it takes the logarithm of is not positive",
    "nonnegative": "what it takes the root of is negative",
    "real": "what it computes with is minus infinity",
}
_DRAWS = ("masked", "ties", "zero", "negative", "zeros", "normal")


def unmet(goals: Sequence[Goal], proof: Proof, facts: Facts, swap: bool = False) -> list[Obligation]:
    """What the candidate owes and the reference doesn't, by the equations of a proof; with `swap`, the other way round."""
    closure = Closure()
    found: dict[Obligation, None] = {}
    with deep_recursion():
        for step in proof.steps:
            if _holds_everywhere(step, closure, facts):
                closure.join(step.lhs, step.rhs)
        for goal in goals:
            mine, theirs = (obligations(t, facts) for t in (goal[::-1] if swap else goal))
            found |= dict.fromkeys(uncovered(mine, theirs, closure.equal, closure.members, facts, True))
    return list(found)


def _holds_everywhere(step: Step, closure: Closure, facts: Facts) -> bool:
    """Whether a step needs no condition that only the definedness of a program gives."""
    filled = dict(step.holes)
    conditions = zip(find_law(step.name).where if step.is_law else (), step.witnesses, strict=True)
    return all(facts.holds(p, w) and closure.equal(filled[h], w) for (p, h), w in conditions)


def owed(goals: Sequence[Goal], facts: Facts) -> list[Obligation]:
    """What the references of some goals owe in order to be defined."""
    return list(dict.fromkeys(o for a, _ in goals for o in obligations(a, facts)))


def without_key(goals: Sequence[Goal], facts: Facts) -> str:
    """What to say of maxima over masked scores that nothing shows to be numbers; "" where there are none."""
    found = [o for goal in goals for t in goal for o in obligations(t, facts) if o.predicate == "real"]
    rows = sorted({_row(o.term) for o in found if _of_masked_row(o, facts)})
    return f"no key is known that no mask hides in {' or '.join(rows)}, whose maximum is subtracted" if rows else ""


def only_masked_rows(found: Iterable[Obligation], facts: Facts) -> bool:
    """Whether all that is owed is that no row is fully masked."""
    return all(_of_masked_row(each, facts) for each in found)


def undefined_in_words(goals: Sequence[Goal], proof: Proof, facts: Facts) -> tuple[str, ...]:
    """Where the programs of a proof have no value, as far as one of them has or the proof leans on it."""
    if proof.where == WHERE_DEFINED:
        return (f"the reference where {places([o for o in owed(goals, facts) if not o.guards], facts)}",)
    theirs, ours = (unmet(goals, proof, facts, swap) for swap in (False, True))
    if proof.where == EVERYWHERE:
        ours = [o for o in ours if only_masked_rows([o], facts)]
    sides = (("the candidate", theirs), ("the reference", ours))
    return tuple(f"{name} where {places(found, facts)}" for name, found in sides if found)


def except_where(goals: Sequence[Goal], proof: Proof, facts: Facts, path: Any, number: int, assume: Assume) -> str:
    """What a proof says that holds where both programs are defined, of the outputs at which only the candidate isn't.

    With a path, an input is known at which it isn't, and the reference's value there is named.
    """
    found = unmet(goals, proof, facts)
    where = places(found, facts)
    if not where:
        return ""
    each = proof.where == EACH_DEFINED or _pointwise(goals, proof, facts)
    what = f"{value_there(path, number, assume)} vs undefined" if path else "the candidate may be undefined there"
    head = f"equal except where {where}: {what}" if each else f"equal {proof.where}, the candidate isn't where {where}: {what}"
    return f"{head} (--ignore-undefined accepts that)"


def _pointwise(goals: Sequence[Goal], proof: Proof, facts: Facts) -> bool:
    """Whether what the programs owe at one output says nothing of another, and no sum in the proof runs over outputs."""
    granted = [o for goal in goals for t in goal for o in obligations(t, facts) if not o.guards]
    about = frozenset().union(*(o.term.free for o in granted))
    everything = postorder(*(t for goal in goals for t in goal), *(t for s in proof.steps for t in s.terms))
    bound = {a for t in everything for a in t.attrs if isinstance(a, Axis) and t.op != "axis"}
    return not any(o.bound for o in granted) and not about & bound


def places(found: Sequence[Obligation], facts: Facts) -> str:
    """Where what is owed isn't met, in words; "" where nothing is owed."""
    words = list(dict.fromkeys(_place(each, facts) for each in found))
    more = f" or in {len(words) - MOST} more cases" if len(words) > MOST else ""
    return " or ".join(words[:MOST]) + more


def _place(owing: Obligation, facts: Facts) -> str:
    if _of_masked_row(owing, facts):
        return f"{_row(owing.term)} is fully masked"
    text = str(owing.term)
    said = f"{text} {_SIGNS[owing.predicate]}" if len(text) <= LONG else _LONG_WORDS[owing.predicate]
    guards = [f"{'' if holds else 'not '}{g}" for g, holds in owing.guards]
    some = f" for some {', '.join(sorted(map(str, owing.bound)))}" if owing.bound and len(text) <= LONG else ""
    return said + some + "".join(f" and {g}" for g in sorted(guards) if len(g) <= LONG)


def _masks(term: Term) -> list[Term]:
    """The selections of a term that give minus infinity on one side."""
    return [t for t in postorder(term) if t.op == "where" and t.sort == EXT]


def _of_masked_row(owing: Obligation, facts: Facts) -> bool:
    """Whether an obligation says that some key of a row isn't masked: of a sum of exponentials, or of a maximum."""
    if not _masks(owing.term) or not any(t.op == "reduce" for t in postorder(owing.term)):
        return False
    return owing.predicate == "real" or owing.predicate in ("nonzero", "positive") and not facts.signs(owing.term) & NEG


def _row(term: Term) -> str:
    """The rows of the masks in a term, by the axes that it doesn't run over."""
    bound = {a for t in postorder(term) if (a := binds(t)) is not None} | {
        a for t in postorder(term) for a in t.attrs if isinstance(a, Axis) and t.op not in ("axis", "reduce")
    }
    axes: set[Axis] = set().union(*(t.args[0].free for t in _masks(term))) - bound
    names = [str(a) for a in sorted(axes, key=lambda a: a.key)]
    return "every row" if not names else f"row {names[0]}" if len(names) == 1 else f"row ({', '.join(names)})"


def value_there(path: Any, number: int, assume: Assume) -> str:
    """What the reference gives wherever only the candidate has no value: one number in all draws, or "a number"."""
    pair = [program.outputs[number].whole for program in path.programs]
    rows = size_rows(path.symbols, path.inputs, constraints=path.holds, count=3)
    seen: set[float] = set()
    rng = np.random.default_rng(0)
    for sizes in rows:
        for kind in _DRAWS:
            inputs = draw_inputs(path.inputs, sizes, kind, rng, assume)
            try:
                want, got = evaluate([w.term for w in pair], sizes, inputs, [w.axes for w in pair], strict=True)
            except (BudgetExceeded, Unsupported):
                return "a number"
            seen |= set(np.unique(want[np.isfinite(want) & ~np.isfinite(got)]).tolist())
    return f"{seen.pop():g}" if len(seen) == 1 else "a number"


