"""What theory/ computes, against exact values at all small sizes: computed steps, substitution, index arithmetic, facts.

What may be added here: a property of something in theory/ that is part of what is trusted. What never belongs here: laws,
which have tests of their own.
"""

import random
from collections.abc import Callable

import flint
import pytest

from commute.theory.axes import Axis, Size, axis
from commute.theory.facts import MASKS, NEG, NIL, POS, Facts
from commute.theory.folds import COMBINE, last_step, up_to
from commute.theory.index import bounds, simplify
from commute.theory.ops import COMPOSITES, add, composite, definition, eq, indicator, lt, mul
from commute.theory.polynomial import poly_of, poly_term
from commute.theory.schemas import SCHEMAS, by_sign, evaluate_constant, in_case, premises_of, reversed_sum, selected, unrolled
from commute.theory.terms import (
    BOOL,
    EXT,
    INT,
    ONE,
    REAL,
    ZERO,
    Term,
    const,
    fold_over,
    index,
    postorder,
    read,
    rebuild,
    reduce,
    size_value,
    state,
    substitute,
)
from commute.verify.sample import BITS, Undecided, Value, differ
from tests.random_terms import AXES, NUMBERS, Maker, World, places, world

FACTS = Facts()
SIZES = [(n, m) for n in (1, 2, 3) for m in (1, 2, 3)]
Pair = tuple[Term, Term]


def worlds(seed: int, count: int = 3) -> list[World]:
    source = random.Random(seed)
    return [world(source, *source.choice(SIZES)) for _ in range(count)]


def value(term: Term, here: World, at: dict[Axis, int]) -> Value | str:
    """The exact value; "open" where balls don't decide it."""
    try:
        return here.of(term, at)
    except Undecided:
        return "open"


def same(a: Value | str, b: Value | str) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return True
    try:
        return not differ(a, b)
    except Undecided:
        return True


def equal(lhs: Term, rhs: Term, seed: int) -> bool:
    """Whether two terms have equal values in some random worlds, at every index."""
    free = tuple(a for a in (*AXES, *FIXED) if a in lhs.free | rhs.free)
    with flint.ctx.workprec(BITS):
        return all(same(value(lhs, here, at), value(rhs, here, at)) for here in worlds(seed) for at in places(here.sizes, free))


FIXED = (Axis(Size(2)), Axis(Size(3)))


# --- computed steps --------------------------------------------------------------------------------------------------


def of_ring(maker: Maker) -> Pair:
    t = maker.real(3)
    return t, poly_term(poly_of(t))


def of_index(maker: Maker) -> Pair:
    t = maker.term(maker.random.choice((REAL, INT)), 3)
    return t, simplify(t)


def of_constant(maker: Maker) -> Pair:
    op = maker.random.choice(("add", "mul", "recip", "sqrt", "exp", "log", "max", "min"))
    args = [maker.random.choice(NUMBERS) for _ in range(2 if op in ("add", "mul", "max", "min") else 1)]
    t = Term(op, tuple(args))
    return t, evaluate_constant(t) or t


def of_definition(maker: Maker) -> Pair:
    row = maker.random.choice(list(COMPOSITES.values()))
    axes = () if row.carries is None else (maker.random.choice(AXES),)
    t = composite(row.name, maker.real(2), axes=axes)
    return t, definition(t)


def of_rename(maker: Maker) -> Pair:
    old, new = AXES[:2] if maker.random.random() < 0.5 else AXES[1::-1]
    kind, body = maker.random.choice(("sum", "max", "min", "prod")), maker.real(2)
    return reduce(kind, old, body), reduce(kind, new, substitute(body, {old: index(new)}))


def of_sum_constant(maker: Maker) -> Pair:
    k, body = maker.random.choice(AXES), maker.real(2)
    return reduce("sum", k, body), mul(size_value(k.size), body)


def of_select_index(maker: Maker) -> Pair:
    k, rest, place = maker.random.choice(AXES), maker.real(2), maker.integer(maker.random.choice((0, 0, 1)))
    pair = (index(k), place) if maker.random.random() < 0.5 else (place, index(k))
    return reduce("sum", k, mul(indicator(eq(*pair)), rest)), selected(k, place, rest)


def of_unroll(maker: Maker) -> Pair:
    k = maker.random.choice(FIXED)
    body = substitute(maker.real(2), {AXES[0]: index(k)})
    t = reduce(maker.random.choice(("sum", "max", "min", "prod")), k, body)
    return t, unrolled(t) or t


def of_reverse(maker: Maker) -> Pair:
    t = reduce(maker.random.choice(("sum", "max", "min", "prod")), maker.random.choice(AXES), maker.real(2))
    return t, reversed_sum(t)


def of_cases(maker: Maker) -> Pair:
    """A choice by a condition, somewhere in a term, now and then under a binder or a composite of its own axes."""
    c = maker.truth(1)
    inner = Term("where", (c, maker.real(1), maker.real(1)))
    k = maker.random.choice(AXES)
    around = (reduce("sum", k, inner), composite("softmax", inner, axes=(k,)), composite("logsumexp", inner, axes=(k,)), inner)
    t = add(maker.real(1), maker.random.choice(around))
    return t, Term("where", (c, in_case(t, c, True), in_case(t, c, False)))


def of_signs(maker: Maker) -> Pair:
    """Choices by the sign of a number, somewhere in a term, now and then under a binder or a composite of its own axes."""
    x = maker.real(1)
    inner = Term("where", (lt(ZERO, x), maker.real(1), Term("where", (eq(x, ZERO), maker.real(1), mul(x, maker.real(1))))))
    k = maker.random.choice(AXES)
    t = add(maker.real(1), maker.random.choice((reduce("sum", k, inner), composite("softmax", inner, axes=(k,)), inner)))
    return t, by_sign(t, x)


def of_prefix(maker: Maker) -> Pair:
    """The indices below e + 1, for an e that is in range, now and then one too few or too many."""
    k, other = AXES[0], maker.random.choice((index(AXES[1]), index(AXES[1]), ZERO, maker.integer(1)))
    kind, body = maker.random.choice(("sum", "max", "prod")), maker.real(2)
    end = add(other, const(maker.random.choice((0, 1, 1, 1, 1, 2))))
    less = Term(COMBINE[kind], (up_to(kind, k, other, body), substitute(body, {k: other})))
    return up_to(kind, k, end, body), less


def of_fold(maker: Maker) -> Pair:
    """A running sum, maximum or product, and the family of its prefixes, now and then one that starts or steps otherwise."""
    k, inner = AXES[0], AXES[1]
    kind, start = maker.random.choice((("sum", ZERO), ("prod", ONE), ("sum", ONE)))
    body = substitute(maker.real(1), {inner: ZERO})
    step = Term(COMBINE[kind], (state("s"), body))
    below = add(index(k), const(maker.random.choice((0, 1, 1, 1, 1))))
    family = up_to(kind, inner, below, substitute(body, {k: index(inner)}))
    return fold_over(k, ("s",), [start], [step]), fold_over(k, ("s",), [start], [family])


def of_last(maker: Maker) -> Pair:
    """A fold whose steps read no states of it, now and then one that does."""
    step = maker.real(2) if maker.random.random() < 0.8 else add(state("t"), maker.real(2))
    t = fold_over(AXES[0], ("s", "t"), [maker.real(1), ONE], [step, maker.real(2)], maker.random.choice((0, 1)))
    return t, last_step(t) or maker.real(2)


MAKERS: dict[str, Callable[[Maker], Pair]] = {
    "ring": of_ring,
    "index": of_index,
    "constant": of_constant,
    "definition": of_definition,
    "rename": of_rename,
    "sum_constant": of_sum_constant,
    "select_index": of_select_index,
    "unroll": of_unroll,
    "reverse": of_reverse,
    "cases": of_cases,
    "signs": of_signs,
    "prefix": of_prefix,
    "fold": of_fold,
    "last": of_last,
}


def altered(term: Term, maker: Maker) -> Term:
    """The term with one part changed a little: another number, axis or operator, or arguments the other way round."""
    part = maker.random.choice(postorder(term))
    return _put(term, part, _altered_node(part, maker))


def _altered_node(t: Term, maker: Maker) -> Term:
    r = maker.random
    swaps = {"add": "mul", "mul": "add", "max": "min", "min": "max", "lt": "le", "le": "lt", "and": "or", "or": "and"}
    if t.op == "const":
        return const(t.attrs[0] + 1)
    if t.op == "axis":
        return index(r.choice([a for a in AXES if a != t.attrs[0]]))
    if t.op == "reduce":
        other = r.choice([a for a in AXES if a != t.attrs[1]])
        return r.choice((reduce(t.attrs[0], other, t.args[0]), reduce(r.choice(("sum", "max", "prod")), t.attrs[1], t.args[0])))
    if t.op in swaps:
        return Term(swaps[t.op], t.args)
    if t.op in ("where", "floordiv", "mod") or t.sort in (BOOL, EXT):
        return Term("where", (t.args[0], t.args[2], t.args[1])) if t.op == "where" else t
    return add(t, const(1)) if t.sort == INT else mul(t, const(2))


def _put(term: Term, part: Term, new: Term) -> Term:
    if term is part:
        return new
    return rebuild(term, tuple(_put(a, part, new) for a in term.args))


def test_every_computed_step_is_tried_here() -> None:
    assert set(MAKERS) == set(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_computed_steps_accept_nothing_false(name: str) -> None:
    accepted = near = 0
    for seed in range(250):
        maker = Maker(random.Random(f"{name} {seed}"))
        lhs, rhs = MAKERS[name](maker)
        for a, b in ((lhs, rhs), (rhs, lhs), (lhs, altered(rhs, maker)), (altered(lhs, maker), rhs), (lhs, maker.real(1))):
            if SCHEMAS[name](a, b, FACTS) and all(equal(p, q, seed) for p, q in premises_of(name, a, b)):
                accepted += a is not b
                assert equal(a, b, seed), f"{name}: {a} = {b}"
            else:
                near += 1
    assert accepted >= 20, accepted
    assert near >= 20, near


def test_any_computed_step_on_random_pairs_is_true() -> None:
    for seed in range(300):
        maker = Maker(random.Random(seed))
        t = maker.real(3)
        for other in (altered(t, maker), simplify(altered(t, maker))):
            for name, holds in SCHEMAS.items():
                if other is not t and holds(t, other, FACTS):
                    assert equal(t, other, seed), f"{name}: {t} = {other}"


# --- substitution ----------------------------------------------------------------------------------------------------


def test_soundness_1_substitution_captures_nothing() -> None:
    """The value of t[a := e] is the value of t where a is the value of e, whatever e and the binders in t are called."""
    for seed in range(400):
        maker = Maker(random.Random(seed))
        t, e = maker.term(maker.random.choice((REAL, EXT)), 4), maker.integer(maker.random.randint(0, 1))
        a = maker.random.choice(AXES)
        put = substitute(t, {a: e})
        assert put.free <= (t.free - {a}) | e.free
        with flint.ctx.workprec(BITS):
            for here in worlds(seed, 2):
                for at in places(here.sizes, AXES):
                    inner = {**at, a: int(here.of(e, at))}  # type: ignore[arg-type]
                    assert same(value(put, here, at), value(t, here, inner)), f"{t} with {a} := {e} is {put}"


def test_soundness_1_substitution_of_two_axes_at_once() -> None:
    for seed in range(100):
        maker = Maker(random.Random(seed), smooth=False)
        t, first, second = maker.real(3), AXES[0], AXES[1]
        swapped = substitute(t, {first: index(second), second: index(first)})
        for here in worlds(seed, 2):
            for at in places(here.sizes, AXES):
                assert same(value(swapped, here, at), value(t, here, {**at, first: at[second], second: at[first]}))


def test_soundness_1_a_term_never_renames() -> None:
    """Binders keep their names, shadowing is allowed, and a renaming step may not capture."""
    n, other = axis("n"), axis("n", 1)
    a = read("a", [index(n), index(other)], [n.size, n.size])
    shadowed = reduce("sum", n, mul(a, reduce("max", n, a)))
    assert shadowed.args[0].args[1].attrs[1] == n
    assert SCHEMAS["rename"](reduce("sum", n, a), reduce("sum", n, a), FACTS)
    assert not SCHEMAS["rename"](reduce("sum", n, a), reduce("sum", other, a), FACTS)
    assert not SCHEMAS["rename"](reduce("sum", n, a), reduce("sum", other, substitute(a, {n: index(other)})), FACTS)
    far = axis("n", 2)
    assert SCHEMAS["rename"](reduce("sum", n, a), reduce("sum", far, substitute(a, {n: index(far)})), FACTS)
    assert not SCHEMAS["rename"](reduce("sum", n, a), reduce("max", far, substitute(a, {n: index(far)})), FACTS)


# --- index arithmetic ------------------------------------------------------------------------------------------------


def test_simplified_indices_have_the_same_values_at_all_small_sizes() -> None:
    for seed in range(600):
        maker = Maker(random.Random(seed), smooth=False)
        t = maker.integer(3) if seed % 2 else maker.truth(2)
        done, limits = simplify(t), bounds(t) if t.sort == INT else None
        for n, m in SIZES:
            here = world(random.Random(seed), n, m)
            for at in places(here.sizes, AXES):
                v = value(t, here, at)
                assert same(v, value(done, here, at)), f"{t} became {done} at {here.sizes} {at}"
                if limits and isinstance(v, int | float) or (limits and v is not None and not isinstance(v, str | flint.arb)):
                    assert limits[0].at(here.sizes) <= v <= limits[1].at(here.sizes), f"{t} is {v}, not within {limits}"


# --- facts -----------------------------------------------------------------------------------------------------------


def sign_of(v: Value | str) -> int:
    """The sign of a value as a set of signs; minus infinity counts as negative, 0 stands for what is open."""
    if v is None:
        return NEG
    if isinstance(v, str):
        return 0
    if isinstance(v, flint.arb):
        return POS if v > 0 else NEG if v < 0 else 0
    return POS if v > 0 else NEG if v < 0 else NIL


def test_signs_and_finiteness_are_never_wrong() -> None:
    said = 0
    for seed in range(800):
        maker = Maker(random.Random(seed))
        t = maker.term(maker.random.choice((REAL, EXT)), maker.random.randint(1, 4))
        facts = Facts()
        signs, real, extended = facts.signs(t), facts.real(t), facts.extended(t)
        said += signs != NEG | NIL | POS
        with flint.ctx.workprec(BITS):
            for here in worlds(seed):
                for at in places(here.sizes, AXES):
                    try:
                        v = value(t, here, at)
                    except ValueError:
                        assert not extended, f"{t} uses minus infinity where a real number belongs"
                        continue
                    assert sign_of(v) & ~signs == 0, f"{t} is {v}"
                    assert v is not None or not real, f"{t} is minus infinity"
    assert said > 150


def test_soundness_4_what_is_read_off_holds_for_total_functions() -> None:
    """1/x is nonzero only where x is; roots and exponentials may be 0 where they are so by convention."""
    x = read("c", [], [])
    assert not FACTS.holds("nonzero", Term("recip", (x,)))
    assert not FACTS.holds("positive", Term("sqrt", (x,)))
    assert FACTS.holds("nonnegative", Term("sqrt", (x,)))
    assert FACTS.holds("positive", Term("exp", (x,)))
    assert FACTS.holds("nonnegative", Term("exp", (Term("ninf"),))) and not FACTS.holds(
        "positive", Term("exp", (Term("ninf"),))
    )
    assert set(MASKS) == {"positive", "nonnegative", "nonzero"}
