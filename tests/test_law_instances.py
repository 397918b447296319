"""Every law at work: wherever it fits in random terms, what it makes of them has the same values.

Values are compared in float64; where they differ by more than rounding, exact values decide.
What may be added here: another way of making terms in which laws fit. What never belongs here: a law by name.
"""

import random
from collections import Counter
from collections.abc import Iterator

import flint
import numpy as np
import pytest

from commute.theory.facts import Facts
from commute.theory.law import BadInstance, Law, all_laws
from commute.theory.terms import EXT, Term, const, instantiate, postorder, rebuild, well_sorted
from commute.verify.evaluate import evaluate
from commute.verify.matching import Filling, match
from commute.verify.sample import BITS, Undecided, differ
from tests.random_terms import AXES, Maker, World, places, world

TERMS = 2000
MORE = 12
FITS_A_TERM = 6
LAWS = all_laws()
FACTS = Facts()

# Sides by their operator; a side that is a bare hole fits everywhere, and is tried apart.
BY_OP: dict[str, list[tuple[Law, Term, Term]]] = {}
for _law in LAWS:
    for _from, _to in ((_law.lhs, _law.rhs), (_law.rhs, _law.lhs)):
        BY_OP.setdefault(_from.op, []).append((_law, _from, _to))


def random_filling(law: Law, maker: Maker, given: Filling | None = None) -> Filling:
    """What is not given yet of a law's parameters, drawn so that conditions are likely to hold."""
    filling = given or Filling()
    unused = [a for a in maker.axes if a not in filling.axes.values()]
    for axis in law.axes:
        if axis not in filling.axes:
            filling.axes[axis] = unused.pop(maker.random.randrange(len(unused)))
    wanted = dict((name, predicate) for predicate, name in law.where)
    for name, sort in law.holes.items():
        if name not in filling.holes:
            hidden = {filling.axes[a] for a in law.closed.get(name, ())}
            drawn = (maker.term(sort, maker.random.randint(0, 2)) for _ in range(6))
            made = next((t for t in drawn if not hidden & t.free), maker.term(sort, 0))
            if name in wanted and sort == "real":
                made = Term("exp", (made,)) if maker.random.random() < 0.5 else const(maker.random.randint(1, 3))
            elif name in wanted:
                made = const(maker.random.randint(1, 3))
            filling.holes[name] = made
    return filling


def sides_of(law: Law, filling: Filling, backwards: bool) -> tuple[Term, Term] | None:
    """The instance, where all conditions hold."""
    try:
        lhs, rhs = law.instance(filling.holes, filling.axes, FACTS)
    except BadInstance:
        return None
    if not all(FACTS.holds(predicate, filling.holes[name]) for predicate, name in law.where):
        return None
    return (rhs, lhs) if backwards else (lhs, rhs)


def term_around(source: random.Random, maker: Maker, law: Law) -> Term:
    """A random term; most often one side of the law stands in it."""
    whole = maker.real(3)
    if source.random() < 0.1:
        return whole
    for _ in range(8):
        sides = sides_of(law, random_filling(law, maker), source.random() < 0.5)
        if sides is not None:
            inner = sides[0] if sides[0].sort != EXT else Term("exp", (sides[0],))
            spots = [t for t in postorder(whole) if t.sort in ("real", "int")]
            source.shuffle(spots)
            return next((put for t in spots[:5] if (put := replaced(whole, t, inner)) is not whole), inner)
    return whole


def replaced(term: Term, old: Term, new: Term) -> Term:
    """`term` with every `old` in it replaced by `new`, but for indices of reads, which stay whole numbers."""
    if term is old:
        return new
    if term.op == "input" or (term.op in ("floordiv", "mod") and new.sort != "int"):
        return term
    return rebuild(term, tuple(replaced(a, old, new) for a in term.args))


def fits(term: Term, maker: Maker) -> Iterator[tuple[Law, Term, Term]]:
    """Law, part of the term, and what the law makes of that part, for every part, law and direction that fit."""
    parts = postorder(term)
    for part in parts:
        for law, pattern, _ in BY_OP.get(part.op, ()):
            filling = match(pattern, part)
            if filling is not None and (found := _made(law, part, pattern, filling, maker)) is not None:
                yield law, part, found
    part = maker.random.choice(parts)
    for law, pattern, _ in BY_OP["hole"]:
        if part.sort == "real" and not well_sorted(part):
            found = _made(law, part, pattern, Filling({pattern.attrs[0]: part}), maker)
            if found is not None:
                yield law, part, found


def _made(law: Law, part: Term, pattern: Term, filling: Filling, maker: Maker) -> Term | None:
    full = random_filling(law, maker, filling)
    sides = sides_of(law, full, pattern is law.rhs)
    if sides is None or (part.sort == "int") > (sides[1].sort == "int"):  # an index stays a whole number
        return None
    assert sides[0] is part, law.name
    assert sides[1] is instantiate(law.lhs if pattern is law.rhs else law.rhs, full.holes, full.axes)
    return sides[1]


def values(term: Term, here: World) -> np.ndarray:
    with np.errstate(all="ignore"):
        return evaluate([term], here.sizes, here.arrays, AXES)[0]


def surely_differ(before: Term, after: Term, here: World) -> bool:
    """Whether exact values differ somewhere; what balls leave open counts as equal."""
    with flint.ctx.workprec(BITS):
        for at in places(here.sizes, AXES):
            try:
                if differ(here.of(before, at), here.of(after, at)):
                    return True
            except Undecided:
                continue
    return False


def applications(used: Counter[str]) -> Iterator[tuple[int, Law, Term, Term]]:
    """Number of the term, a law, the term, and the term after the law; laws that were `used` least come first.

    A law that the terms of all laws' turns rarely hold gets turns of its own.
    """
    for number in range(TERMS + MORE * len(LAWS)):
        law = LAWS[number % len(LAWS)]
        if number >= TERMS and used[law.name] >= 3:
            continue
        maker = Maker(random.Random(number))
        term = term_around(maker.random, maker, law)
        found = list(fits(term, maker))
        maker.random.shuffle(found)
        for law, part, made in sorted(found, key=lambda f: used[f[0].name])[:FITS_A_TERM]:
            used[law.name] += 1
            yield number, law, term, _swapped(term, part, made)


def _swapped(term: Term, part: Term, made: Term) -> Term:
    if term is part:
        return made
    return rebuild(term, tuple(_swapped(a, part, made) for a in term.args))


def test_laws_keep_the_values_of_random_terms() -> None:
    used: Counter[str] = Counter()
    exact = 0
    known: tuple[Term | None, World, np.ndarray] | None = None
    for number, law, before, after in applications(used):
        if known is None or known[0] is not before:
            source = random.Random(number + 10**6)
            here = world(source, source.randint(1, 3), source.randint(1, 3))
            known = (before, here, values(before, here))
        _, here, old = known
        new = values(after, here)
        if not np.allclose(old, new, rtol=1e-7, atol=1e-9, equal_nan=True):
            exact += 1
            assert not surely_differ(before, after, here), f"{law.name}: {before} became {after} at {here.sizes}"
    assert sum(used.values()) > 4 * TERMS
    assert exact < sum(used.values()) / 20
    assert not [law.name for law in LAWS if used[law.name] < 3]


@pytest.mark.parametrize("law", [law for law in LAWS if law.closed], ids=lambda law: law.name)
def test_soundness_2_a_hole_that_sees_a_bound_axis_is_refused(law: Law) -> None:
    """The instance that the law's scopes forbid is refused, whichever hole and axis."""
    maker = Maker(random.Random(law.name), smooth=False)
    for name, axes in law.closed.items():
        for axis in axes:
            for _ in range(20):
                filling = random_filling(law, maker)
                inside = maker.term(law.holes[name], 2)
                filling.holes[name] = inside
                if filling.axes[axis] in inside.free:
                    with pytest.raises(BadInstance):
                        law.instance(filling.holes, filling.axes, FACTS)
