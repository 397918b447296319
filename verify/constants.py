"""What exact evaluation must know of terms beforehand: constants in closed form, and how deep exps nest.

A term without inputs is read as a rational number, or as a product of powers of primes and pi.
To add here: another closed form that roots and logarithms of constants need.  Never here: floats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import lcm

from commute.theory.terms import Term, postorder
from commute.verify.evaluate import schedule

Powers = dict[int | str, Fraction]


def rational(term: Term, sizes: Mapping[str, int]) -> Fraction | None:
    """The rational number that a term is at these sizes, or None."""
    form = powers(term, sizes)
    if form is None or any(not isinstance(b, int) or e.denominator != 1 for b, e in form.items()):
        return None
    value = Fraction(1)
    for base, e in form.items():
        value *= Fraction(int(base)) ** int(e)
    return value


def powers(term: Term, sizes: Mapping[str, int]) -> Powers | None:
    """The term as a product of rational powers of primes, pi, and perhaps -1 and 0; None where it is no such product.

    >>> from commute.theory.ops import recip, sqrt, mul
    >>> from commute.theory.terms import const, named
    >>> powers(recip(sqrt(mul(const(12), named("pi")))), {})
    {2: Fraction(-1, 1), 3: Fraction(-1, 2), 'pi': Fraction(-1, 2)}
    """
    memo: dict[Term, Powers | None] = {}
    if term.free or term.size > 400:
        return None
    for t in postorder(term):
        memo[t] = _node(t, [memo[a] for a in t.args], sizes)
    return memo[term]


def _node(t: Term, args: list[Powers | None], sizes: Mapping[str, int]) -> Powers | None:
    if t.op == "const":
        return _of(t.attrs[0])
    if t.op == "size":
        return _of(Fraction(sizes[t.attrs[0]]))
    if t.op == "named":
        return {"pi": Fraction(1)} if t.attrs[0] == "pi" else None
    first = args[0] if args else None
    if first is None or any(a is None for a in args):
        return None
    if t.op == "mul":
        return _product(first, args[1] or {})
    if t.op == "recip":
        return first if 0 in first else {b: -e for b, e in first.items()}
    if t.op == "sqrt":
        return None if -1 in first else {b: e / 2 for b, e in first.items()}
    if t.op == "add":
        left, right = (_plain(a) for a in (first, args[1] or {}))
        return None if left is None or right is None else _of(left + right)
    return None


def _product(left: Powers, right: Powers) -> Powers:
    if 0 in left or 0 in right:
        return {0: Fraction(1)}
    total = dict(left)
    for base, e in right.items():
        total[base] = total.get(base, Fraction(0)) + e
    if total.get(-1) == 2:
        del total[-1]
    return {b: e for b, e in total.items() if e}


def _plain(form: Powers) -> Fraction | None:
    value = Fraction(1)
    for base, e in form.items():
        if not isinstance(base, int) or e.denominator != 1:
            return None
        value *= Fraction(base) ** int(e)
    return value


def _of(value: Fraction) -> Powers | None:
    if value == 0:
        return {0: Fraction(1)}
    form: Powers = {-1: Fraction(1)} if value < 0 else {}
    for number, sign in ((abs(value.numerator), 1), (value.denominator, -1)):
        for p, e in _factors(number):
            form[p] = form.get(p, Fraction(0)) + sign * e
    return form


def _factors(number: int) -> list[tuple[int, int]]:
    found, p = [], 2
    while p * p <= number and p < 2000:
        e = 0
        while number % p == 0:
            number, e = number // p, e + 1
        if e:
            found.append((p, e))
        p += 1
    return [*found, (number, 1)] if number > 1 else found


def depth(terms: Sequence[Term], sizes: Mapping[str, int], deepest: int) -> int:
    """How deep exps nest; where results have logarithms, also under one more exp, if that is not too deep."""
    found: dict[tuple[str, Term, Fraction], int] = {}

    def parts(key: tuple[str, Term, Fraction]) -> list[tuple[str, Term, Fraction]]:
        kind, t, scale = key
        if kind == "exp":
            return consumed(t, scale, sizes) or [("res", t, Fraction(1))]
        if t.op in ("exp", "tanh"):
            return [("exp", t.args[0], Fraction(1 if t.op == "exp" else 2))]
        return [("res", a, Fraction(1)) for a in t.args]

    def measure(roots: Sequence[tuple[str, Term, Fraction]]) -> int:
        for key in schedule(roots, parts, found):
            plain = key[0] == "exp" and consumed(key[1], key[2], sizes) is None
            found[key] = max((found[k] for k in parts(key)), default=0) + plain
        return max(found[r] for r in roots)

    least = measure([("res", t, Fraction(1)) for t in terms])
    scale = log_scale(terms, sizes)
    under = [("exp", t, s) for t in terms if has_log(t) for s in {Fraction(1), scale}]
    more = measure(under) if under else 0
    return max(least, more) if more <= deepest else least


def consumed(t: Term, scale: Fraction, sizes: Mapping[str, int]) -> list[tuple[str, Term, Fraction]] | None:
    """How exp(scale * t) is made of exps of its parts, where t has logarithms that exp may consume; else None."""
    if not has_log(t):
        return None
    if t.op == "log":
        return [("res", t.args[0], Fraction(1))] if scale.denominator == 1 else None
    if t.op in ("add", "max", "min"):
        return [("exp", a, scale) for a in t.args]
    if t.op == "where":
        return [("exp", a, scale) for a in t.args[1:]]
    if t.op == "reduce" and t.attrs[0] != "prod":
        return [("exp", t.args[0], scale)]
    if t.op == "mul":
        for factor, rest in (t.args, t.args[::-1]):
            number = rational(factor, sizes)
            if number:
                return [("exp", rest, scale * number)]
    return None


_logs: dict[Term, bool] = {}


def has_log(term: Term) -> bool:
    """Whether a logarithm occurs in the term."""
    if term not in _logs:
        for t in postorder(term):
            if t not in _logs:
                _logs[t] = t.op == "log" or any(_logs[a] for a in t.args)
    return _logs[term]


def log_scale(terms: Sequence[Term], sizes: Mapping[str, int]) -> Fraction:
    """A whole number that clears the denominators of the constants in the terms: mean log-likelihoods have such factors."""
    result = 1
    for t in postorder(*terms):
        number = rational(t, sizes) if t.op in ("const", "recip", "mul") and not t.free else None
        if number is not None and lcm(result, number.denominator) <= 10_000:
            result = lcm(result, number.denominator)
    return Fraction(result)


def needed(terms: Sequence[Term], sizes: Mapping[str, int]) -> tuple[set[int], bool]:
    """The primes whose roots occur, and whether log(2) does."""
    square: set[int] = set()
    log2 = False
    for t in postorder(*terms):
        if t.op == "sqrt" and not t.free:
            form = powers(t, sizes) or {}
            square |= {b for b, e in form.items() if isinstance(b, int) and b > 1 and e.denominator == 2}
        if t.op == "log" and not t.free:
            log2 = log2 or 2 in (powers(t.args[0], sizes) or {})
    return square, log2
