"""From pairs of terms to a certificate: the provers, cheapest first, each within what is left of one budget.

First the normaliser, then quotients with their denominators cleared, then equality saturation.  Whatever they claim goes
through the trusted checker before anyone hears of it.  To add here: another prover in its turn.
Never here: lifting, numbers, words for the user.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from time import monotonic
from typing import Any

from commute.egraph.canon import Canon, OutOfBudget
from commute.egraph.cases import joined_by_cases
from commute.egraph.folding import Prefix
from commute.egraph.journal import Journal
from commute.egraph.rational import joined
from commute.leaning import leaned_on
from commute.theory.facts import Facts
from commute.theory.step import Step
from commute.theory.terms import Term, postorder
from commute.verify.certificate import (
    BOTH_DEFINED,
    EACH_DEFINED,
    EVERYWHERE,
    WHERE_DEFINED,
    Case,
    Checked,
    check,
    write,
)
from commute.verify.congruence import close, explain
from commute.verify.definedness import Obligation, obligations

Goal = tuple[Term, Term]

STRICT = (EVERYWHERE, WHERE_DEFINED)
"""Where two programs have to be equal so that one may stand for the other, the stronger claim first."""

WHERE_BOTH = (EACH_DEFINED, BOTH_DEFINED)
"""Where they have to be equal for one who doesn't ask whether the candidate is defined."""

_OWING = {EACH_DEFINED: 2, BOTH_DEFINED: 2}
"""How many of the two programs are taken to be defined where equality is claimed, the reference first; 1 elsewhere."""

_GRANTED = (WHERE_DEFINED, BOTH_DEFINED)
"""Where what the programs owe may serve as a condition, because all of their outputs are defined."""

SHORT = 9
"""Axes of at most this fixed size may be written out."""

_SHRINK = 600
"""Proofs of at most so many steps are searched for steps that nothing needs."""

_BRANCHING = {"max", "min", "lt", "le", "eq", "relu", "abs", "where"}


@dataclass
class Proof:
    """What the provers found: a certificate that the checker accepted, or the reasons why there is none.

    `hopeful` says that a sign was asked for which the reference's own definedness would give; `begun` keeps normal forms for
    the e-graph to go on from; `ways` says how each case was proved; `joined`: the steps join the ends, and the checker
    would not have them, as where the candidate may be undefined.
    """

    certificate: dict[str, Any] | None = None
    checked: Checked | None = None
    steps: list[Step] = field(default_factory=list)
    where: str = EVERYWHERE
    reasons: list[str] = field(default_factory=list)
    spare: list[Step] = field(default_factory=list)
    canonical: list[Goal] = field(default_factory=list)
    hopeful: bool = False
    begun: dict[tuple[int, str], Canon] = field(default_factory=dict)
    ways: list[_Way] = field(default_factory=list)
    joined: bool = False
    families: Mapping[tuple, Mapping[str, Prefix]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.certificate is not None


@contextmanager
def deep_recursion(limit: int = 20_000):
    """Terms may be nested deeper than Python's own limit allows for."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, before))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def prove_cases(
    cases: Sequence[tuple[str, Sequence[Goal]]],
    given: Mapping[str, int],
    claim: Mapping[str, Any],
    *,
    seconds: float,
    saturate: bool,
    earlier: Proof | None = None,
    ways: Sequence[_Way] | None = None,
    wheres: Sequence[str] = STRICT,
    families: Mapping[tuple, Mapping[str, Prefix]] | None = None,
) -> Proof:
    """Prove every goal of every case (a condition on sizes in words, and its goals), or say why not.

    `given` maps inputs to the signs that they may have, `claim` is carried in the certificate, `saturate` lets the e-graph
    take the time that the normaliser leaves, `earlier` is what was tried without it; with `ways`, only those are gone;
    `wheres` are the places at which equality is worth having, the first that can be shown is claimed; `families` are guesses
    of what the states of folds are.
    """
    deadline = monotonic() + seconds
    result = Proof(begun=dict(earlier.begun), hopeful=earlier.hopeful) if earlier else Proof()
    result.families = families or {}
    with deep_recursion():
        for where in wheres:
            found: list[Case] = []
            result.ways = []
            if where in _GRANTED and not result.hopeful:
                continue
            for number, (condition, goals) in enumerate(cases):
                steps = None
                for way in ways or _ways(goals, saturate):
                    steps = _prove_goals(list(goals), Facts(given), deadline, (number, where), way, result)
                    if steps is not None:
                        result.ways.append(way)
                        break
                if steps is None:
                    break
                found.append(Case(condition, list(goals), steps))
            if len(found) < len(cases):
                continue
            certificate = write(claim, given, where, found)
            checked = check(certificate)
            if checked.ok:
                found, certificate, checked = _without(result.spare, found, (certificate, checked), deadline)
                result.certificate, result.checked, result.where = certificate, checked, where
                result.steps = [s for case in found for s in case.steps]
                return result
            result.reasons.append(checked.reason)
            result.hopeful = result.joined = True
    return result


def _without(
    spare: Sequence[Step], cases: list[Case], best: tuple[dict[str, Any], Checked], deadline: float
) -> tuple[list[Case], dict[str, Any], Checked]:
    """The cases without those of the spare steps that the checker doesn't need: all at once, else one after the other."""
    for dropped in ([list(spare)] if len(spare) > 1 else []) + [[s] for s in spare]:
        fewer = [Case(c.condition, c.goals, [s for s in c.steps if not any(s is d for d in dropped)]) for c in cases]
        if monotonic() > deadline or sum(len(c.steps) for c in fewer) == sum(len(c.steps) for c in cases):
            continue
        certificate = write(best[0]["claim"], best[0]["given"], best[0]["where"], fewer)
        checked = check(certificate)
        if checked.ok:
            cases, best = fewer, (certificate, checked)
    return cases, *best


@dataclass(frozen=True)
class _Way:
    """How the normaliser goes about it: axes of at most `unroll` are written out, clips opened and cases tried, e-graph run."""

    unroll: int = 1
    by_cases: bool = False
    saturate: bool = False


def _ways(goals: Sequence[Goal], saturate: bool) -> list[_Way]:
    """Ways to try, cheapest first."""
    if saturate:
        return [_Way(saturate=True)]
    nodes = postorder(*(t for g in goals for t in g))
    ways = [_Way()]
    if any(t.op == "reduce" and 1 < (t.attrs[1].size.constant or 0) <= SHORT for t in nodes):
        ways.append(_Way(unroll=SHORT))
    if any(t.op in _BRANCHING for t in nodes):
        ways.append(_Way(unroll=SHORT, by_cases=True))
    return ways


def _prove_goals(
    goals: list[Goal], facts: Facts, deadline: float, place: tuple[int, str], way: _Way, result: Proof
) -> list[Step] | None:
    """The few steps that join all goals of a case (its number, and where equality is claimed), or None with a reason."""
    where = place[1]
    place = (place[0], EVERYWHERE) if place[1] == EACH_DEFINED and (place[0], EVERYWHERE) in result.begun else place
    canon = result.begun.get(place) if way.saturate or (way == _Way() and where == EACH_DEFINED) else None
    if canon is None:
        canon = Canon(facts, Journal(), unroll=way.unroll, open_clips=way.by_cases)
    canon.families = result.families
    canon.allow(max(0.05, deadline - monotonic()))
    canon.spans = frozenset(t.attrs[1].size for t in postorder(*(t for g in goals for t in g)) if t.op == "reduce")
    if way == _Way():
        result.begun[place] = canon
    ends = [t for goal in goals for t in goal[: _OWING.get(where, 1)]]
    owed = [o for t in ends for o in _owed(t, facts) if not o.guards and not o.term.states and o.predicate != "real"]
    open_goals: list[Goal] = []
    try:
        if where in _GRANTED:
            _grant(canon, owed)
        for a, b in goals:
            left, right = canon.norm(a), canon.norm(b)
            met = joined_by_cases(canon, left, right) if way.by_cases else joined(canon, left, right)
            if not met:
                open_goals.append((a, b))
                result.canonical.append((left, right))
                if not way.saturate:
                    break
    except (OutOfBudget, RecursionError) as error:
        result.reasons.append(f"the normal form cost too much: {error}")
        return None
    except (ValueError, KeyError, AssertionError) as error:  # search is not trusted: its mistakes cost an answer, no more
        result.reasons.append(f"internal: the normaliser failed: {type(error).__name__} {error}")
        return None
    result.hopeful |= any(canon.memo.get(o.term) in canon.missed for o in owed)
    if open_goals and way.saturate and not _saturated(canon, open_goals, facts, deadline, result):
        return None
    if open_goals and not way.saturate:
        result.reasons.append("the two normal forms differ")
        return None
    return _needed(goals, canon, facts, result)


def _owed(term: Term, facts: Facts) -> tuple[Obligation, ...]:
    """The obligations of a term; every way to prove asks for the same."""
    return _remembered(term, tuple(facts.given.items()))


@lru_cache(maxsize=64)
def _remembered(term: Term, given: tuple[tuple[str, int], ...]) -> tuple[Obligation, ...]:
    return tuple(obligations(term, Facts(dict(given))))


def _grant(canon: Canon, owed: Sequence[Any]) -> None:
    """Take what the reference owes as known: at every output it is defined."""
    for each in owed:
        normal = canon.norm(each.term)
        canon.grant(each.predicate, normal, each.term)


def _saturated(canon: Canon, goals: list[Goal], facts: Facts, deadline: float, result: Proof) -> bool:
    """Let the e-graph join what the normaliser left open, on the normal forms."""
    from commute.egraph.saturate import saturate

    left = deadline - monotonic()
    if left < 0.2:
        result.reasons.append("no time was left for the e-graph")
        return False
    ends = [(canon.memo[a], canon.memo[b]) for a, b in goals]
    outcome = saturate(ends, facts=facts, seconds=min(left, 3.0))
    for step in outcome.steps:
        canon.journal.note(step)
    if not all(outcome.reached):
        result.reasons.append(f"the e-graph stopped without joining the ends: {outcome.stopped}")
        return False
    return True


def _needed(goals: list[Goal], canon: Canon, facts: Facts, result: Proof) -> list[Step] | None:
    """The steps that the goals need, in the order in which they were found; those that definedness leans on too."""
    pairs = _leaned_on(goals, canon, facts)
    closure = close(canon.journal.steps)
    if not all(closure.equal(a, b) for a, b in goals):
        result.reasons.append("the steps found don't join the ends")
        return None
    leaned = [(a, b) for a, b in pairs if closure.equal(a, b)]
    core: set[int] = set()
    for a, b in goals:
        own = closure.needed(a, b)
        fewest = explain([closure.steps[i] for i in own], a, b) if len(own) <= _SHRINK and len(goals) <= 4 else None
        kept = {id(s) for s in fewest} if fewest is not None else set()
        core |= {i for i in own if fewest is None or id(closure.steps[i]) in kept}
    extra = {i for a, b in leaned for i in closure.needed(a, b)} - core
    result.spare += [closure.steps[i] for i in sorted(extra)]
    return [closure.steps[i] for i in sorted(core | extra)]


def _leaned_on(goals: list[Goal], canon: Canon, facts: Facts) -> list[Goal]:
    """Pairs whose equality shows that the candidate is defined."""
    return list(dict.fromkeys(pair for a, b in goals for pair in leaned_on(_owed(a, facts), _owed(b, facts), canon)))
