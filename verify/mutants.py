"""Mutants of terms: each is a program with one small mistake, such as a hand makes and a proof must refuse.

Every mistake replaces one node, wherever it is shared; the rest of the term stays, and minus infinity stays where it may be.
A mutant may still mean the same: values say whether it doesn't.  To add here: a kind of mistake, one row in `_MISTAKES`.
Never here: evaluation, or what becomes of a mutant (`commute/vacuity.py`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from commute.theory.ops import add, neg
from commute.theory.terms import BOOL, EXT, INT, ONE, REAL, Term, const, postorder, rebuild, well_sorted

Change = tuple[str, Term, Term]
"""What happened to a term in words, the term, and what stands in the node's place."""


@dataclass(frozen=True)
class Mutant:
    """Terms with one mistake, and the mistake in words."""

    kind: str
    what: str
    terms: tuple[Term, ...]


def _said(t: Term) -> str:
    """A term in words that stay short."""
    return str(t) if t.size <= 30 else f"{t.op} of {t.size} nodes"


def _constant(t: Term) -> Iterator[Change]:
    if t.op == "const":
        yield f"{{}} became {t.attrs[0] + 1}", t, const(t.attrs[0] + 1)


def _summand(t: Term) -> Iterator[Change]:
    if t.op == "add":
        for gone, kept in (t.args, t.args[::-1]):
            yield "the summand {} was dropped", gone, kept


def _factor(t: Term) -> Iterator[Change]:
    if t.op == "mul":
        for gone, kept in (t.args, t.args[::-1]):
            yield "the factor {} was dropped", gone, kept


_OTHER = {"max": "min", "min": "max", "lt": "le", "le": "lt", "eq": "le"}


def _extreme(t: Term) -> Iterator[Change]:
    if t.op in ("max", "min"):
        yield f"{{}} took {_OTHER[t.op]}", t, Term(_OTHER[t.op], t.args)
    if t.op == "relu":
        yield "{} took the minimum", t, Term("min", (t.args[0], const(0)))


def _strictness(t: Term) -> Iterator[Change]:
    if t.op in ("lt", "le", "eq"):
        yield f"{{}} became {_OTHER[t.op]}", t, Term(_OTHER[t.op], t.args)


def _axes(t: Term) -> Iterator[Change]:
    shape = t.attrs[2] if t.op == "input" else ()
    for i in range(len(shape)):
        for j in range(i + 1, len(shape)):
            if shape[i] == shape[j] and t.args[i] is not t.args[j]:
                args = list(t.args)
                args[i], args[j] = args[j], args[i]
                yield "{} was read with two axes swapped", t, rebuild(t, tuple(args))


_KINDS = {"sum": "max", "max": "min", "min": "max", "prod": "sum"}


def _reduction(t: Term) -> Iterator[Change]:
    if t.op == "reduce":
        kind, axis = t.attrs
        yield f"the {kind} over {axis} became a {_KINDS[kind]}", t, Term("reduce", t.args, (_KINDS[kind], axis))


def _branches(t: Term) -> Iterator[Change]:
    if t.op == "where":
        yield "the branches of {} were swapped", t, Term("where", (t.args[0], t.args[2], t.args[1]))


def _sign(t: Term) -> Iterator[Change]:
    if t.sort == REAL:
        yield "{} was negated", t, neg(t)
    elif t.sort == BOOL:
        yield "{} was negated", t, Term("not", (t,))
    elif t.sort == INT and t.op != "const":
        yield "{} was 1 more", t, add(t, ONE)


_MISTAKES: dict[str, Callable[[Term], Iterator[Change]]] = {
    "constant": _constant,
    "summand": _summand,
    "factor": _factor,
    "extreme": _extreme,
    "strictness": _strictness,
    "axes": _axes,
    "reduction": _reduction,
    "branches": _branches,
    "sign": _sign,
}

KINDS = tuple(_MISTAKES)
"""The kinds of mistakes."""

_FITS = {REAL: (REAL, INT), INT: (INT,), BOOL: (BOOL,), EXT: (EXT, REAL, INT)}


def mutants(terms: Sequence[Term], seed: int = 0) -> Iterator[Mutant]:
    """Mutants of all the terms together, the kinds in turn, in an order that the seed decides; never the terms themselves."""
    rng = random.Random(seed)
    nodes = postorder(*terms)
    sites = {kind: [n for n in nodes if next(make(n), None)] for kind, make in _MISTAKES.items()}
    queues = [(kind, rng.sample(found, len(found))) for kind, found in sites.items() if found]
    rng.shuffle(queues)
    sound = all(well_sorted(t) is None for t in terms)
    while queues:
        for kind, queue in queues:
            made = _made(terms, kind, queue.pop(), rng, sound)
            if made is not None:
                yield made
        queues = [(kind, queue) for kind, queue in queues if queue]


def _made(terms: Sequence[Term], kind: str, node: Term, rng: random.Random, sound: bool) -> Mutant | None:
    """The terms with a mistake at a node; None where it makes no well-sorted term, or the same one."""
    what, subject, new = rng.choice(list(_MISTAKES[kind](node)))
    if new.sort not in _FITS[node.sort]:
        return None
    changed = tuple(replaced(terms, node, new))
    if changed == tuple(terms) or (sound and any(well_sorted(t) is not None for t in changed)):
        return None
    return Mutant(kind, what.format(_said(subject)), changed)


def replaced(terms: Sequence[Term], node: Term, new: Term) -> list[Term]:
    """The terms with one node replaced wherever it occurs."""
    memo: dict[Term, Term] = {}
    for t in postorder(*terms):
        memo[t] = new if t is node else rebuild(t, tuple(memo[a] for a in t.args))
    return [memo[t] for t in terms]
