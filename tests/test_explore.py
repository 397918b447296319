"""The space of equal forms: its count against enumeration, its order, its filters, and derivations that are proved."""

from itertools import islice, pairwise, product
from math import prod

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

import commute
from commute.egraph.forms import Forms, Move, Node
from commute.egraph.moves import Explorer
from commute.egraph.space import Space
from commute.theory.axes import axis
from commute.theory.messages import UsageError
from commute.theory.ops import mul
from commute.theory.terms import index, read, reduce

LONG = {"n": 4096, "m": 4096, "d": 64, "e": 64}


def linear(q: Float[Tensor, "n d"], k: Float[Tensor, "m d"], v: Float[Tensor, "m e"]) -> Float[Tensor, "n e"]:
    return (q @ k.mT) @ v


def attention(q: Float[Tensor, "n d"], k: Float[Tensor, "m d"], v: Float[Tensor, "m e"]) -> Float[Tensor, "n e"]:
    return torch.softmax(q @ k.mT / 8, -1) @ v


def square(x: Float[Tensor, "n k"], a: Float[Tensor, "k r"], b: Float[Tensor, "r o"]) -> Float[Tensor, "n o"]:
    y = x @ a @ b
    return y * y


def two(x: Float[Tensor, "n k"], a: Float[Tensor, "k r"], b: Float[Tensor, "r o"]) -> tuple[Tensor, Tensor]:
    return x @ a @ b, torch.exp(x @ a)


def chain(count: int, seconds: float = 5.0) -> tuple[Forms, int]:
    """A product of matrices from left to right, explored."""
    ends = [axis(f"d{i}") for i in range(count + 1)]

    def matrix(i: int):
        return read(f"m{i}", [index(ends[i]), index(ends[i + 1])], [ends[i].size, ends[i + 1].size])

    whole = matrix(0)
    for i in range(1, count):
        whole = reduce("sum", ends[i], mul(whole, matrix(i)))
    forms = Forms()
    root = forms.insert(whole)
    assert Explorer(forms, seconds=seconds).run() == "complete"
    return forms, forms.find(root)


def spelled(space: Space, c: int, most: int) -> set[tuple]:
    """Every term of a class with at most so many nodes, written out."""
    if most < 1:
        return set()
    found: set[tuple] = set()
    for node in space.ways[c]:
        parts = [spelled(space, a, most - 1) for a in node.args]
        for args in product(*parts):
            args = tuple(sorted(args, key=repr)) if node.op in ("con", "sum") else args
            term = (node.op, repr(node.attrs), *args)
            if size(term) <= most:
                found.add(term)
    return found


def size(term: tuple) -> int:
    return 1 + sum(size(t) for t in term[2:])


@pytest.mark.parametrize("program", [linear, square, two, attention])
def test_the_count_is_the_number_of_terms_written_out(program) -> None:
    found = commute.explore(program)
    space = found.space
    for most in (5, 9, 12):
        terms = [spelled(space, r, most) for r in found.roots]
        expected = sum(1 for each in product(*terms) if sum(map(size, each)) <= most)
        assert found.count_within(most) == expected


def test_a_product_of_a_part_with_itself_has_unordered_pairs() -> None:
    """y has three forms (two orders, and all at once), y·y the 6 unordered pairs of them."""
    space = commute.explore(linear)
    assert space.count == 3
    pairs = Forms()
    y = pairs.insert(space.written.term)
    Explorer(pairs).run()
    twice = pairs.add(Node("con", (y, y), (frozenset(),)))
    assert Space(pairs, [twice], lambda c, n: 1.0).count() == 3 * 4 // 2


@pytest.mark.parametrize("count", [2, 3, 5, 7])
def test_a_chain_has_every_order_and_the_best_costs_what_dynamic_programming_says(count: int) -> None:
    forms, root = chain(count)
    dims = [3, 50, 4, 40, 5, 30, 6, 20][: count + 1]

    def many_at_once(c: int, node: Node) -> bool:
        return len(node.args) > 2

    def cost(c: int, node: Node) -> float:
        return float(prod(dims[int(a.name[1:])] for a in forms.free[c] | node.bound)) if node.args else 0.0

    orders = {2: 1, 3: 2, 5: 14, 7: 132}
    space = Space(forms, [root], cost, many_at_once)
    assert space.count() == orders[count]
    walked = list(space.walk())
    assert len({forms.build(choice, root) for _, choice in walked}) == len(walked) == orders[count]
    assert all(a <= b * (1 + 1e-12) for (a, _), (b, _) in pairwise(walked))
    assert walked[0][0] == least(dims)


def least(dims: list[int]) -> int:
    """The fewest scalar multiplications, by the textbook's recurrence."""
    n = len(dims) - 1
    best = {(i, i + 1): 0 for i in range(n)}
    for length in range(2, n + 1):
        for i in range(n - length + 1):
            j = i + length
            best[i, j] = min(best[i, k] + best[k, j] + dims[i] * dims[k] * dims[j] for k in range(i + 1, j))
    return best[0, n]


def test_the_walk_meets_every_consistent_form_once_and_in_order() -> None:
    space = commute.explore(attention, sizes=LONG)
    forms = list(space)
    assert len({f.terms for f in forms}) == len(forms)
    assert all(a.estimate <= b.estimate * (1 + 1e-12) for a, b in pairwise(forms))
    assert [f.terms for f in islice(space, 5)] == [f.terms for f in forms[:5]]
    assert len(forms) <= int(space.count)
    assert space.written.terms in {f.terms for f in forms}


def test_a_cycle_makes_the_count_infinite_and_the_bounded_count_finite() -> None:
    n = axis("n")
    forms = Forms()
    x = forms.insert(read("x", [index(n)], [n.size]))
    y = forms.add(Node("exp", (x,)))
    forms.put(y, Node("tanh", (forms.add(Node("sinh", (y,))),)), Move("made up"))
    space = Space(forms, [y], lambda c, node: 1.0)
    assert space.cyclic() and space.count() is None
    assert [space.count(k) for k in (1, 2, 3, 4, 6)] == [0, 1, 1, 2, 3]
    assert len(list(space.walk())) == 1


def test_no_array_over_both_long_axes() -> None:
    space = commute.explore(linear, sizes=LONG).without("n", "m")
    assert space.count == 2
    assert [str(f) for f in space.cheapest(1)] == ["Σ[d] q[n, d]·(Σ[m] k[m, d]·v[m, e])"]
    assert commute.explore(attention).without("n", "m").count == 0


def test_filters_by_test_and_by_the_plan() -> None:
    space = commute.explore(linear, sizes=LONG, machine="h100")
    rows = space.table(3)
    assert [r["seconds"] for r in rows] == sorted(r["seconds"] for r in rows) and len(rows) == 3
    least_traffic = min(r["traffic"] for r in rows)
    assert [f.terms for f in space.within(traffic=least_traffic)] == [space.cheapest(1)[0].terms]
    assert not list(space.within(kernels=0))
    assert not list(space.where(lambda term: "q" not in str(term)))
    with pytest.raises(UsageError, match="walked, not counted"):
        _ = space.within(kernels=1).count
    with pytest.raises(UsageError, match="need a machine"):
        commute.explore(linear).within(kernels=1)
    with pytest.raises(UsageError, match="axis q: no such axis"):
        space.without("q")


def test_a_path_leads_from_any_form_to_any_other_and_each_step_is_proved() -> None:
    space = commute.explore(attention, sizes=LONG)
    forms = list(space)
    for a, b in ((forms[-1], forms[0]), (space.written, forms[-1]), (forms[0], forms[len(forms) // 2])):
        steps = space.path(a, b)
        assert steps[0].before == a.term and steps[-1].after == b.term
        assert all(x.after == y.before for x, y in pairwise(steps))
        assert all(x.before != x.after for x in steps)
        assert all(space.certify(step) for step in steps)
    assert space.path(forms[1], forms[1]) == []
    assert space.certify((forms[0], forms[-1])).certificate is not None


def test_every_result_is_followed_and_drawn() -> None:
    space = commute.explore(two)
    forms = list(space)
    steps = space.path(forms[0], forms[-1])
    assert {s.before for s in steps} <= {t for f in forms for t in f.terms}
    assert space.draw(2).count("<title>two</title>") == 1
