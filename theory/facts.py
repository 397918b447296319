"""What can be read off a term without proof search: its possible signs, and whether it is finite.

Sound, not complete: `positive(t)` is True only if t > 0 at every index and input allowed.  A maximum or a sum over an axis may
use a witness: one index at which the body has the property ("key 0 satisfies the causal mask").
To add here: a row for an operator.  Never here: anything that needs an equation (the prover supplies another term instead).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import product

from commute.theory.index import in_range, simplify
from commute.theory.ops import COMPOSITES, definition, neg
from commute.theory.terms import BOOL, EXT, INT, REAL, ZERO, Term, index, postorder, size_value, substitute

NEG, NIL, POS = 1, 2, 4
ALL = NEG | NIL | POS
MASKS = {"positive": POS, "nonnegative": POS | NIL, "nonzero": POS | NEG}
"""Predicates on real terms, as sets of signs."""

_SIGN = {-1: NEG, 0: NIL, 1: POS}
_VALUES = {NEG: -1, NIL: 0, POS: 1}

WITNESS_DEPTH = 3
"""How many reductions deep a witness is looked for inside a witness: each level costs a few times the one below."""


def _parts(mask: int) -> list[int]:
    return [s for s in (NEG, NIL, POS) if mask & s]


class Facts:
    """Signs and finiteness under assumptions: `given` maps the name of an input to the set of signs that it may have."""

    def __init__(self, given: Mapping[str, int] | None = None):
        self.given = dict(given or {})
        self._signs: dict[Term, int] = {}
        self._real: dict[Term, int] = {}
        self._depth = 0

    def holds(self, predicate: str, term: Term) -> bool:
        """True only if `predicate` (positive, nonnegative, nonzero, real) is derivable for the term."""
        if predicate == "real":
            return self.real(term)
        return self.signs(term) & ~MASKS[predicate] == 0

    def signs(self, term: Term) -> int:
        """The set of signs that the term may have; minus infinity counts as negative."""
        for t in postorder(term) if term not in self._signs else ():
            if t not in self._signs:
                self._signs[t] = self._sign(t)
        return self._signs[term]

    def real(self, term: Term) -> bool:
        """True only if the term is a real number at every index: never minus infinity."""
        return self._level(term) == 2

    def extended(self, term: Term) -> bool:
        """True only if the term is a real number or minus infinity, and all its parts are where they may be."""
        return self._level(term) >= 1

    # --- signs -------------------------------------------------------------------------------------------------------

    def _sign(self, t: Term) -> int:
        get = self._signs
        if t.op == "const":
            return _SIGN[(t.attrs[0] > 0) - (t.attrs[0] < 0)]
        if t.op in ("size", "named"):
            return POS
        if t.op == "axis":
            return NIL if t.attrs[0].size == 1 else NIL | POS
        if t.op == "input":
            return self._read_sign(t)
        if t.op == "ninf":
            return NEG
        if t.op == "exp":
            return POS if self.real(t.args[0]) else NIL | POS
        if t.op == "log" and t.args[0].op == "const":
            value = t.args[0].attrs[0]
            return NIL if value <= 0 or value == 1 else POS if value > 1 else NEG
        if t.op == "sqrt":
            return POS if get[t.args[0]] == POS else NIL | POS
        if t.op in ("recip", "tanh", "erf"):
            return get[t.args[0]]
        if t.op == "mul":
            return self._product_sign(t)
        if t.op in ("add", "max", "min"):
            own = get[t.args[0]]
            if t.op == "max" and t.args[1] is neg(t.args[0]):
                return own & NIL | (POS if own & (NEG | POS) else 0)
            return self._pair_sign(t.op, own, get[t.args[1]])
        if t.op == "where":
            return get[t.args[1]] | get[t.args[2]]
        if t.op == "mod":
            return NIL | POS if get[t.args[1]] == POS else ALL
        if t.op == "reduce":
            return self._reduce_sign(t)
        if t.op in COMPOSITES:
            return self.signs(definition(t))
        return ALL

    def _read_sign(self, t: Term) -> int:
        name, sort, shape, bound = t.attrs
        mask = self.given.get(name, NIL | POS if sort == INT and bound is not None else ALL)
        inside = mask & NIL or all(map(in_range, t.args, shape))
        return mask if inside else mask | NIL

    @staticmethod
    def _pair_sign(op: str, left: int, right: int) -> int:
        result = 0
        for a, b in product(_parts(left), _parts(right)):
            if op == "add":
                result |= ALL if {a, b} == {NEG, POS} else (a if b == NIL else b)
            else:
                result |= max(a, b) if op == "max" else min(a, b)
        return result

    def _product_sign(self, t: Term) -> int:
        factors: Counter[Term] = Counter({t: 1})
        products = {t}
        while products:
            largest = max(products, key=lambda f: f.size)
            products.remove(largest)
            count = factors.pop(largest)
            for a in largest.args:
                factors[a] += count
                if a.op == "mul":
                    products.add(a)
        result = POS
        for f, count in factors.items():
            mask = self._signs[f]
            if count % 2 == 0:
                mask = (NIL if mask & NIL else 0) | (POS if mask & (NEG | POS) else 0)
            combined = 0
            for a, b in product(_parts(result), _parts(mask)):
                combined |= _SIGN[_VALUES[a] * _VALUES[b]]
            result = combined
        return result

    def _reduce_sign(self, t: Term) -> int:
        kind, axis = t.attrs
        body = self._signs[t.args[0]]
        if kind in ("max", "min"):
            wanted = POS if kind == "max" else NEG
            return wanted if body & wanted and body != wanted and self._witness(t, wanted) else body
        if kind == "prod":
            if body & NEG:
                return ALL if body & NIL else NEG | POS
            return body
        if body in (POS, NIL, NEG):
            return body
        if body in (NIL | POS, NIL | NEG):
            return body & ~NIL if self._witness(t, body & ~NIL) else body
        return ALL

    def _witness(self, t: Term, wanted: int) -> bool:
        """Some index of the axis at which the body surely has the wanted sign."""
        return self._somewhere(t, lambda body: self.signs(body) == wanted)

    def _somewhere(self, t: Term, question: Callable[[Term], bool]) -> bool:
        """Whether the answer is yes at one of a few indices of the reduction."""
        if self._depth >= WITNESS_DEPTH:
            return False
        self._depth += 1
        try:
            return any(question(body) for body in _instances(t))
        finally:
            self._depth -= 1

    # --- finiteness: 2 real, 1 real or -inf, 0 neither can be said ---------------------------------------------------

    def _level(self, term: Term) -> int:
        for t in postorder(term) if term not in self._real else ():
            if t not in self._real:
                self._real[t] = self._real_node(t)
        return self._real[term]

    def _real_node(self, t: Term) -> int:
        if not t.args:
            return 2 if t.sort in (REAL, INT, BOOL) else 1
        if t.op == "where":
            return min(self._real[a] for a in t.args)
        levels = [self._real[a] for a in t.args]
        if t.op in ("max", "min", "add"):
            worst = min(levels)
            return 2 if t.op == "max" and worst == 1 and max(levels) == 2 else worst
        if t.op == "exp":
            return 2 if levels[0] else 0
        if t.op == "reduce" and t.attrs[0] in ("max", "min"):
            if levels[0] == 1 and t.attrs[0] == "max" and self._somewhere(t, self.real):
                return 2
            return levels[0]
        if t.op in COMPOSITES and levels[0] == 1:
            return self._level(definition(t))
        if t.op == "fold":
            return self._fold_level(t)
        return 2 if all(v == 2 for v in levels) else 0

    def _fold_level(self, t: Term) -> int:
        """What its last step is, where every state that a step reads is the real number that it is taken for."""
        names, part = t.attrs[1:]
        read = frozenset().union(*(a.states for a in t.args[len(names) :]))
        carried = [a for name, a in zip(names * 2, t.args, strict=True) if name in read]
        sound = all(self._real[a] == 2 and a.sort != EXT for a in carried)
        return self._real[t.args[len(names) + part]] if sound else 0


def _instances(t: Term) -> list[Term]:
    """The body of a reduction at a few indices: the first, the last, and every free axis of the same size."""
    axis, body = t.attrs[1], t.args[0]
    if not any(x.op in ("where", "lt", "le", "eq") for x in postorder(body)):
        return []
    last = simplify(size_value(axis.size - 1))
    others = [index(a) for a in sorted(body.free, key=lambda a: a.key) if a != axis and a.size == axis.size]
    return [simplify(substitute(body, {axis: i})) for i in (ZERO, last, *others)]

