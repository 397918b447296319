"""Which equations a proof must keep so that the checker sees the candidate defined wherever the reference is.

The checker compares what the two programs owe by the equations of the certificate only; those that no goal needs would be
left out.  To add here: another way in which an obligation can be met.  Never here: whether it is met (`verify/definedness.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from commute.egraph.canon import Canon, OutOfBudget
from commute.egraph.cases import joined_by_cases
from commute.theory.ops import indicator, lnot
from commute.theory.polynomial import poly_of
from commute.theory.terms import ONE, ZERO, Term
from commute.verify.definedness import Obligation

_FEW = 60
"""Where the programs owe more than this, conditions are compared as they are written only."""

_TRIED = 4
"""Pairs of obligations that are tried by cases."""


def leaned_on(mine: Sequence[Obligation], theirs: Sequence[Obligation], canon: Canon) -> dict[tuple[Term, Term], None]:
    """Pairs whose equality shows that the candidate is defined: its obligations, met by the reference's or by a witness."""
    pairs: dict[tuple[Term, Term], None] = {}
    for owed in theirs:
        normal = canon.memo.get(owed.term, owed.term)
        if owed.predicate != "real":
            pairs |= {(owed.term, x): None for x in (normal, canon.known(owed.predicate, normal)) if x is not None}
        factors = {a for m in poly_of(normal) for a, _ in m} if normal.op == "mul" else set()
        for have in mine:
            mark = canon.memo.get(have.term, have.term)
            if have.predicate == owed.predicate and (mark is normal or mark in factors):
                pairs[have.term, mark] = None
                for g in have.guards:
                    pairs |= {(g[0], h[0]): None for h in owed.guards if canon.memo.get(g[0]) is canon.memo.get(h[0])}
    found = [*pairs, *_choices(mine, theirs, canon), *_by_cases(mine, theirs, canon)]
    return {pair: None for pair in found if pair[0] is not pair[1]}


def _by_cases(mine: Sequence[Obligation], theirs: Sequence[Obligation], canon: Canon) -> Iterator[tuple[Term, Term]]:
    """Pairs of what both owe that are equal in every case, where the goals were shown by cases too."""
    forms = {canon.memo.get(have.term, have.term) for have in mine}
    open_pairs = [
        (have.term, owed.term)
        for owed in theirs
        if canon.memo.get(owed.term, owed.term) not in forms
        for have in mine
        if have.predicate == owed.predicate and owed.predicate != "real"
    ]
    for a, b in open_pairs[:_TRIED] if canon.open_clips else ():
        try:
            if joined_by_cases(canon, _form(a, canon), _form(b, canon)):
                yield a, b
        except (OutOfBudget, RecursionError, ValueError, KeyError, AssertionError):  # search is not trusted
            return


def _choices(mine: Sequence[Obligation], theirs: Sequence[Obligation], canon: Canon) -> Iterator[tuple[Term, Term]]:
    """Pairs of what is chosen and of the conditions, where one side chooses inside what it owes and the other outside."""
    parts = [list(dict.fromkeys(t for owed in each for t in _inside(owed))) for each in (mine, theirs)]
    if not theirs or max(map(len, parts)) > _FEW:
        return
    by_form = {_form(t, canon): t for t in parts[0]} | {ZERO: ZERO, ONE: ONE}
    for t in parts[1]:
        form = _form(t, canon)
        if form in by_form:
            yield t, by_form[form]
    for t in parts[0]:
        if _form(t, canon) is ONE:
            yield t, ONE


def _inside(owed: Obligation) -> Iterator[Term]:
    """What an obligation speaks of: its term, what that chooses from, and its conditions as numbers."""
    stack, conditions = [owed.term], {c for c, _ in owed.guards}
    while stack:
        t = stack.pop()
        yield t
        if t.op == "where":
            conditions.add(t.args[0])
            stack += t.args[1:]
    for c in conditions:
        yield indicator(c)
        yield indicator(lnot(c))


def _form(t: Term, canon: Canon) -> Term:
    try:
        return canon.norm(t)
    except (OutOfBudget, RecursionError, ValueError, KeyError, AssertionError):  # search is not trusted
        return t
