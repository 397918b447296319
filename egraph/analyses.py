"""What a class knows of itself: its leanest term and its most telling term, each the witness of what can be read off it.

A class is real, independent of an axis or positive when one of its terms says so; that term is the witness.  Both choices are
least keys, merged by min in egglog, so they only improve.  To add here: a reading of terms by which a class chooses.
Never here: a fact without a term from which `facts.py` derives it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from commute.theory.facts import ALL, MASKS, NEG, NIL, POS, Facts
from commute.theory.terms import BOOL, MINUS_ONE, ONE, ZERO, Term

_TAG_BITS, _WEIGHT_BITS = 32, 20
_TAG = (1 << _TAG_BITS) - 1
_HEAVIEST = (1 << _WEIGHT_BITS) - 1
_RANK = _TAG_BITS + _WEIGHT_BITS

_KNOT = 24

_SIGN_RANKS = {POS: 0, NIL: 1, NIL | POS: 2, NEG: 3, NEG | POS: 4, NIL | NEG: 5, ALL: 6}
_WORST_RANK = {"positive": 0, "nonnegative": 2, "nonzero": 4}


class Remembered(Facts):
    """Facts that answer at once what they were asked before: search asks the same of the same terms again and again.

    `granted` holds what the reference owes wherever it is defined, pairs (predicate, term): true of just these terms.
    """

    def __init__(self, given: Mapping[str, int], granted: Iterable[tuple[str, Term]] = ()):
        super().__init__(given)
        self.granted = {term: MASKS[predicate] for predicate, term in granted}

    def signs(self, term: Term) -> int:
        """As in `Facts`."""
        for t in _unknown(term, self._signs):
            self._signs[t] = self._sign(t)
        return self._signs[term]

    def _level(self, term: Term) -> int:
        for t in _unknown(term, self._real):
            self._real[t] = self._real_node(t)
        return self._real[term]

    def shown(self, term: Term) -> int:
        """The signs that the term can be a witness for: what can be read off it, or what is granted of it."""
        return self.signs(term) & self.granted.get(term, ALL)

    def holds(self, predicate: str, term: Term) -> bool:
        """As in `Facts`, or granted."""
        return super().holds(predicate, term) or self.granted.get(term, ALL) & ~MASKS.get(predicate, 0) == 0


def _unknown(term: Term, known: Mapping[Term, int]) -> Iterator[Term]:
    """The subterms that aren't known yet, arguments first; each must become known before the next is asked for."""
    stack = [term]
    while stack:
        top = stack[-1]
        missing = [] if top in known else [a for a in top.args if a not in known]
        if missing:
            stack.extend(missing)
        else:
            stack.pop()
            if top not in known:
                yield top


class Keys:
    """The keys of terms under assumptions about the inputs; the tag sits in the low bits of each."""

    def __init__(self, facts: Remembered):
        self.facts = facts
        self._weights: dict[Term, int] = {}

    def weight(self, term: Term) -> int:
        """How much a term holds: its nodes and the axes that each depends on; what could be split weighs more.

        So a class shows its split form (exp x · exp y, not exp(x + y)), in which sums and products see their atoms.
        """
        found = self._weights.get(term)
        if found is None:
            for t in _unknown(term, self._weights):
                own = 1 + len(t.free) + (_KNOT if _knotted(t) else 0)
                self._weights[t] = min(_HEAVIEST, own + sum(self._weights[a] for a in t.args))
            found = self._weights[term]
        return found

    def __call__(self, term: Term, tag: int) -> tuple[int, int]:
        """The two keys: (finiteness, number of free axes, weight, tag) and (signs, weight, tag)."""
        if term.sort == BOOL:
            level, rank = 0, 6
        else:
            level = 0 if self.facts.real(term) else 1 if self.facts.extended(term) else 2
            rank = _SIGN_RANKS[self.facts.shown(term) or ALL]
        low = self.weight(term) << _TAG_BITS | tag
        return level << (_RANK + 8) | min(len(term.free), 255) << _RANK | low, rank << _RANK | low


def tag_of(key: int) -> int:
    """The tag that a key carries."""
    return key & _TAG


def sign_limit(predicate: str) -> int:
    """A bound that the sign key of every term with the predicate stays under."""
    return (_WORST_RANK[predicate] + 1) << _RANK


def _knotted(term: Term) -> bool:
    """Whether a law could take the node apart: an exp of a sum, the reciprocal of a product, a sum of sums, a mask."""
    if not term.args:
        return False
    inner = term.args[0]
    if term.op == "exp":
        factors = _factors(inner)
        return any(f.op == "add" for f in factors) or MINUS_ONE in factors
    if term.op == "where":
        return term.args[2] is ZERO and term.args[1] is not ONE
    if term.op == "recip":
        return inner.op in ("mul", "recip")
    if term.op != "reduce":
        return False
    kind, axis = term.attrs
    if kind == "sum":
        return inner.op == "add" or axis not in inner.free or any(axis not in f.free for f in _factors(inner))
    return inner.op == kind or (inner.op in ("add", "mul") and any(axis not in a.free for a in inner.args))


def _factors(term: Term) -> list[Term]:
    stack, found = [term], []
    while stack:
        top = stack.pop()
        if top.op == "mul":
            stack.extend(top.args)
        else:
            found.append(top)
    return found
