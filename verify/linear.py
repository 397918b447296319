"""Readings of terms for `ranges.py`: sums as linear forms, what a condition says, what a maximum is of.

To add here: another way to see through the shape of a term.  Never here: ranges of terms, judgements on safety.
"""

from __future__ import annotations

from fractions import Fraction
from math import exp, inf, log, sqrt

from commute.theory.axes import Axis, Size
from commute.theory.ops import add, definition, mul, where
from commute.theory.terms import FALSE, NINF, TRUE, ZERO, Term, const, index, postorder, rebuild, reduce, substitute

Range = tuple[float, float]
Facts = tuple[tuple[Term, Term], ...]
"""Pairs a <= b that hold where a branch of a `where` is taken; a condition paired with true or false holds or fails."""
Linear = dict[Term | None, Fraction]
"""A sum of terms with coefficients; None is the constant."""

LARGEST_SIZE = 65536
"""The largest size of an axis that is thought of."""


def _exp(x: float) -> float:
    return inf if x > 709 else exp(x)


MONOTONE = {
    "exp": _exp,
    "log": lambda x: log(x) if 0 < x < inf else (inf if x == inf else -inf),
    "sqrt": lambda x: sqrt(x) if x > 0 else 0.0,
}


def recip(low: float, high: float) -> Range:
    """1 over a range."""
    if low > 0 or high < 0:
        return (1 / high if high else -inf), (1 / low if low else inf)
    return -inf, inf


def join(a: Range, b: Range) -> Range:
    """The least range that holds both."""
    return min(a[0], b[0]), max(a[1], b[1])


def scaled(r: Range, c: Fraction) -> Range:
    """A range times a number."""
    a, b = (as_float(c) * x for x in r)
    return (a, b) if c >= 0 else (b, a)


def as_float(value: Fraction) -> float:
    """The nearest float, infinite where it is too large."""
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def most(size: Size) -> float:
    """The largest value of a size that is thought of."""
    return float(size.constant or max(abs(size.at(dict.fromkeys(size.symbols, LARGEST_SIZE))), 1))


def relevant(t: Term, facts: Facts) -> Facts:
    """The facts that speak of a part of the term."""
    if not facts:
        return facts
    parts = set(postorder(t))
    return tuple(f for f in facts if any(x in parts for x in (*f, *f[0].args)))


def without(facts: Facts, axis: Axis) -> Facts:
    """The facts that hold inside an operator that binds the axis."""
    return tuple(f for f in facts if axis not in f[0].free | f[1].free)


def holds(c: Term) -> Facts:
    """What follows from a condition: itself, and what a <= b it says."""
    told: Facts = ((c, TRUE),)
    if c.op in ("lt", "le"):
        return (*told, (c.args[0], c.args[1]))
    if c.op == "eq":
        return (*told, (c.args[0], c.args[1]), (c.args[1], c.args[0]))
    if c.op == "and":
        return told + holds(c.args[0]) + holds(c.args[1])
    return told + fails(c.args[0]) if c.op == "not" else told


def fails(c: Term) -> Facts:
    """What follows from the opposite of a condition."""
    told: Facts = ((c, FALSE),)
    if c.op in ("lt", "le"):
        return (*told, (c.args[1], c.args[0]))
    if c.op == "or":
        return told + fails(c.args[0]) + fails(c.args[1])
    return told + holds(c.args[0]) if c.op == "not" else told


def branches(t: Term, facts: Facts) -> list[tuple[Term, Facts]]:
    """The branches of a `where` that may be taken, each with what holds there."""
    c, x, y = t.args
    known = _decided(c, facts)
    taken = [] if known is False else [(x, facts + holds(c))]
    return taken if known else [*taken, (y, facts + fails(c))]


def _decided(c: Term, facts: Facts) -> bool | None:
    """Whether a condition follows from the facts, or its opposite does."""
    if (c, TRUE) in facts or (c, FALSE) in facts:
        return (c, TRUE) in facts
    if c.op == "not":
        inner = _decided(c.args[0], facts)
        return None if inner is None else not inner
    for truth in (True, False):
        goal = _inequality(c, truth)
        for d, said in facts if goal is not None else ():
            given = _inequality(d, said is TRUE) if said in (TRUE, FALSE) else None
            rest = None if goal is None or given is None else plus(goal, {x: -k for x, k in given.items()})
            if rest is not None and set(rest) <= {None} and rest.get(None, 0) <= 0:
                return truth
    return None


def _inequality(c: Term, truth: bool) -> Linear | None:
    """A comparison of integers, or its opposite, as a form that is <= 0."""
    if c.op not in ("lt", "le") or any(a.sort != "int" for a in c.args):
        return None
    a, b = map(linear, c.args if truth else c.args[::-1])
    strict = (c.op == "lt") == truth
    return plus(plus(a, {x: -k for x, k in b.items()}), {None: Fraction(1)} if strict else {})


def linear(t: Term) -> Linear:
    """A term as a sum of terms with coefficients; a factor is carried into a sum.

    >>> from commute.theory.ops import sub
    >>> from commute.theory.terms import read, const
    >>> x, y = read("x", [], []), read("y", [], [])
    >>> linear(mul(sub(x, y), const(2)))
    {x: Fraction(2, 1), y: Fraction(-2, 1)}
    """
    if t.op == "const":
        return {None: t.attrs[0]}
    if t.op == "add":
        return plus(linear(t.args[0]), linear(t.args[1]))
    if t.op == "mul":
        for c, x in (t.args, t.args[::-1]):
            if c.op == "const":
                return {y: c.attrs[0] * k for y, k in linear(x).items() if c.attrs[0]}
        for x, r in (t.args, t.args[::-1]):
            if x.op == "add" and r.op != "add":
                total: Linear = {}
                for y, k in linear(x).items():
                    total = plus(total, {r if y is None else mul(y, r) if t.args[0] is x else mul(r, y): k})
                return total
    return {t: Fraction(1)}


def plus(a: Linear, b: Linear) -> Linear:
    """The sum of two forms."""
    total = dict(a)
    for x, c in b.items():
        total[x] = total.get(x, Fraction(0)) + c
    return {x: c for x, c in total.items() if c}


def never_above(a: Term, b: Term) -> bool:
    """Whether a - b is a number that is at most 0: sums that are written in another order are compared so."""
    if not {a.op, b.op} & {"add", "mul"}:
        return False
    difference = plus(linear(a), {x: -c for x, c in linear(b).items()})
    return not any(difference.keys() - {None}) and difference.get(None, 0) <= 0


def combined(form: Linear) -> Term:
    """The sum of a form, as a term."""
    parts = [const(c) if x is None else x if c == 1 else mul(x, const(c)) for x, c in form.items()]
    total = parts[0] if parts else ZERO
    for part in parts[1:]:
        total = add(total, part)
    return total


def _parted(form: Linear, own: list[Term]) -> tuple[Linear, Term]:
    """A form without some of its terms, and the sum of those."""
    rest = {x: c for x, c in form.items() if x not in own}
    kept: Linear = {x: form[x] for x in own}
    return rest, combined(kept)


def largest(form: Linear, axis: Axis) -> Linear:
    """The form at the index of the axis where what varies along it is largest."""
    own = [x for x in form if x is not None and axis in x.free]
    if not own:
        return form
    rest, moving = _parted(form, own)
    return plus(rest, {reduce("max", axis, moving): Fraction(1)})


def loosened(t: Term) -> list[Term]:
    """Terms that are at most a sum: it with one of its maxima replaced by what that is the maximum of."""
    form = linear(t)
    tops = [x for x, c in form.items() if x is not None and c > 0 and x.op == "reduce" and x.attrs[0] == "max"]
    return [combined(plus(plus(form, {x: -form[x]}), {x.args[0]: form[x]})) for x in tops]


def masked(form: Linear, c: Term) -> Linear | None:
    """The form where a condition holds, else -inf."""
    own = [x for x, k in form.items() if x is not None and k > 0]
    if not own:
        return None
    rest, kept = _parted(form, own)
    return plus(rest, {where(c, kept, NINF): Fraction(1)})


def running_maximum(t: Term) -> Term | None:
    """A fold whose state is replaced by the maximum of itself and something, as a maximum over the axis."""
    axis, names, part = t.attrs
    init, step = t.args[part], t.args[len(names) + part]
    if step.op == "max":
        for s, x in (step.args, step.args[::-1]):
            if s.op == "state" and s.attrs[0] == names[part] and not x.states & set(names) and axis not in init.free:
                top = reduce("max", axis, x)
                return top if init is NINF else Term("max", (init, top))
    return None


def opened(t: Term) -> Term:
    """relu and abs by their definitions, a running maximum as a maximum."""
    if t.op in ("relu", "abs"):
        return definition(t)
    return (running_maximum(t) or t) if t.op == "fold" else t


def at_indices(t: Term, wanted: Term) -> list[Term]:
    """The body of a reduction at indices at which it may be `wanted`: its own, and the one found by comparing."""
    body, axes = t.args[0], [a for a in t.attrs if isinstance(a, Axis)]
    found = [body]
    if len(axes) == 1:
        i = _index(body, wanted, axes[0])
        if i is not None and not (i.op == "axis" and i.attrs[0] == axes[0]):
            found.append(substitute(body, {axes[0]: i}))
    return found


def _index(body: Term, wanted: Term, axis: Axis) -> Term | None:
    """The index term that makes `body` look like `wanted` at the first place where they differ by it."""
    stack, seen = [(body, wanted)], set()
    while stack:
        a, b = stack.pop()
        if a is b or (a, b) in seen:
            continue
        seen.add((a, b))
        if a is index(axis):
            return b if b.sort == "int" else None
        if a.op == b.op and len(a.args) == len(b.args):
            stack.extend(zip(a.args, b.args, strict=True))
    return None


def simpler(t: Term) -> Term:
    """0·x = 0, 0 + x = x, max(-inf, x) = x, exp(-inf) = 0: what the first step of a fold becomes."""
    done: dict[Term, Term] = {}
    for s in postorder(t):
        x = rebuild(s, tuple(done[a] for a in s.args))
        if x.op == "mul" and ZERO in x.args:
            x = ZERO
        elif x.op == "add" and ZERO in x.args:
            x = x.args[1] if x.args[0] is ZERO else x.args[0]
        elif x.op == "max" and NINF in x.args:
            x = x.args[1] if x.args[0] is NINF else x.args[0]
        done[s] = x
    return done[t]
