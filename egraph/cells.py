"""Equality cell by cell: the signs of a few linear forms are decided one after the other, and what each says is remembered.

K·left = K·right for each product K of indicators of signs: the three signs of a form make up 1, a choice by a sign that K fixes
is decided, and a K whose signs can't hold together is 0, by a nonnegative combination that would be positive and isn't.
To add here: another way to decide inside a cell.  Never here: elimination (`feasible.py`).
"""

from __future__ import annotations

from commute.egraph.canon import Canon
from commute.egraph.feasible import conflict
from commute.egraph.monomials import is_indicator, subject_of
from commute.theory.ops import add, eq, indicator, lt, mul, neg, where
from commute.theory.polynomial import Poly, poly_of, poly_term
from commute.theory.schemas import in_case
from commute.theory.terms import FALSE, MINUS_ONE, ONE, ZERO, Term, const, postorder

_MOST_FORMS, _MOST_CELLS = 8, 400

Sign = tuple[Term, int]
"""A form and its sign."""


def joined_by_cells(canon: Canon, left: Term, right: Term) -> bool:
    """Whether two normal forms are equal in every cell of the signs that they depend on; the steps are noted."""
    forms = _forms(left, right)
    if not 2 <= len(forms) <= _MOST_FORMS:
        return False
    search = _Cells(canon)
    for t in (left, right):
        canon.journal.computed("ring", t, mul(ONE, t))
    return search.equal((), ONE, left, right)


def _forms(left: Term, right: Term) -> dict[Term, int]:
    """The forms whose signs the two depend on, with how often; none where they depend on another condition too."""
    found: dict[Term, int] = {}
    for t in postorder(left, right):
        if not is_indicator(t):
            continue
        subject = subject_of(t.args[0])
        if subject is None or not subject.free <= left.free | right.free:
            return {}
        found[subject] = found.get(subject, 0) + 1
    return found


def _mark(sign: Sign) -> Term:
    """1 where the form has the sign, else 0."""
    x, s = sign
    return indicator(eq(x, ZERO) if s == 0 else lt(ZERO, x) if s > 0 else lt(x, ZERO))


class _Cells:
    """A search through cells; each that is looked at counts."""

    def __init__(self, canon: Canon):
        self.canon, self.journal = canon, canon.journal
        self.seen = 0

    def equal(self, signs: tuple[Sign, ...], cell: Term, left: Term, right: Term) -> bool:
        """Whether cell·left = cell·right, `cell` the product of the marks of the signs."""
        self.seen += 1
        if self.seen > _MOST_CELLS:
            return False
        if left is right or self._empty(signs, cell, left, right):
            return True
        forms = _forms(left, right)
        if not forms:
            return self._by_zeros(signs, cell, left, right)
        x = min(forms, key=lambda f: (-forms[f], f.size, f.digest))
        self.journal.law("trichotomy", {"x": x, "y": ZERO})
        marks = [_mark((x, s)) for s in (-1, 1, 0)]
        for side in (left, right):
            parts = [mul(mul(m, cell), side) for m in marks]
            whole = mul(cell, side)
            self.journal.computed("ring", whole, mul(ONE, whole))
            split = mul(add(add(marks[0], marks[1]), marks[2]), whole)
            self.journal.computed("ring", split, add(add(parts[0], parts[1]), parts[2]))
        for s, mark in zip((-1, 1, 0), marks, strict=True):
            ends = [self._decided(cell, mark, (x, s), side) for side in (left, right)]
            if not self.equal((*signs, (x, s)), mul(mark, cell), *ends):
                return False
        return True

    def _decided(self, cell: Term, mark: Term, sign: Sign, side: Term) -> Term:
        """The side where the form has the sign: mark·cell·side = mark·cell·(what is returned) is noted."""
        x, s = sign
        for condition, holds in ((lt(ZERO, x), s > 0), (eq(x, ZERO), s == 0)):
            if any(t is condition for t in postorder(side)):
                after = self._choice(mark, sign, condition, holds, side)
                self._within(mark, cell, side, after)
                side = after
        after = self.canon.norm(side)
        return after

    def _within(self, mark: Term, cell: Term, before: Term, after: Term) -> None:
        """From mark·before = mark·after follows mark·cell·before = mark·cell·after."""
        for t in (before, after):
            self.journal.computed("ring", mul(mul(mark, cell), t), mul(cell, mul(mark, t)))

    def _choice(self, mark: Term, sign: Sign, condition: Term, holds: bool, side: Term) -> Term:
        """The side with the condition decided; mark·side = mark·(that) is noted."""
        yes, no = in_case(side, condition, True), in_case(side, condition, False)
        self.journal.computed("cases", side, where(condition, yes, no))
        asked = indicator(condition)
        split = self.journal.law("where_by_indicator", {"c": condition, "x": yes, "y": no}).rhs
        both = mul(mark, asked)
        kept = mark if holds else ZERO
        if holds:
            self.journal.law("indicator_square", {"c": condition})
        else:
            self._apart(mark, sign, asked)
        ends = [add(mul(p, yes), add(mul(mark, no), mul(MINUS_ONE, mul(p, no)))) for p in (both, kept)]
        self.journal.computed("ring", mul(mark, split), ends[0])
        after = yes if holds else no
        self.journal.computed("ring", ends[1], mul(mark, after))
        return after

    def _apart(self, mark: Term, sign: Sign, asked: Term) -> None:
        """mark·asked = 0 for the mark of one sign and the question after another."""
        law, ring = self.journal.law, self.journal.computed
        x, s = sign
        if s < 0 and asked.args[0].op == "lt":
            law("lt_one_way", {"x": x, "y": ZERO})
            return
        if s >= 0:
            product = law("indicators_disjoint", {"x": x}).lhs
        else:
            law("eq_zero_of_negative", {"x": x})
            product = law("indicators_disjoint", {"x": neg(x)}).lhs
            below = law("lt_by_difference", {"x": x, "y": ZERO}).rhs
            ring("ring", below.args[0].args[1], neg(x))
        first, second = (mark, asked) if product.args[0].args[0].op == mark.args[0].op else (asked, mark)
        ring("ring", mul(mark, asked), mul(first, second))

    def _by_zeros(self, signs: tuple[Sign, ...], cell: Term, left: Term, right: Term) -> bool:
        """Whether the two are equal given that the forms of sign 0 are 0."""
        zeros = [sign for sign in signs if sign[1] == 0]
        if not zeros:
            return False
        within = ONE
        for sign in zeros:
            within = mul(_mark(sign), within)
        rest = ONE
        for sign in signs:
            rest = rest if sign[1] == 0 else mul(_mark(sign), rest)
        ends = [self.canon.norm(mul(within, side)) for side in (left, right)]
        if ends[0] is not ends[1]:
            return False
        for side in (left, right):
            self.journal.computed("ring", mul(cell, side), mul(rest, mul(within, side)))
        return True

    # --- cells that are empty ----------------------------------------------------------------------------------------

    def _empty(self, signs: tuple[Sign, ...], cell: Term, left: Term, right: Term) -> bool:
        """Whether the signs can't hold together; then cell·left = 0 = cell·right is noted."""
        strict = [sign for sign in signs if sign[1]]
        zeros = [x for x, s in signs if s == 0]
        found = conflict([_times(poly_of(x), s) for x, s in strict], [poly_of(x) for x in zeros])
        if found is None or not found[0]:
            return False
        used = [(_mark(strict[i]), *self._positive(strict[i], const(c))) for i, c in found[0].items()]
        more = [(_mark((zeros[j], 0)), *self._zero(zeros[j], const(d))) for j, d in found[1].items()]
        raw, product, total = self._first(*used[0])
        for name, parts in (("positive_sum", used[1:]), ("positive_sum_zero", more)):
            for written, mark, form in parts:
                product, total = self._added(name, product, total, mark, form), add(total, form)
                raw = mul(written, raw)
        self._impossible(product, total)
        taken = {t for t, *_ in used + more}
        rest = ONE
        for mark in map(_mark, signs):
            rest = rest if mark in taken else mul(mark, rest)
        for side in (left, right):
            self.journal.computed("ring", mul(cell, side), mul(mul(rest, side), raw))
            self.journal.computed("ring", mul(mul(rest, side), ZERO), ZERO)
        return True

    def _positive(self, sign: Sign, c: Term) -> tuple[Term, Term]:
        """([0 < c·f], c·f) for the form f = x or -x that the sign makes positive; that its mark is [0 < c·f] is noted."""
        x, s = sign
        form = x
        if s < 0:
            form = neg(x)
            below = self.journal.law("lt_by_difference", {"x": x, "y": ZERO}).rhs
            self.journal.computed("ring", below.args[0].args[1], form)
        step = self.journal.law("lt_zero_scale", {"c": c, "x": form}, witnesses={"c": c})
        return step.lhs, mul(c, form)

    def _zero(self, x: Term, d: Term) -> tuple[Term, Term]:
        """([d·x = 0], d·x)"""
        return self.journal.law("eq_zero_scale", {"c": d, "x": x}, witnesses={"c": d}).lhs, mul(d, x)

    def _first(self, written: Term, mark: Term, form: Term) -> tuple[Term, Term, Term]:
        """The product of one mark alone: [0 < f] = [0 < f]·[0 < f]."""
        self.journal.law("indicator_square", {"c": mark.args[0]})
        return written, mark, form

    def _added(self, law: str, product: Term, total: Term, mark: Term, form: Term) -> Term:
        """P = P·[0 < t] becomes [f]·P = [f]·P·[0 < t + f], [f] the mark of a form that is positive or zero."""
        above = indicator(lt(ZERO, total))
        step = self.journal.law(law, {"x": total, "y": form})
        held = mul(mark, mul(product, above))
        self.journal.computed("ring", held, mul(product, step.lhs))
        self.journal.computed("ring", mul(product, step.rhs), mul(held, step.rhs.args[1]))
        return mul(mark, product)

    def _impossible(self, product: Term, total: Term) -> None:
        """P = P·[0 < c] = 0 for a number c <= 0."""
        number = poly_term(poly_of(total))
        self.journal.computed("ring", total, number)
        self.journal.computed("constant", lt(ZERO, number), FALSE)
        self.journal.law("where_false", {"x": ONE, "y": ZERO})
        self.journal.computed("ring", mul(product, ZERO), ZERO)


def _times(poly: Poly, factor: int) -> Poly:
    return {m: c * factor for m, c in poly.items()}
