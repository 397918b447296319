"""Integers in normal form: reads at computed places, quotients and rests.

What axes and sizes alone decide is `theory/index.py`'s; here are the laws of // and % for any divisor, and places that real
numbers decide (a read at where(0 < x, 1, 0)).  To add here: laws of integers.  Never here: comparisons (`selecting.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commute.theory.index import as_divisor, simplify
from commute.theory.ops import add, mul
from commute.theory.polynomial import Poly, poly_of, poly_term
from commute.theory.terms import INT, Term, postorder, rebuild

if TYPE_CHECKING:
    from commute.egraph.canon import Canon


class Integers:
    """The normal form of reads, // and %."""

    def __init__(self, canon: Canon):
        self.canon = canon
        self.journal = canon.journal

    def index(self, t: Term) -> Term:
        """The normal form of a term of axes, sizes and reads; by laws where it divides by what is no size."""
        plain = self.journal.computed("index", t, simplify(t))
        if plain.args and any(u.op in ("floordiv", "mod") and as_divisor(u.args[1]) is None for u in postorder(plain)):
            return self.normal(self._over(plain))
        return plain

    def read(self, t: Term) -> Term:
        """A read whose places are in normal form; a place stays as it is where its normal form is no integer."""
        return self.journal.computed("index", again, simplify(again)) if (again := self._over(t)) is not t else t

    def _over(self, t: Term) -> Term:
        pairs = [(a, self.canon.norm(a)) for a in t.args]
        return rebuild(t, tuple(new if (a.sort == INT) <= (new.sort == INT) else a for a, new in pairs))

    def normal(self, t: Term) -> Term:
        """The normal form of // or %: (a % s) // s = 0, (a % s) % s = a % s, multiples of s go out."""
        plain = self.journal.computed("index", t, simplify(t))
        if plain is not t:
            return self.canon.norm(plain)
        if t.op not in ("floordiv", "mod"):
            return t
        a, s = t.args
        if a.op == "mod" and a.args[1] is s:
            return self.journal.law("quotient_of_rest" if t.op == "floordiv" else "rest_of_rest", {"a": a.args[0], "s": s}).rhs
        return self._without_multiples(t, a, s) or t

    def _without_multiples(self, t: Term, a: Term, s: Term) -> Term | None:
        """(s·q + r) % s = r % s and (s·q + r) // s = q + r // s for an s that isn't 0 and divides a summand."""
        atoms = poly_of(s)
        witness = self.canon.known("nonzero", s)
        if witness is None or len(atoms) != 1:
            return None
        ((divisor, c),) = atoms.items()
        whole: Poly = {}
        rest: Poly = {}
        for m, k in poly_of(a).items():
            powers = dict(m)
            if (k / c).denominator == 1 and all(powers.get(x, 0) >= e for x, e in divisor):
                less = {**powers, **{x: powers[x] - e for x, e in divisor}}
                whole[tuple(sorted(((x, e) for x, e in less.items() if e), key=lambda p: p[0].digest))] = k / c
            else:
                rest[m] = k
        if not whole:
            return None
        q, r = poly_term(whole), poly_term(rest)
        self.journal.computed("ring", a, add(mul(s, q), r))
        name = "quotient_of_multiple" if t.op == "floordiv" else "rest_of_multiple"
        return self.canon.norm(self.journal.law(name, {"a": q, "b": r, "s": s}, witnesses={"s": witness}).rhs)
