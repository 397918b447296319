"""What is chosen turns with the sizes as theory says, and a search that runs out of time still has a plan.

To add here: a choice whose turning point is known.  Never here: figures of one plan.
"""

import math
from random import Random

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

import commute


def linear(q: Float[Tensor, "n d"], k: Float[Tensor, "m d"], v: Float[Tensor, "m e"]) -> Float[Tensor, "n e"]:
    return (q @ k.mT) @ v


def lora(
    x: Float[Tensor, "n i"], w: Float[Tensor, "i o"], a: Float[Tensor, "i r"], b: Float[Tensor, "r o"]
) -> Float[Tensor, "n o"]:
    return x @ w + (x @ a) @ b


def grouped(q: Float[Tensor, "8*g n d"], k: Float[Tensor, "g m d"], v: Float[Tensor, "g m d"]) -> Float[Tensor, "8*g n d"]:
    k, v = k.repeat_interleave(8, 0), v.repeat_interleave(8, 0)
    return torch.softmax(q @ k.mT / math.sqrt(128), -1) @ v


def own(q: Float[Tensor, "8*g n d"], k: Float[Tensor, "8*g m d"], v: Float[Tensor, "8*g m d"]) -> Float[Tensor, "8*g n d"]:
    return torch.softmax(q @ k.mT / math.sqrt(128), -1) @ v


@pytest.mark.parametrize(("length", "streamed"), [(32, True), (63, True), (65, False), (4096, False)])
def test_linear_reassociation_turns_where_the_length_is_the_width(length: int, streamed: bool) -> None:
    """(q·k)·v costs 4·n·n·d, q·(k·v) 4·n·d·d."""
    best = commute.explore(linear, sizes={"n": length, "m": length, "d": 64, "e": 64}).cheapest(1)[0]
    assert ("Σ[d] q[n, d]·k[m, d]" in str(best)) is streamed


def test_a_plan_follows_the_turn_at_long_lengths() -> None:
    plan = commute.optimize(linear, sizes={"n": 65536, "m": 65536, "d": 64, "e": 64})
    assert plan.verdict == "PROVED"
    assert not {"n", "m"} <= {a.name for k in plan.kernels for m in k.makes for a in m.axes}
    assert plan.cost["flops"] <= 1.1 * 4 * 65536 * 64 * 64


def test_an_adapter_is_merged_for_many_rows_and_applied_for_few() -> None:
    """Applied costs 2·n·r·(i + o), merged 2·i·r·o: with i = o = 4096 they are even at n = 2048, sums apart."""
    sizes = {"i": 4096, "o": 4096, "r": 256}
    few = commute.explore(lora, sizes=sizes | {"n": 1024}).cheapest(1)[0]
    many = commute.explore(lora, sizes=sizes | {"n": 4096}).cheapest(1)[0]
    merged = "w[i, o] + Σ[r] a[i, r]·b[r, o]"
    assert merged not in str(few) and merged in str(many)


def test_shared_keys_pay_in_decode_only() -> None:
    decode = {"g": 4, "n": 1, "m": 8192, "d": 128}
    prefill = {"g": 4, "n": 8192, "m": 8192, "d": 128}
    seconds = {
        (f.__name__, s["n"]): commute.optimize(f, sizes=s, timeout=10).cost["seconds"]
        for f in (grouped, own)
        for s in (decode, prefill)
    }
    launch = 2e-6
    assert seconds["own", 1] - launch > 2 * (seconds["grouped", 1] - launch)
    assert seconds["own", 8192] < 1.1 * seconds["grouped", 8192]


def least(dims: list[int]) -> int:
    """The fewest operations of a chain, 2·a·b·c each, by the textbook's recurrence."""
    n = len(dims) - 1
    best = {(i, i + 1): 0 for i in range(n)}
    for length in range(2, n + 1):
        for i in range(n - length + 1):
            j = i + length
            best[i, j] = min(best[i, k] + best[k, j] + 2 * dims[i] * dims[k] * dims[j] for k in range(i + 1, j))
    return best[0, n]


def chain_of(count: int):
    """A function that multiplies so many matrices from left to right."""

    def chain(*matrices: Tensor) -> Tensor:
        whole = matrices[0]
        for m in matrices[1:]:
            whole = whole @ m
        return whole

    names = [f"m{i}" for i in range(count)]
    scope: dict = {"chain": chain}
    exec(f"def product({', '.join(names)}):\n    return chain({', '.join(names)})", scope)
    function = scope["product"]
    function.__annotations__ = {n: Float[Tensor, f"d{i} d{i + 1}"] for i, n in enumerate(names)}
    return function


@pytest.mark.parametrize("count", [2, 4, 6, 8, 10, 12, 32])
def test_the_cheapest_form_of_a_chain_is_the_one_of_dynamic_programming(count: int) -> None:
    random = Random(count)
    function = chain_of(count)
    for _ in range(2 if count < 32 else 1):
        dims = [random.randint(1, 400) for _ in range(count + 1)]
        space = commute.explore(function, sizes={f"d{i}": d for i, d in enumerate(dims)}, timeout=60)
        assert space.stopped == "complete"
        # A product with a side of length 1 is no work for matrix units: it counts half.
        assert space.cheapest(1)[0].estimate <= least(dims)
        if min(dims) > 1:
            assert space.cheapest(1)[0].estimate == least(dims)


@pytest.mark.parametrize("timeout", [1e-6, 0.05])
def test_a_search_without_time_gives_the_best_so_far_and_says_so(timeout: float) -> None:
    plan = commute.optimize(own, sizes={"g": 1, "n": 4096, "m": 4096, "d": 128}, timeout=timeout)
    assert plan.kernels and plan.cost["seconds"] > 0
    assert "time" in plan.search["stopped"]
    from commute.plan_words import in_words

    assert "the best so far" in in_words(plan)
