"""Extraction: the cheapest term that a saturated e-graph holds equal to a given one, shared nodes counted once.

Greedy over sets of classes (a class's price is the sum over all classes that its choice uses), repeated until nothing gets
cheaper.  To add here: better searches for the same optimum.  Never here: what a node costs, which the caller's function says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from egglog.bindings import Value

from commute.egraph.encode import Shape
from commute.egraph.mirror import Mirror, Node
from commute.egraph.saturate import Saturation
from commute.theory.terms import Term, postorder


@dataclass(frozen=True)
class _Choice:
    """A term of a class, and what each class that it uses costs by itself."""

    term: Term
    prices: dict[Value, float]
    total: float


def extract(saturation: Saturation, term: Term, cost: Callable[[Term], float]) -> Term:
    """The cheapest term found equal to `term`; `cost` gives what a node costs by itself, its arguments not counted.

    KeyError where the e-graph doesn't hold the term.
    """
    mirror = saturation.engine.mirror
    root = mirror.find(term)
    if root is None:
        raise KeyError(f"the e-graph doesn't hold {term}")
    best = _choices(mirror, cost)
    found = best[root].term
    return found if price(found, cost) < price(term, cost) else term


def price(term: Term, cost: Callable[[Term], float]) -> float:
    """What a term costs as a graph: each different subterm once."""
    return sum(cost(t) for t in postorder(term))


def _choices(mirror: Mirror, cost: Callable[[Term], float]) -> dict[Value, _Choice]:
    members = mirror.members()
    users: dict[Value, set[Value]] = {}
    for where, nodes in members.items():
        for node in nodes:
            for child in mirror.open(node)[2]:
                users.setdefault(child, set()).add(where)
    best: dict[Value, _Choice] = {}
    waiting = dict.fromkeys(members)
    while waiting:
        where = next(iter(waiting))
        del waiting[where]
        for node in members[where]:
            made = _choice(mirror, where, node, best, cost)
            if made and (where not in best or made.total < best[where].total):
                best[where] = made
                waiting.update(dict.fromkeys(users.get(where, ())))
    return best


def _choice(
    mirror: Mirror, where: Value, node: Node, best: dict[Value, _Choice], cost: Callable[[Term], float]
) -> _Choice | None:
    """The node over the best terms of its arguments; None where one has none yet, or uses this class itself."""
    shape, axes, children = mirror.open(node)
    prices: dict[Value, float] = {}
    for child in children:
        if child not in best or where in best[child].prices:
            return None
        prices.update(best[child].prices)
    term = shape.fill(axes, tuple(best[c].term for c in children)) if isinstance(shape, Shape) else shape
    prices[where] = cost(term)
    return _Choice(term, prices, sum(prices.values()))
