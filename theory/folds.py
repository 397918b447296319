"""Folds: putting values in the place of states, and the computed steps by which a fold becomes a closed form.

A fold is equal to a family Q when Q starts where the fold starts and each step of the fold takes Q to its next member; that
these two hold are the *premises* of the step, which earlier steps of the same proof must have shown.
To add here: only what no law can say about folds and prefixes.  Never here: guessing a family.
"""

from __future__ import annotations

from collections.abc import Mapping

from commute.theory.axes import Axis, first_free
from commute.theory.facts import Facts
from commute.theory.index import in_range, simplify
from commute.theory.ops import COMPOSITES, add, definition, sub
from commute.theory.terms import MINUS_ONE, NINF, ONE, ZERO, Term, binds, index, rebuild, size_value, substitute

Premise = tuple[Term, Term]

UNITS = {"sum": ZERO, "prod": ONE, "max": NINF}
"""What a reduction is over no index, where there is such a value."""

COMBINE = {"sum": "add", "prod": "mul", "max": "max"}
"""The operator that adds one more index to a reduction."""


def parts_of(fold: Term) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
    """The inits and the steps of a fold, in the order of its states."""
    count = len(fold.attrs[1])
    return fold.args[:count], fold.args[count:]


# --- states ----------------------------------------------------------------------------------------------------------


def put_states(term: Term, values: Mapping[str, Term]) -> Term:
    """The term with free states replaced by terms; a binder that would capture an axis of theirs gets another copy.

    ValueError where an inner fold calls one of its states by a name that is replaced, or that a value reads.
    """
    carried = frozenset().union(*(v.free for v in values.values()))
    read = frozenset(values).union(*(v.states for v in values.values()))
    memo: dict[Term, Term] = {}
    stack = [term]
    while stack:
        t = stack[-1]
        if t in memo:
            stack.pop()
            continue
        if not t.states & values.keys():
            memo[t] = t
        elif t.op == "state":
            memo[t] = values[t.attrs[0]]
        else:
            if t.op == "fold" and read & set(t.attrs[1]):
                raise ValueError("a fold inside a fold whose states have the same names")
            safe = _apart(t, carried)
            missing = [a for a in safe.args if a not in memo]
            if missing:
                stack.extend(missing)
                continue
            memo[t] = rebuild(safe, tuple(memo[a] for a in safe.args))
        stack.pop()
    return memo[term]


def _apart(t: Term, carried: frozenset[Axis]) -> Term:
    """The same node with no bound axis among `carried`."""
    if t.op in COMPOSITES and carried.intersection(a for a in t.attrs if isinstance(a, Axis)):
        return _apart(definition(t), carried)
    bound = binds(t)
    if bound is None or bound not in carried:
        return t
    outer = len(t.attrs[1]) if t.op == "fold" else 0
    fresh = first_free(bound.size, carried.union(*(a.free for a in t.args)))
    inside = tuple(substitute(a, {bound: index(fresh)}) for a in t.args[outer:])
    return Term(t.op, t.args[:outer] + inside, tuple(fresh if a == bound else a for a in t.attrs))


# --- a fold by a family ----------------------------------------------------------------------------------------------


def premises(lhs: Term, rhs: Term) -> list[Premise]:
    """What must be known before `by_family` may say lhs = rhs: where the family starts, and what a step makes of it.

    The family Q are the steps of rhs, which read no states: Q at the index k is the states *after* step k, so Q at -1 is where
    the fold starts, and the step at k takes Q at k - 1 to Q at k.
    """
    axis, names, _ = lhs.attrs
    inits, steps = parts_of(lhs)
    family = parts_of(rhs)[1]
    earlier = sub(index(axis), ONE)
    before = {n: substitute(q, {axis: earlier}) for n, q in zip(names, family, strict=True)}
    starts = [(substitute(q, {axis: MINUS_ONE}), i) for q, i in zip(family, inits, strict=True)]
    return starts + [(put_states(s, before), q) for s, q in zip(steps, family, strict=True)]


def by_family(lhs: Term, rhs: Term, facts: Facts) -> bool:
    """A fold, and the fold with the same inits whose steps are a family that reads no states; `premises` are owed."""
    if lhs.op != "fold" or rhs.op != "fold" or lhs.attrs != rhs.attrs:
        return False
    axis, names, _ = lhs.attrs
    inits, family = parts_of(rhs)
    if inits != parts_of(lhs)[0] or any(axis in i.free for i in inits):
        return False
    return not any(q.states & set(names) for q in family) and all(map(facts.real, (*lhs.args, *family)))


def last(lhs: Term, rhs: Term, facts: Facts) -> bool:
    """A fold whose steps read none of its states is its last step."""
    return rhs is last_step(lhs) and facts.real(lhs)


def last_step(term: Term) -> Term | None:
    """The last step of a fold whose steps read none of its states; None for other terms."""
    if term.op != "fold":
        return None
    axis, names, part = term.attrs
    steps = parts_of(term)[1]
    if any(s.states & set(names) for s in steps):
        return None
    return simplify(substitute(steps[part], {axis: size_value(axis.size - 1)}))


# --- prefixes --------------------------------------------------------------------------------------------------------


def up_to(kind: str, axis: Axis, end: Term, body: Term) -> Term:
    """The reduction of the body over the indices below `end`."""
    return Term("reduce", (Term("where", (Term("lt", (index(axis), end)), body, UNITS[kind])),), (kind, axis))


def prefix(lhs: Term, rhs: Term, facts: Facts) -> bool:
    """A reduction over the indices below e + 1 is that over those below e, and the body at e, for e in range."""
    if lhs.op != "reduce" or lhs.attrs[0] not in UNITS or rhs.op != COMBINE[lhs.attrs[0]]:
        return False
    kind, axis = lhs.attrs
    mask = lhs.args[0]
    if mask.op != "where" or mask.args[0].op != "lt" or mask.args[0].args[0] is not index(axis):
        return False
    end, body = mask.args[0].args[1], mask.args[1]
    less = rhs.args[0].args[0].args[0].args[1] if _is_prefix(rhs.args[0]) else None
    if less is None or less.sort != "int" or end.sort != "int" or simplify(end) is not simplify(add(less, ONE)):
        return False
    sound = facts.extended if kind == "max" else facts.real  # a maximum may meet -inf at an index that a mask leaves out
    if axis in less.free or axis in end.free or less.states or not in_range(less, axis.size) or not sound(body):
        return False
    here = substitute(body, {axis: less})
    return lhs is up_to(kind, axis, end, body) and rhs is Term(rhs.op, (up_to(kind, axis, less, body), here))


def _is_prefix(term: Term) -> bool:
    return term.op == "reduce" and term.args[0].op == "where" and term.args[0].args[0].op == "lt"
