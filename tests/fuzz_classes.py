"""The e-graph against itself: after saturation, what stands in one class must have one value, in float64 and exactly.

`python -m tests.fuzz_classes --classes 10000 --seed S` saturates random terms, sides of laws and the terms of corpus programs,
and compares members of each class at small sizes and adversarial values; float64 only accuses, exact values decide.
To add here: where terms come from, how members are chosen.  Never here: a prover, or how pairs are made (fuzz_terms.py).
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain, count, islice
from typing import Any

import flint
import numpy as np

from commute.egraph.encode import Shape
from commute.egraph.mirror import Mirror
from commute.egraph.saturate import saturate
from commute.theory.axes import Axis
from commute.theory.facts import ALL, NEG, NIL, POS, Facts
from commute.theory.law import Law
from commute.theory.ops import COMPOSITES, definition
from commute.theory.terms import INT, Term, fold, postorder, well_sorted
from commute.verify.draws import draw_inputs
from commute.verify.evaluate import BudgetExceeded, Unsupported, evaluate, ordered
from commute.verify.inputs import InputSpec, size_rows
from commute.verify.sample import BITS, Undecided, differ
from tests.fuzz_terms import ARRAYS, SIZES, pairs
from tests.fuzz_truth import drawn
from tests.random_terms import World

Arrays = Mapping[str, np.ndarray]
Sizes = Mapping[str, int]

SECONDS, ROUNDS, NODES = 1.5, 8, 4000
"""How far one e-graph is saturated."""

MEMBERS, PER_GRAPH, TOGETHER = 5, 150, 4
"""Members that are compared in a class, classes that one e-graph gives, pairs of random terms that share one."""

LARGEST, PLACES, COST = 120, 8, 5_000
"""Nodes of a member; places at which exact values are asked for one comparison, and the operations that one may take."""

SIGNS = (ALL, ALL, POS, POS | NIL, POS | NEG, NEG)


@dataclass(frozen=True)
class Source:
    """Pairs of terms to saturate together, the signs given for inputs, and draws of sizes and inputs."""

    goals: Sequence[tuple[Term, Term]]
    given: Mapping[str, int]
    draws: Sequence[tuple[Sizes, Arrays]]


@dataclass
class Tally:
    """What was compared: graphs, classes, pairs of members in float64 and exactly; and what disagreed."""

    graphs: int = 0
    classes: int = 0
    floats: int = 0
    exact: int = 0
    open: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.classes} classes of {self.graphs} e-graphs: {self.floats} pairs of members in float64, "
            f"{self.exact} exactly ({self.open} left open), {len(self.wrong)} disagreements"
        )


# --- terms -----------------------------------------------------------------------------------------------------------


def random_sources(seed: int) -> Iterator[Source]:
    """Random pairs of terms, and inputs of given signs, without end."""
    made = pairs(seed)
    for number in count():
        r = random.Random(seed + number)
        given = {n: s for n, (sort, _, _) in ARRAYS.items() if sort == "real" and (s := r.choice(SIGNS)) != ALL}
        rows = [dict(zip("nm", row, strict=True)) for row in r.sample(SIZES, 4)]
        yield Source(list(islice(made, TOGETHER)), given, [(sizes, drawn(r, sizes, given)) for sizes in rows])


@cache
def _lifted_corpus() -> list[tuple[Any, Any, Any]]:
    """Terms of corpus programs with the inputs and the conditions of their path."""
    from pathlib import Path

    from commute.lowering.lift_torch import lift
    from commute.lowering.registry import Unsupported as Unliftable
    from commute.rechecking import path_goals
    from tests.test_pairs import load

    found = []
    for path in sorted((Path(__file__).parent / "corpus").glob("*.py")):
        for _, reference, candidate, _ in load(path).PAIRS:
            try:
                lifted = lift([reference, candidate])
            except Unliftable:
                continue
            found += [(goal, p.inputs, p) for p in lifted.paths for goal in path_goals(p)[:1]]
    return found


def corpus_sources(seed: int) -> Iterator[Source]:
    """The terms of corpus programs, in a random order, once each."""
    r = random.Random(seed)
    corpus = _lifted_corpus()
    for number in r.sample(range(len(corpus)), len(corpus)):
        goal, specs, path = corpus[number]
        if sum(len(postorder(t)) for t in goal) < 2 * LARGEST:
            rng = np.random.default_rng(seed + number)
            rows = size_rows(path.symbols, specs, constraints=path.holds, count=2)
            yield Source([goal], {}, [(sizes, _quarters(specs, sizes, k, rng)) for sizes in rows for k in ("normal", "ties")])


def _quarters(specs: Sequence[InputSpec], sizes: Sizes, kind: str, rng: np.random.Generator) -> Arrays:
    """Drawn inputs, reals rounded to quarters, which exact values can read."""
    found = draw_inputs(specs, sizes, kind, rng)
    return {n: np.round(4 * v) / 4 if v.dtype.kind == "f" else v for n, v in found.items()}


# --- classes ---------------------------------------------------------------------------------------------------------


def classes(source: Source, r: random.Random, laws: Sequence[Law] | None = None) -> list[list[Term]]:
    """Members, two or more of different form, of some classes of the e-graph that the terms grow into."""
    found = saturate(source.goals, facts=Facts(source.given), seconds=SECONDS, rounds=ROUNDS, nodes=NODES, laws=laws)
    engine = found.engine
    engine.load()
    mirror = engine.mirror
    members: dict[Any, dict[Term, None]] = defaultdict(dict)
    for term in engine.encoding.terms:
        where = mirror.find(term)
        if where is not None and len(postorder(term)) <= LARGEST and not well_sorted(term):
            members[where][term] = None
    _add_built(mirror, members, r)
    several = [list(each) for each in members.values() if len(each) > 1]
    chosen = r.sample(several, min(PER_GRAPH, len(several)))
    return [r.sample(each, min(MEMBERS, len(each))) for each in chosen]


def _add_built(mirror: Mirror, members: dict[Any, dict[Term, None]], r: random.Random) -> None:
    """Members that no step ever wrote: nodes over some member of each argument's class, as congruence has them."""
    for where, nodes in mirror.members().items():
        for node in nodes:
            shape, axes, children = mirror.open(node)
            if isinstance(shape, Shape) and all(members.get(c) for c in children):
                made = shape.fill(axes, tuple(r.choice(list(members[c])) for c in children))
                if len(postorder(made)) <= LARGEST and not well_sorted(made) and _places_are_whole(made):
                    members[where][made] = None


def _places_are_whole(term: Term) -> bool:
    """Whether arrays are read at integers, as terms have it; 0 may equal 0 · x, at which nothing can be read."""
    return all(a.sort == INT for t in postorder(term) if t.op == "input" for a in t.args)


# --- values ----------------------------------------------------------------------------------------------------------


def check_source(source: Source, tally: Tally, seed: int, laws: Sequence[Law] | None = None) -> None:
    """Compare members of the classes of one e-graph; `laws` replaces those of the house."""
    r = random.Random(seed)
    groups = classes(source, r, laws)
    tally.graphs += 1
    tally.classes += len(groups)
    suspects: set[tuple[int, int]] = set()
    for sizes, arrays in source.draws:
        suspects |= _accused(groups, sizes, arrays, tally)
    for number, group in enumerate(groups):
        others = {i for n, i in suspects if n == number} or {r.randrange(1, len(group))}
        for i in sorted(others):
            for sizes, arrays in source.draws if (number, i) in suspects else source.draws[:1]:
                _decide(group[0], group[i], sizes, arrays, r, tally)


def _accused(groups: Sequence[Sequence[Term]], sizes: Sizes, arrays: Arrays, tally: Tally) -> set[tuple[int, int]]:
    """Which members float64 tells apart from the first of their class."""
    terms = [t for group in groups for t in group]
    axes = [ordered(frozenset().union(*(t.free for t in group))) for group in groups for _ in group]
    try:
        values = iter(evaluate(terms, sizes, arrays, axes, limit=1_000_000))
    except (BudgetExceeded, Unsupported):
        return set()
    found = set()
    for number, group in enumerate(groups):
        first, *rest = (np.asarray(next(values), dtype=float) for _ in group)
        for i, other in enumerate(rest, 1):
            tally.floats += 1
            with np.errstate(all="ignore"):
                gap = ~(np.abs(first - other) <= 1e-7 * (1 + np.abs(first) + np.abs(other)))
            same = (first == other) | (np.isnan(first) & np.isnan(other))
            if (gap & ~same).any():
                found.add((number, i))
    return found


def _decide(left: Term, right: Term, sizes: Sizes, arrays: Arrays, r: random.Random, tally: Tally) -> None:
    """Compare two members exactly at some places; floats overflow and cancel, these don't."""
    axes: tuple[Axis, ...] = tuple(sorted(left.free | right.free, key=lambda a: a.key))
    if _cost(left, sizes) + _cost(right, sizes) > COST:
        tally.open += 1
        return
    every = [a.size.at(sizes) for a in axes]
    total = int(np.prod(every)) if every else 1
    here = World(sizes, r, arrays=arrays)
    with flint.ctx.workprec(4 * BITS):
        for flat in r.sample(range(total), min(total, PLACES)):
            at = dict(zip(axes, map(int, np.unravel_index(flat, every)), strict=True)) if every else {}
            try:
                apart = differ(here.of(left, at), here.of(right, at))
            except (Undecided, ValueError, OverflowError):
                tally.open += 1
                continue
            tally.exact += 1
            if apart:
                tally.wrong.append(f"at {dict(sizes)}, {at}: {left}  and  {right}")
                return


def _cost(term: Term, sizes: Sizes) -> int:
    """How many operations the value at one place takes, where nothing is shared."""

    def of(t: Term, parts: tuple[int, ...]) -> int:
        opened = _cost(definition(t), sizes) if t.op in COMPOSITES else 1 + sum(parts)
        return opened * (t.attrs[1].size.at(sizes) if t.op == "reduce" else 1)

    return fold(term, of)


def hunt(number: int, seed: int, corpus: bool = True, say: bool = False) -> Tally:
    """Compare at least so many classes, every fourth e-graph from the corpus as long as it lasts."""
    tally = Tally()
    random_ones, programs = random_sources(seed), corpus_sources(seed) if corpus else iter(())
    while tally.classes < number:
        nexts = chain(programs, random_ones) if tally.graphs % 4 == 3 else random_ones
        check_source(next(nexts), tally, seed + tally.graphs)
        if say and tally.graphs % 20 == 0:
            print(tally, flush=True)
    return tally


def main(arguments: Sequence[str] | None = None) -> int:
    """Hunt, and print what disagreed; 1 where anything did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    tally = hunt(options.classes, options.seed, say=True)
    print(tally, *tally.wrong[:20], sep="\n")
    return int(bool(tally.wrong))


if __name__ == "__main__":
    sys.exit(main())
