"""The structural laws of diagrams: both sides build one and the same term; and types that don't meet are named.

What may be added here: another structural law in `MOVES`, another box in `random_box`. What never belongs here: laws
that need a rewrite; those are tested with the laws themselves.
"""

import random
from collections.abc import Callable

import pytest

from commute.theory.axes import Axis, Size, axis
from commute.theory.diagram import (
    Array,
    Diagram,
    Type,
    arrange,
    constant,
    contract,
    copy,
    drop,
    elementwise,
    identity,
    over,
    reindex,
    source,
    spread,
    swap,
)
from commute.theory.messages import UsageError
from commute.theory.ops import add, mul
from commute.theory.terms import const, index, size_value

AXES = tuple(axis(name) for name in "bhnmd")
EXTRA = Axis(Size.symbol("w"), 1)


def random_array(rng: random.Random) -> Array:
    return tuple(rng.sample(AXES, rng.randint(0, 3)))


def random_box(rng: random.Random, arrays: Type) -> Diagram:
    """One box on the first arrays of the type, identity on the rest."""
    choices: list[Callable[[], Diagram]] = [lambda: source(rng.choice("ABC"), random_array(rng))]
    if arrays:
        first = arrays[0]
        choices += [
            lambda: copy(first),
            lambda: elementwise(rng.choice(("exp", "tanh", "relu")), first),
            lambda: arrange(first, rng.sample(first, len(first))),
        ]
        if len(arrays) > 2:
            choices.append(lambda: drop(first))
        if missing := sorted(set(AXES) - set(first), key=lambda a: a.key):
            choices.append(lambda: spread(first, missing[0]))
        if first:
            over_axis, name = rng.choice(first), rng.choice(("sum", "max", "softmax", "logsumexp"))
            rest = tuple(a for a in first if a != over_axis)
            shifted = add(index(over_axis), const(1))
            choices.append(lambda: over(name, first, over_axis))
            choices.append(lambda: reindex(first, first, {over_axis: shifted}))
            choices.append(lambda: reindex(first, rest, {over_axis: const(0)}))
    if len(arrays) > 1:
        first, second = arrays[:2]
        both = sorted(set(first) & set(second), key=lambda a: a.key)
        choices.append(lambda: swap(first, second))
        choices.append(lambda: elementwise(rng.choice(("add", "mul", "max")), first, second))
        if both:
            choices.append(lambda: contract(first, second, both[0]))
    chosen = rng.choice(choices)()
    return chosen @ identity(*arrays[len(chosen.inputs) :])


def random_diagram(rng: random.Random, arrays: Type, steps: int) -> Diagram:
    diagram = identity(*arrays)
    for _ in range(steps):
        diagram = diagram >> random_box(rng, diagram.outputs)
        if len(diagram.outputs) > 1 and rng.random() < 0.3:
            first, *rest = diagram.outputs
            diagram = diagram >> identity(first) @ random_box(rng, tuple(rest))
    return diagram


def some(rng: random.Random) -> Diagram:
    return random_diagram(rng, tuple(random_array(rng) for _ in range(rng.randint(0, 2))), rng.randint(0, 3))


def after(rng: random.Random, first: Diagram) -> Diagram:
    return random_diagram(rng, first.outputs, rng.randint(0, 3))


def copies(arrays: Type) -> Diagram:
    """The copy of a whole tuple: A, B -> A, B, A, B, out of copies and swaps of arrays."""
    diagram = identity()
    for array in arrays:
        diagram = diagram @ copy(array)
    return diagram >> permutation(diagram.outputs, [*range(0, 2 * len(arrays), 2), *range(1, 2 * len(arrays), 2)])


def permutation(arrays: Type, order: list[int]) -> Diagram:
    """The arrays in another order, out of swaps of neighbours."""
    diagram, places = identity(*arrays), [order.index(i) for i in range(len(order))]
    for end in range(len(places), 1, -1):
        for i in range(end - 1):
            if places[i] > places[i + 1]:
                now = diagram.outputs
                diagram = diagram >> identity(*now[:i]) @ swap(now[i], now[i + 1]) @ identity(*now[i + 2 :])
                places[i], places[i + 1] = places[i + 1], places[i]
    return diagram


def exchange(upper: Type, lower: Type) -> Diagram:
    """The two tuples, the lower one above."""
    a, b = len(upper), len(lower)
    return permutation(upper + lower, [*range(a, a + b), *range(a)])


def drops(arrays: Type) -> Diagram:
    diagram = identity()
    for array in arrays:
        diagram = diagram @ drop(array)
    return diagram


Sides = tuple[Diagram, Diagram]


def interchange(rng: random.Random) -> Sides:
    f1, f2 = some(rng), some(rng)
    g1, g2 = after(rng, f1), after(rng, f2)
    return (f1 >> g1) @ (f2 >> g2), f1 @ f2 >> g1 @ g2


def sliding(rng: random.Random) -> Sides:
    f, g = some(rng), some(rng)
    upper_first = f @ identity(*g.inputs) >> identity(*f.outputs) @ g
    return upper_first, identity(*f.inputs) @ g >> f @ identity(*g.outputs)


def associativity(rng: random.Random) -> Sides:
    f = some(rng)
    g = after(rng, f)
    h, k = after(rng, g), some(rng)
    return ((f >> g) >> h) @ (k @ f), ((f >> (g >> h)) @ k) @ f


def units(rng: random.Random) -> Sides:
    f = some(rng)
    return identity() @ (identity(*f.inputs) >> f), (f >> identity(*f.outputs)) @ identity()


def swap_naturality(rng: random.Random) -> Sides:
    f, g = some(rng), some(rng)
    return f @ g >> exchange(f.outputs, g.outputs), exchange(f.inputs, g.inputs) >> g @ f


def swap_involution(rng: random.Random) -> Sides:
    a, b = random_array(rng), random_array(rng)
    return swap(a, b) >> swap(b, a), identity(a, b)


def hexagon(rng: random.Random) -> Sides:
    a, b, c = (random_array(rng) for _ in range(3))
    return exchange((a,), (b, c)), swap(a, b) @ identity(c) >> identity(b) @ swap(a, c)


def copy_naturality(rng: random.Random) -> Sides:
    f = some(rng)
    return f >> copies(f.outputs), copies(f.inputs) >> f @ f


def copy_symmetry(rng: random.Random) -> Sides:
    a = random_array(rng)
    return copy(a) >> swap(a, a), copy(a)


def copy_association(rng: random.Random) -> Sides:
    a = random_array(rng)
    return copy(a) >> copy(a) @ identity(a), copy(a) >> identity(a) @ copy(a)


def copy_then_drop(rng: random.Random) -> Sides:
    f = some(rng)
    return f >> copies(f.outputs) >> drops(f.outputs) @ identity(*f.outputs), f


def drop_naturality(rng: random.Random) -> Sides:
    f = some(rng)
    return f >> drops(f.outputs), drops(f.inputs)


def weave_past_sequence(rng: random.Random) -> Sides:
    f = some(rng)
    g = after(rng, f)
    return (f >> g).weave(EXTRA), f.weave(EXTRA) >> g.weave(EXTRA)


def weave_past_parallel(rng: random.Random) -> Sides:
    f, g = some(rng), some(rng)
    return (f @ g).weave(EXTRA), f.weave(EXTRA) @ g.weave(EXTRA)


def weave_of_wires(rng: random.Random) -> Sides:
    a, b = random_array(rng), random_array(rng)
    woven = swap((EXTRA, *a), (EXTRA, *b)) >> copy((EXTRA, *b)) @ drop((EXTRA, *a))
    return (swap(a, b) >> copy(b) @ drop(a)).weave(EXTRA), woven


def index_before_is_index_after(rng: random.Random) -> Sides:
    """[f, P] ; [Y, q] = [X, q] ; f for one index of a woven axis: the batch lift."""
    f = some(rng)
    place = add(mul(index(axis("g")), size_value(axis("t").size)), index(axis("t")))

    def picked(arrays: Type) -> Diagram:
        diagram = identity()
        for array in arrays:
            diagram = diagram @ reindex((EXTRA, *array), (axis("g"), axis("t"), *array), {EXTRA: place})
        return diagram

    lifted = f.weave(EXTRA) >> picked(f.outputs)
    return lifted, picked(f.inputs) >> f.weave(axis("t")).weave(axis("g"))


MOVES = [
    interchange,
    sliding,
    associativity,
    units,
    swap_naturality,
    swap_involution,
    hexagon,
    copy_naturality,
    copy_symmetry,
    copy_association,
    copy_then_drop,
    drop_naturality,
    weave_past_sequence,
    weave_past_parallel,
    weave_of_wires,
    index_before_is_index_after,
]


@pytest.mark.parametrize("law", MOVES, ids=lambda law: law.__name__)
def test_structural_law_is_one_and_the_same_term(law: Callable[[random.Random], Sides]) -> None:
    for seed in range(150):
        left, right = law(random.Random(seed))
        assert (left.inputs, left.outputs) == (right.inputs, right.outputs)
        for a, b in zip(left.term(), right.term(), strict=True):
            assert a is b, f"seed {seed}: {a} and {b}"


def test_inside_a_larger_diagram() -> None:
    """A law may be used in the middle of any diagram: what stands before and after sees no difference."""
    for seed in range(150):
        rng = random.Random(seed)
        left, right = rng.choice(MOVES)(rng)
        before = identity(*left.inputs)
        for array in left.inputs:
            before = before @ source("S", array)
        before = before >> exchange(left.inputs, left.inputs)
        after_it = random_diagram(rng, left.outputs + left.inputs, 2)
        woven = [(before >> side @ identity(*left.inputs) >> after_it).term() for side in (left, right)]
        assert all(a is b for a, b in zip(*woven, strict=True)), f"seed {seed}"


def test_a_diagram_is_not_equal_to_another_one() -> None:
    n, m = axis("n"), axis("m")
    assert over("sum", (n, m), m).term() != over("max", (n, m), m).term()
    assert swap((n,), (n,)).term() != identity((n,), (n,)).term()


def test_terms_name_the_inputs() -> None:
    n, d = axis("n"), axis("d")
    diagram = contract((n, d), (n, d), d)
    assert str(diagram.term("Q", "K")[0]) == "Σ[d] Q[n, d]·K[n, d]"
    assert str(constant(const(2)).term()[0]) == "2"


N, M, D = axis("n"), axis("m"), axis("d")
MISTAKES = [
    (lambda: identity((N, D)) >> over("sum", (M, D), D), ">>: the left gives ((n, d)), the right takes ((m, d))"),
    (lambda: over("softmax", (N, D), M), "softmax: axis m is not in ((n, d))"),
    (lambda: contract((N, D), (M, D), axis("h")), "sum: axis h is not in ((n, d, m))"),
    (lambda: identity((N, D)).weave(N), "axis n is already in ((n, d)) -> ((n, d)); take another copy, such as n'"),
    (lambda: spread((N,), N), "axis n is already in ((n)); take another copy, such as n'"),
    (lambda: identity((N,)).term("x", "y"), "term: takes ((n)), not 2 arrays"),
    (lambda: identity((N,)).term(index(M)), "term: m: axis m is not in ((n))"),
    (lambda: elementwise("add", (N,)), "add: takes 2 arrays, not 1 array"),
    (lambda: elementwise("softmaxx", (N,)), "elementwise: no operator softmaxx; did you mean softmax?"),
    (lambda: over("summ", (N,), N), "over: no operator summ; did you mean sum?"),
    (lambda: reindex((N,), (M,), {D: index(M)}), "reindex: axis d is not in ((n))"),
    (lambda: reindex((N,), (M,), {N: index(D)}), "reindex: axis d is not in ((m))"),
    (lambda: arrange((N, M), (N, D)), "arrange: axis m is not in ((n, d))"),
    (lambda: constant(index(N)), "constant: axis n is not in (())"),
]


@pytest.mark.parametrize(("mistake", "text"), MISTAKES, ids=[text.split(":")[0] for _, text in MISTAKES])
def test_mistake_is_one_line(mistake: Callable[[], object], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        mistake()
    assert str(caught.value) == text
