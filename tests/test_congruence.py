"""Congruence closure: explanations are few, ordered and sufficient; derivations are read line by line."""

import random
import time
from collections.abc import Iterator
from itertools import pairwise

from commute.theory.law import find_law
from commute.theory.ops import add, exp, log, mul, recip
from commute.theory.step import Step, law_step
from commute.theory.terms import ONE, Term, const, postorder, read
from commute.verify.congruence import Closure, chain, close, explain


def leaf(i: int) -> Term:
    return read(f"x{i}", (), ())


def equation(left: Term, right: Term) -> Step:
    """A step without a law: the closure doesn't ask why."""
    return Step("given", left, right)


def naive_classes(steps: list[Step], terms: list[Term]) -> dict[Term, int]:
    """The congruence classes by brute force: joined again and again until nothing moves."""
    cls = {t: i for i, t in enumerate(postorder(*terms))}

    def join(a: Term, b: Term) -> bool:
        old, new = cls[a], cls[b]
        for t in cls:
            if cls[t] == old:
                cls[t] = new
        return old != new

    moved = True
    while moved:
        moved = any([join(s.lhs, s.rhs) for s in steps])
        for a in cls:
            for b in cls:
                if a.args and (a.op, a.attrs) == (b.op, b.attrs) and [cls[x] for x in a.args] == [cls[x] for x in b.args]:
                    moved |= join(a, b)
    return cls


def random_term(rng: random.Random, depth: int) -> Term:
    if depth == 0 or rng.random() < 0.2:
        return leaf(rng.randrange(4))
    if rng.random() < 0.4:
        return exp(random_term(rng, depth - 1))
    return add(random_term(rng, depth - 1), random_term(rng, depth - 1))


def random_problems(count: int) -> Iterator[tuple[list[Step], list[Term]]]:
    for seed in range(count):
        rng = random.Random(seed)
        terms = [random_term(rng, 3) for _ in range(6)]
        pool = postorder(*terms)
        yield [equation(rng.choice(pool), rng.choice(pool)) for _ in range(rng.randrange(1, 6))], pool


def one_place(before: Term, after: Term, step: Step) -> bool:
    """Whether `after` is `before` with the step applied at one place (or at equal sisters)."""
    if before is after or {before, after} == {step.lhs, step.rhs}:
        return True
    if (before.op, before.attrs) != (after.op, after.attrs):
        return False
    return all(one_place(a, b, step) for a, b in zip(before.args, after.args, strict=True))


def test_the_classes_are_those_of_brute_force() -> None:
    for steps, pool in random_problems(60):
        closure, cls = close(steps), naive_classes(steps, pool)
        for a in pool[::2]:
            for b in pool:
                assert closure.equal(a, b) == (cls[a] == cls[b])


def test_an_explanation_suffices_and_no_step_can_be_left_out() -> None:
    explained = 0
    for steps, pool in random_problems(150):
        for a, b in pairwise(pool):
            few = explain(steps, a, b)
            if few is None:
                continue
            explained += len(few)
            assert close(few).equal(a, b)
            assert not any(close(few[:i] + few[i + 1 :]).equal(a, b) for i in range(len(few)))
    assert explained > 100


def test_a_derivation_goes_from_the_left_to_the_right_one_step_a_line() -> None:
    lines = 0
    for steps, pool in random_problems(150):
        for a, b in pairwise(pool):
            derivation = chain(steps, a, b)
            if derivation is None:
                assert explain(steps, a, b) is None
                continue
            for before, (after, step) in zip([a, *[t for t, _ in derivation]], derivation, strict=False):
                assert before is not after and one_place(before, after, step)
            assert (derivation[-1][0] if derivation else a) is b
            lines += len(derivation)
    assert lines > 100


def test_no_step_is_needed_for_a_term_and_itself() -> None:
    assert explain([], exp(leaf(0)), exp(leaf(0))) == [] and chain([], exp(leaf(0)), exp(leaf(0))) == []
    assert explain([], leaf(0), leaf(1)) is None


def test_a_witness_leans_on_earlier_steps_and_brings_them_along() -> None:
    x, e = leaf(0), exp(leaf(1))
    known = equation(x, e)
    leaning = law_step(find_law("recip_cancels"), {"x": x}, witnesses={"x": e})
    goal = mul(x, recip(x))
    assert explain([known, leaning], goal, ONE) == [known, leaning]
    assert explain([leaning, known], goal, ONE) == [known, leaning], "a step waits until its witness is equal"
    assert explain([leaning], goal, ONE) is None, "nothing makes the witness equal to the hole"


def test_a_witness_may_not_lean_on_its_own_step() -> None:
    x = leaf(0)
    circular = law_step(find_law("exp_of_log"), {"x": x}, witnesses={"x": exp(log(x))})
    assert explain([circular], exp(log(x)), x) is None


def test_nodes_that_come_after_a_join_are_congruent_at_once() -> None:
    closure = Closure()
    assert closure.step(equation(leaf(0), leaf(1)))
    assert closure.equal(exp(add(leaf(0), leaf(2))), exp(add(leaf(1), leaf(2))))
    assert closure.needed(exp(leaf(0)), exp(leaf(1))) == [0]


def test_deep_terms_need_no_recursion() -> None:
    left, right = leaf(0), leaf(1)
    for i in range(5000):
        left, right = add(left, const(i)), add(right, const(i))
    step = equation(leaf(0), leaf(1))
    assert explain([step], left, right) == [step]
    derivation = chain([step], left, right)
    assert derivation is not None and derivation == [(right, step)]


def test_ten_thousand_steps_take_less_than_a_second() -> None:
    rng = random.Random(0)
    leaves = [leaf(i) for i in range(2000)]
    steps = [
        law_step(find_law("add_commutes"), {"x": mul(a, b), "y": exp(c)})
        for a, b, c in (rng.choices(leaves, k=3) for _ in range(8000))
    ] + [equation(a, b) for a, b in pairwise(leaves)]
    start = time.perf_counter()
    few = explain(steps, exp(leaves[0]), exp(leaves[40]))
    assert time.perf_counter() - start < 2.0, "twice what it should take, for a busy machine"
    assert few is not None and len(few) == 40
