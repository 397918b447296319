"""Index arithmetic: the normal form of integer terms and of comparisons between them.

Index terms are polynomials in axes, sizes, integer reads, and what is left of floor division and remainder.  Bounds come
from the ranges of axes (0 <= i < size) and sizes (>= 1).  `simplify` rewrites only integer and truth values, by:
(s*a + b) // s -> a + b // s;  b // s -> 0 where 0 <= b < s is provable;  a % s -> a - s*(a // s);
s*a + b < 0 with |b| < s -> a < 0 or (a = 0 and b < 0);  comparisons that bounds decide -> true, false;  i < j and i < j + s
with s >= 0 -> i < j;  a = 0 with a >= 0 -> a < 1;  2a < 3 -> a < 2;  2a = 3 -> false;
i = j and i < j -> false;  i = j and i < j + 1 -> i = j.
Never here: real arithmetic.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor, gcd

from commute.theory.axes import Size
from commute.theory.polynomial import Monomial, Poly, plus, poly_of, poly_term
from commute.theory.terms import BOOL, FALSE, INT, MINUS_ONE, ONE, TRUE, ZERO, Term, postorder, size_value

Bounds = tuple[Size, Size]

_memo: dict[Term, Term] = {}


def simplify(term: Term) -> Term:
    """The term with every integer and truth-valued part in normal form; the rest is rebuilt over it.

    >>> from commute.theory.axes import axis, Size
    >>> from commute.theory.ops import add, floordiv, mul, lt
    >>> from commute.theory.terms import index
    >>> w, b = axis("w"), axis("n")
    >>> i = add(mul(index(b), size_value(w.size)), index(w))
    >>> simplify(floordiv(i, size_value(w.size))), simplify(lt(index(w), size_value(w.size + 1)))
    (n, true)
    """
    for t in postorder(term) if term not in _memo else ():
        if t not in _memo:
            args = tuple(_memo[a] for a in t.args)
            node = t if args == t.args else Term(t.op, args, t.attrs)
            _memo[t] = _simplify_node(node) if node.sort in (INT, BOOL) or node.op == "where" else node
    return _memo[term]


def decide(condition: Term) -> bool | None:
    """True or False where the ranges of axes and sizes decide the condition, else None."""
    result = simplify(condition)
    return True if result is TRUE else False if result is FALSE else None


def bounds(term: Term) -> Bounds | None:
    """The least and greatest value of an integer term as sizes, where they can be seen."""
    return _poly_bounds(poly_of(simplify(term)))


def in_range(term: Term, size: Size) -> bool:
    """Whether 0 <= term < size is provable."""
    if term.op == "axis" and term.attrs[0].size == size:
        return True
    limits = bounds(term)
    return limits is not None and limits[0].provably_nonnegative() and (size - 1 - limits[1]).provably_nonnegative()


def as_size(term: Term) -> Size | None:
    """The size that an integer term is, where it has no axes or reads."""
    return _coefficients(poly_of(simplify(term))).get((), Size(0)) if not _atoms(term) else None


def _atoms(term: Term) -> bool:
    return any(a.op != "size" for m in poly_of(simplify(term)) for a, _ in m)


# --- one node --------------------------------------------------------------------------------------------------------


def _simplify_node(t: Term) -> Term:
    if t.op in ("add", "mul"):
        return poly_term(poly_of(t))
    if t.op == "floordiv":
        return _floordiv(t)
    if t.op == "mod":
        return _mod(t)
    if t.op in ("lt", "le", "eq") and all(a.sort == INT for a in t.args):
        return _compare(t)
    if t.op in ("and", "or", "not"):
        return _connective(t)
    if t.op == "where":
        if t.args[0] in (TRUE, FALSE):
            return t.args[1] if t.args[0] is TRUE else t.args[2]
        if t.sort == BOOL:
            return _choice(*t.args)
        return t.args[1] if t.args[1] is t.args[2] else t
    if t.op in ("max", "min") and t.sort == INT:
        return _extreme(t)
    return t


def _mod(t: Term) -> Term:
    """a % s for a = s*whole + rest: the rest where it is provably in range(s), else what is left of it."""
    divisor = as_divisor(t.args[1])
    if divisor is None:
        return t
    _, rest = _divide(poly_of(t.args[0]), divisor)
    return poly_term(rest) if _within(rest, divisor) else Term("mod", (poly_term(rest), t.args[1]))


def _within(rest: Poly, divisor: Size) -> bool:
    """Whether 0 <= rest < divisor is provable."""
    limits = _poly_bounds(rest)
    return bool(
        limits and limits[0].provably_nonnegative() and (divisor - 1 - limits[1]).provably_nonnegative()
    )


def as_divisor(term: Term) -> Size | None:
    """The divisor as a size that is provably >= 1, else None."""
    size = as_size(term)
    return size if size is not None and size.provably_positive() else None


def _floordiv(t: Term) -> Term:
    divisor = as_divisor(t.args[1])
    if divisor is None:
        return t
    whole, rest = _divide(poly_of(t.args[0]), divisor)
    if _within(rest, divisor):
        return poly_term(whole)
    left = Term("floordiv", (poly_term(rest), t.args[1]))
    return poly_term(plus(whole, {((left, 1),): Fraction(1)}))


def _divide(poly: Poly, divisor: Size) -> tuple[Poly, Poly]:
    """poly = divisor * whole + rest, term by term where the division is exact (and by integers where both are)."""
    whole: Poly = {}
    rest: Poly = {}
    for m, c in _coefficients(poly).items():
        quotient = c.divided_by(divisor)
        if quotient is None and divisor.constant is not None:
            q = Size({p: v // divisor.constant for p, v in c.terms})
            whole = plus(whole, _with(m, q))
            rest = plus(rest, _with(m, c - q * divisor.constant))
        elif quotient is None:
            for part in (Size({p: v}) for p, v in c.terms):
                q = part.divided_by(divisor)
                rest = plus(rest, _with(m, part)) if q is None else rest
                whole = plus(whole, _with(m, q)) if q is not None else whole
        else:
            whole = plus(whole, _with(m, quotient))
    return whole, rest


def _compare(t: Term) -> Term:
    left, right = t.args
    if t.op == "le":
        return _compare(Term("lt", (left, poly_term(plus(poly_of(right), {(): Fraction(1)})))))
    difference = plus(poly_of(left), poly_of(right), -1)
    decided = _decided(t.op, difference)
    if decided is not None:
        return TRUE if decided else FALSE
    split = _lexicographic(difference)
    if split is not None:
        high, low = (poly_term(p) for p in split)
        same = _compare(Term("eq", (high, ZERO)))
        below = _compare(Term(t.op, (low, ZERO)))
        both = _connective(Term("and", (same, below)))
        return both if t.op == "eq" else _connective(Term("or", (_compare(Term("lt", (high, ZERO))), both)))
    return _at_an_end(difference) if t.op == "eq" else _oriented(t.op, difference)


def _at_an_end(difference: Poly) -> Term:
    """difference = 0; where 0 is its least or greatest value, as difference < 1 or -1 < difference."""
    limits = _poly_bounds(difference)
    if limits is not None and limits[0].provably_nonnegative():
        return _compare(Term("lt", (poly_term(difference), ONE)))
    if limits is not None and (-limits[1]).provably_nonnegative():
        return _compare(Term("lt", (MINUS_ONE, poly_term(difference))))
    return _oriented("eq", difference)


def _decided(op: str, difference: Poly) -> bool | None:
    if not difference:
        return op == "eq"
    limits = _poly_bounds(difference)
    if limits is None:
        return None
    low, high = limits
    if (-high).provably_positive():
        return op == "lt"
    if low.provably_positive():
        return False
    if op == "lt" and low.provably_nonnegative():
        return False
    return None


def _oriented(op: str, difference: Poly) -> Term:
    """One way of writing a comparison: common factor out, positive parts left, negative parts right."""
    common = gcd(*(c.numerator for m, c in difference.items() if m)) or 1
    number = difference.get((), Fraction(0)) / common
    if op == "eq" and number.denominator > 1:
        return FALSE
    difference = {m: c / common for m, c in difference.items() if m}
    difference = plus(difference, {(): Fraction(floor(number))} if floor(number) else {})
    if op == "eq" and difference[min(difference, key=lambda m: str([(a.digest, e) for a, e in m]))] < 0:
        difference = {m: -c for m, c in difference.items()}
    left = {m: c for m, c in difference.items() if c > 0}
    right = {m: -c for m, c in difference.items() if c < 0}
    return Term(op, (poly_term(left), poly_term(right)))


def _lexicographic(difference: Poly) -> tuple[Poly, Poly] | None:
    """difference = s*high + low with -s < low < s for some stride s of its coefficients, s not 1."""
    coefficients = _coefficients(difference)
    strides = {c if c.terms[0][1] > 0 else -c for m, c in coefficients.items()}
    for stride in sorted(strides, key=str):
        if stride == Size(1) or not stride.provably_positive():
            continue
        high, low = _divide_exact(coefficients, stride)
        limits = _poly_bounds(low)
        if not high or not low or limits is None:
            continue
        if (stride - 1 - limits[1]).provably_nonnegative() and (limits[0] + stride - 1).provably_nonnegative():
            return high, low
    return None


def _divide_exact(coefficients: dict[Monomial, Size], stride: Size) -> tuple[Poly, Poly]:
    high: Poly = {}
    low: Poly = {}
    for m, c in coefficients.items():
        quotient = c.divided_by(stride)
        if quotient is None:
            low = plus(low, _with(m, c))
        else:
            high = plus(high, _with(m, quotient))
    return high, low


def _connective(t: Term) -> Term:
    if t.op == "not":
        inner = t.args[0]
        if inner.op == "not":
            return inner.args[0]
        if inner.op == "lt" and all(a.sort == INT for a in inner.args):
            return _compare(Term("le", (inner.args[1], inner.args[0])))
        return FALSE if inner is TRUE else TRUE if inner is FALSE else t
    unit, absorbing = (TRUE, FALSE) if t.op == "and" else (FALSE, TRUE)
    left, right = t.args
    if absorbing in t.args:
        return absorbing
    if left is unit or left is right:
        return right
    return left if right is unit else _weighed(t)


def _weighed(t: Term) -> Term:
    """Two comparisons i < j of integers of which one follows from the other, or from its contrary."""
    for equation, other in (t.args, t.args[::-1]):
        decided = _where_equal(equation, other)
        if decided is not None:
            return (equation if decided else FALSE) if t.op == "and" else other if decided else t
    first, second = (_slack(a) for a in t.args)
    if first is None or second is None:
        return t
    ahead, total = _poly_bounds(plus(second, first, -1)), _poly_bounds(plus(first, second))
    if ahead and ahead[0].provably_nonnegative():
        return t.args[0 if t.op == "and" else 1]
    if ahead and (-ahead[1]).provably_nonnegative():
        return t.args[1 if t.op == "and" else 0]
    if t.op == "and":
        return FALSE if total and (-total[1]).provably_positive() else t
    return TRUE if total and (total[0] + 1).provably_nonnegative() else t


def _where_equal(equation: Term, other: Term) -> bool | None:
    """Whether a comparison holds where i = j does, where their difference decides it: i < j + 1 does, i < j doesn't."""
    slack = _slack(other)
    if slack is None or equation.op != "eq" or any(a.sort != INT for a in equation.args):
        return None
    gap = plus(poly_of(equation.args[0]), poly_of(equation.args[1]), -1)
    rests = [plus(slack, gap, sign) for sign in (1, -1)]
    return next((rest.get((), 0) >= 0 for rest in rests if set(rest) <= {()}), None)


def _slack(condition: Term) -> Poly | None:
    """What is 0 or more exactly where a comparison of integers holds; None for other conditions."""
    if condition.op != "lt" or any(a.sort != INT for a in condition.args):
        return None
    low, high = condition.args
    return plus(plus(poly_of(high), poly_of(low), -1), {(): Fraction(-1)})


def _choice(c: Term, a: Term, b: Term) -> Term:
    """A choice between truth values, by connectives."""
    first = _connective(Term("and", (c, a)))
    second = _connective(Term("and", (_connective(Term("not", (c,))), b)))
    return _connective(Term("or", (first, second)))


def _extreme(t: Term) -> Term:
    low = decide(Term("le", t.args))
    if low is None:
        return t
    return t.args[1 if low == (t.op == "max") else 0]


# --- bounds ----------------------------------------------------------------------------------------------------------


def _coefficients(poly: Poly) -> dict[Monomial, Size]:
    """The polynomial over its atoms that are not sizes, with sizes as coefficients."""
    table: dict[Monomial, Size] = {}
    for m, c in poly.items():
        if c.denominator != 1:
            raise ValueError(f"an index term with the coefficient {c}")
        size = Size(c.numerator)
        atoms = []
        for a, e in m:
            if a.op == "size":
                size = size * Size.symbol(a.attrs[0]) ** e
            else:
                atoms.append((a, e))
        key = tuple(atoms)
        table[key] = table.get(key, Size(0)) + size
    return {m: s for m, s in table.items() if s.terms}


def _with(monomial: Monomial, size: Size) -> Poly:
    from commute.theory.polynomial import times

    return {times(monomial, m): c for m, c in poly_of(size_value(size)).items()}


def _poly_bounds(poly: Poly) -> Bounds | None:
    low, high = Size(0), Size(0)
    for m, c in _coefficients(poly).items():
        top = Size(1)
        for a, e in m:
            upper = _upper(a)
            if upper is None:
                return None
            top = top * upper**e
        if not m:
            low, high = low + c, high + c
        elif c.provably_nonnegative():
            high = high + c * top
        elif (-c).provably_nonnegative():
            low = low + c * top
        else:
            return None
    return low, high


def _upper(atom: Term) -> Size | None:
    """The greatest value of an atom whose least value is 0 or more."""
    if atom.op == "axis":
        return atom.attrs[0].size - 1
    if atom.op == "input" and atom.attrs[3] is not None:
        return atom.attrs[3] - 1
    if atom.op == "mod":
        divisor = as_divisor(atom.args[1])
        return None if divisor is None else divisor - 1
    if atom.op == "floordiv":
        divisor, inner = as_divisor(atom.args[1]), _poly_bounds(poly_of(atom.args[0]))
        if divisor is None or inner is None or not inner[0].provably_nonnegative():
            return None
        whole = _quotient_bound(inner[1], divisor)
        return inner[1] if whole is None else whole
    if atom.op == "where" and atom.sort == INT:
        arms = [bounds(a) for a in atom.args[1:]]
        if any(a is None or not a[0].provably_nonnegative() for a in arms):
            return None
        first, second = (a[1] for a in arms if a)
        return first if (first - second).provably_nonnegative() else second if (second - first).provably_nonnegative() else None
    return None


def _quotient_bound(top: Size, divisor: Size) -> Size | None:
    """An upper bound of top // divisor: exact where top + 1 is a multiple of the divisor."""
    exact = (top + 1).divided_by(divisor)
    if exact is not None:
        return exact - 1
    return Size(top.constant // divisor.constant) if top.constant is not None and divisor.constant else None
