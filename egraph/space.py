"""The forms of a space one by one: how many there are, and which is the next cheapest.

A form computes every class in one way; it is counted as the term that it spells out.  Counting is dynamic programming over
classes and sizes, the order a branch and bound over choices: nothing is enumerated that isn't asked for.
To add here: another way to read the space.  Never here: moves, kernels, a machine.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import count as counter
from math import comb, prod

from commute.egraph.forms import Cyclic, Forms, Node

Choice = dict[int, Node]
Cost = Callable[[int, Node], float]
MULTISETS = ("con", "sum")
"""Operators whose arguments have no order."""


class Space:
    """The forms of some results; `shun` says which nodes are left out (class, node), `cost` what a node adds to a form."""

    def __init__(self, forms: Forms, roots: Sequence[int], cost: Cost, shun: Callable[[int, Node], bool] | None = None):
        self.forms, self.cost = forms, cost
        self.roots = [forms.find(r) for r in roots]
        self.ways: dict[int, list[Node]] = {}
        stack = list(self.roots)
        while stack:
            c = stack.pop()
            if c in self.ways:
                continue
            found = dict.fromkeys(forms.canonical(n) for n in forms.of(c))
            self.ways[c] = [n for n in found if shun is None or not shun(c, n)]
            stack += [a for n in self.ways[c] for a in n.args]
        self._own = {c: [float(cost(c, n)) for n in ways] for c, ways in self.ways.items()}
        self.best = self._cheapest({})

    # --- counting ----------------------------------------------------------------------------------------------------

    def cyclic(self) -> bool:
        """Whether some form contains a form of its own class, so that there is no largest one."""
        state: dict[int, bool] = {}
        stack = [(r, False) for r in self.roots]
        while stack:
            c, done = stack.pop()
            if done:
                state[c] = True
            elif c in self.best and c not in state:
                state[c] = False
                stack.append((c, True))
                for a in {a for n in self.ways[c] if self._finite(n) for a in n.args}:
                    if state.get(a) is False:
                        return True
                    stack.append((a, False))
        return False

    def count(self, most: int | None = None) -> int | None:
        """How many terms the results have with at most `most` nodes in all; None for infinitely many."""
        if most is None:
            return None if self.cyclic() else self._count_all()
        return sum(self._sized(tuple(self.roots), s) for s in range(most + 1)) if self._all_finite() else 0

    def _all_finite(self) -> bool:
        return all(r in self.best for r in self.roots)

    def _finite(self, node: Node) -> bool:
        return all(a in self.best for a in node.args)

    def _count_all(self) -> int:
        done: dict[int, int] = {}

        def ways(node: Node) -> int:
            if node.op in MULTISETS:
                return prod(comb(done[a] + k - 1, k) for a, k in Counter(node.args).items())
            return prod(done[a] for a in node.args)

        for c in self._bottom_up():
            done[c] = sum(ways(n) for n in self.ways[c] if self._finite(n))
        return prod(done.get(r, 0) for r in self.roots)

    def _bottom_up(self) -> list[int]:
        """The classes, arguments first; for a space without cycles."""
        seen: set[int] = set()
        out: list[int] = []
        stack = [(r, False) for r in self.roots]
        while stack:
            c, done = stack.pop()
            if done:
                out.append(c)
            elif c in self.best and c not in seen:
                seen.add(c)
                stack.append((c, True))
                stack += [(a, False) for n in self.ways[c] if self._finite(n) for a in n.args]
        return out

    def _sized(self, args: tuple[int, ...], size: int) -> int:
        """How many tuples of terms of these classes have `size` nodes together."""

        @cache
        def of_class(c: int, s: int) -> int:
            return sum(of_node(n, s - 1) for n in self.ways[c] if self._finite(n)) if s > 0 else 0

        def of_node(node: Node, s: int) -> int:
            if node.op in MULTISETS:
                return of_groups(tuple(sorted(Counter(node.args).items())), s)
            return of_groups(tuple((a, 1) for a in node.args), s)

        @cache
        def of_groups(groups: tuple[tuple[int, int], ...], s: int) -> int:
            if not groups or s < 0:
                return int(not groups and s == 0)
            (c, k), *rest = groups
            least = sum(m for _, m in rest)
            return sum(n * of_groups(tuple(rest), s - t) for t in range(k, s - least + 1) if (n := of_multiset(c, k, t)))

        @cache
        def of_multiset(c: int, k: int, s: int) -> int:
            """Newton's identity for multisets: k·h_k = Σ p_i·h_(k-i), where p_i counts one term taken i times."""
            if k == 0:
                return int(s == 0)
            if k == 1:
                return of_class(c, s)
            total = 0
            for i in range(1, k + 1):
                for t in range(1, s // i + 1):
                    total += of_class(c, t) * of_multiset(c, k - i, s - i * t)
            return total // k

        return of_groups(tuple((a, 1) for a in args), size)

    # --- cheapest first ----------------------------------------------------------------------------------------------

    def _cheapest(self, fixed: Mapping[int, Node]) -> dict[int, tuple[float, Node]]:
        """The least cost of every class that has a finite form, and the node that has it; some classes are fixed."""
        best: dict[int, tuple[float, Node]] = {}
        users: dict[int, list[tuple[int, Node, float]]] = {}
        waiting: dict[tuple[int, Node], int] = {}
        heap: list[tuple[float, int, int, Node]] = []
        tie = counter()
        for c, ways in self.ways.items():
            for node, own in zip(ways, self._own[c], strict=True):
                if fixed.get(c, node) != node:
                    continue
                needs = set(node.args)
                waiting[c, node] = len(needs)
                for a in needs:
                    users.setdefault(a, []).append((c, node, own))
                if not needs:
                    heapq.heappush(heap, (own, next(tie), c, node))
        while heap:
            cost, _, c, node = heapq.heappop(heap)
            if c in best:
                continue
            best[c] = (cost, node)
            for user, way, own in users.get(c, ()):
                waiting[user, way] -= 1
                if not waiting[user, way]:
                    heapq.heappush(heap, (own + sum(best[a][0] for a in way.args), next(tie), user, way))
        return best

    def walk(self) -> Iterator[tuple[float, Choice]]:
        """Every form (a node for each class that it uses) with its cost, cheapest first, each once.

        The cost is that of the term: what a form uses twice is counted twice.
        """
        if not self._all_finite():
            return
        tie = counter()
        heap: list[tuple[float, int, int, list[int], Choice, Choice | None]] = []
        heap.append((self._total(self.best), next(tie), 0, [], {}, None))
        while heap:
            cost, _, place, order, fixed, whole = heapq.heappop(heap)
            if whole is None:
                solved = self._solve(fixed)
                if solved is None:
                    continue
                exact, whole = solved
                if exact > cost * (1 + 1e-12):
                    heapq.heappush(heap, (exact, next(tie), place, order, fixed, whole))
                    continue
                cost = exact
            order = self._found(whole, order)
            yield cost, {c: whole[c] for c in order}
            for bound, i, node in self._others(whole, order, place):
                prefix = {c: whole[c] for c in order[:i]} | {order[i]: node}
                heapq.heappush(heap, (max(bound, cost), next(tie), i + 1, order[: i + 1], prefix, None))

    def _total(self, best: Mapping[int, tuple[float, Node]]) -> float:
        return sum(best[r][0] for r in self.roots)

    def _solve(self, fixed: Choice) -> tuple[float, Choice] | None:
        """The cheapest form with these classes fixed, and its cost."""
        quick = {c: n for c, (_, n) in self.best.items()} | fixed
        try:
            order = self.forms.order(quick, self.roots)
        except Cyclic:
            order = []
        values: dict[int, float] = {}
        for c in order:
            values[c] = self._own[c][self.ways[c].index(quick[c])] + sum(values[a] for a in quick[c].args)
        if order and all(values[c] <= self.best[c][0] * (1 + 1e-12) for c in order if c not in fixed):
            return sum(values[r] for r in self.roots), {c: quick[c] for c in order}
        best = self._cheapest(fixed)
        if not all(r in best for r in self.roots):
            return None
        return self._total(best), {c: n for c, (_, n) in best.items()}

    def _found(self, choice: Choice, begun: Iterable[int]) -> list[int]:
        """The classes of a form in the order in which they are come upon; those of `begun` are first."""
        order = dict.fromkeys(begun)
        reached: set[int] = set()
        stack = list(reversed(self.roots))
        while stack:
            c = stack.pop()
            if c not in reached:
                reached.add(c)
                order.setdefault(c)
                stack += reversed(choice[c].args)
        return [c for c in order if c in reached]

    def _others(self, choice: Choice, order: Sequence[int], place: int) -> Iterator[tuple[float, int, Node]]:
        """Every way to differ from a form first at a place of its order: a bound of the cost from below, place, node."""
        for i in range(place, len(order)):
            c = order[i]
            if len(self.ways[c]) < 2:
                continue
            base, times = self._bound(choice, order[:i], c)
            for node, own in zip(self.ways[c], self._own[c], strict=True):
                if node != choice[c] and self._finite(node):
                    yield base + times * (own + sum(self.best[a][0] for a in node.args) - self.best[c][0]), i, node

    def _bound(self, choice: Choice, prefix: Sequence[int], c: int) -> tuple[float, int]:
        """The least cost where the prefix is as chosen, and how often the prefix uses class c."""
        known = set(prefix)

        @cache
        def go(x: int) -> tuple[float, int]:
            if x not in known:
                return self.best[x][0], int(x == c)
            parts = [go(a) for a in choice[x].args]
            own = self._own[x][self.ways[x].index(choice[x])]
            return own + sum(p[0] for p in parts), sum(p[1] for p in parts)

        parts = [go(r) for r in self.roots]
        return sum(p[0] for p in parts), sum(p[1] for p in parts)
