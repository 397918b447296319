"""Programs at numbers for all sizes before Z3: what it decides for all values, what it refutes, what it leaves alone.

What may be added here: a pair that only Z3 decides, or one that it must not say yes to.
What never belongs here: programs of any size.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from commute.lowering.lift_torch import lift
from commute.proving import prove
from commute.solving import BY, Solved, solve
from commute.verify.verdict import CHECKED, PROVED


def median(x: Float[Tensor, "3"]):
    return torch.maximum(torch.minimum(x[0], x[1]), torch.minimum(torch.maximum(x[0], x[1]), x[2]))


def median_by_sum(x):
    return x.sum() - x.amax() - x.amin()


def median_wrong(x):
    return torch.maximum(torch.minimum(x[0], x[1]), torch.minimum(x[1], x[2]))


def sorted_four(x: Float[Tensor, "4"]):
    a, b = torch.minimum(x[0], x[1]), torch.maximum(x[0], x[1])
    c, d = torch.minimum(x[2], x[3]), torch.maximum(x[2], x[3])
    low, high, p, q = torch.minimum(a, c), torch.maximum(b, d), torch.maximum(a, c), torch.minimum(b, d)
    return torch.stack([low, torch.minimum(p, q), torch.maximum(p, q), high])


def sorted_by_ranks(x):
    second = torch.minimum(torch.maximum(x[0], x[1]), torch.maximum(x[2], x[3]))
    third = torch.maximum(torch.minimum(x[0], x[1]), torch.minimum(x[2], x[3]))
    low = torch.minimum(second, third)
    return torch.stack([x.amin(), low, x.sum() - x.amin() - x.amax() - low, x.amax()])


def sorted_without_last_step(x):
    a, b = torch.minimum(x[0], x[1]), torch.maximum(x[0], x[1])
    c, d = torch.minimum(x[2], x[3]), torch.maximum(x[2], x[3])
    return torch.stack([torch.minimum(a, c), torch.maximum(a, c), torch.minimum(b, d), torch.maximum(b, d)])


def clamp_twice(x: Float[Tensor, "4"]):
    return x.clamp(-1.0, 2.0).clamp(0.0, 3.0) + (x - 5).clamp(0.0, 1.0)


def clamp_in_pieces(x):
    return torch.where(x < 0, 0.0 * x, torch.where(x < 2, x, 2.0 + 0.0 * x)) + (x - 5).clamp(max=1.0).relu()


def clamp_in_wrong_pieces(x):
    return torch.where(x < 0, 0.0 * x, torch.where(x < 2, x, 2.0 + 0.0 * x)) + (x - 5).clamp(max=1.01).relu()


def thirds(i: Int[Tensor, "3"]):
    return (i + i // 3 * 2) // 5


def thirds_shorter(i):
    return (5 * (i // 3) + i % 3) // 5


def thirds_wrong(i):
    return (i + i // 3 * 2 + 3) // 5


def halves_parity(i: Int[Tensor, "2"]):
    return i * (i + 1) % 2


def never(i):
    return 0 * i


def first_parity(i):
    return i % 2


def majority(a: Bool[Tensor, "3"]):
    return (a[0] & a[1]) | (a[2] & (a[0] | a[1]))


def majority_by_choice(a):
    return torch.where(a[0] ^ a[1], a[2], a[0])


def odd_one(a):
    return a[0] ^ a[1] ^ a[2]


def abs_gap(x: Float[Tensor, "2"]):
    return (x[0] - x[1]).abs() + (x[0] + x[1]).abs()


def twice_the_largest(x):
    return 2 * torch.maximum(x[0].abs(), x[1].abs())


def twice_the_mean(x):
    return torch.maximum(2 * x[0].abs(), x[0].abs() + x[1].abs())


EQUAL = [(median, median_by_sum), (sorted_four, sorted_by_ranks), (clamp_twice, clamp_in_pieces), (thirds, thirds_shorter),
         (halves_parity, never), (majority, majority_by_choice), (abs_gap, twice_the_largest)]  # fmt: skip
UNEQUAL = [(median, median_wrong), (sorted_four, sorted_without_last_step), (clamp_twice, clamp_in_wrong_pieces),
           (thirds, thirds_wrong), (halves_parity, first_parity), (majority, odd_one), (abs_gap, twice_the_mean)]  # fmt: skip


def name(function: Any) -> str:
    return getattr(function, "__name__", "")


def solved(reference: Callable[..., Any], candidate: Callable[..., Any], **assume: Any) -> Solved:
    return solve(lift((reference, candidate), assume=assume).paths, assume, 20.0)


@pytest.mark.parametrize(("reference", "candidate"), EQUAL, ids=name)
def test_equal_programs_are_decided(reference: Callable[..., Any], candidate: Callable[..., Any]) -> None:
    found = solved(reference, candidate)
    assert found.equal, found.reason


@pytest.mark.parametrize(("reference", "candidate"), UNEQUAL, ids=name)
def test_near_misses_have_a_model_that_torch_shows(reference: Callable[..., Any], candidate: Callable[..., Any]) -> None:
    found = solved(reference, candidate)
    assert not found.equal and found.hint is not None
    inputs = [torch.from_numpy(array) for array in found.hint[2].values()]
    assert not torch.allclose(reference(*inputs).double(), candidate(*inputs).double())


@pytest.mark.parametrize(("reference", "candidate"), [EQUAL[3], EQUAL[5]], ids=name)
def test_a_verdict_says_what_it_rests_on(reference: Callable[..., Any], candidate: Callable[..., Any]) -> None:
    verdict = prove(reference, candidate)
    assert (verdict.kind, verdict.by, verdict.certificate) == (CHECKED, BY, None), str(verdict)
    assert "for all values, by Z3" in str(verdict) and "refused" in verdict.vacuity


def positive_part(x: Float[Tensor, "3"]):
    return x.relu()


def itself(x):
    return x + 0 * x


def test_assumptions_are_used_and_only_where_they_are_made() -> None:
    assert solved(positive_part, itself, x="nonnegative").equal
    assert not solved(positive_part, itself).equal
    assert solved(positive_part, itself, x=(0.0, 3.0)).equal
    assert not solved(positive_part, itself, x=(-1.0, 3.0)).equal


def exp_of_sum(x: Float[Tensor, "2"]):
    return x.sum().exp()


def product_of_exps(x):
    return x.exp().prod()


def inverse(x: Float[Tensor, "2"]):
    return x / x


def ones(x):
    return 0 * x + 1


def root(x: Float[Tensor, "2"]):
    return (x * x).sqrt()


def test_a_model_over_unknown_functions_is_no_refutation() -> None:
    assert solved(exp_of_sum, product_of_exps).hint is not None
    assert prove(exp_of_sum, product_of_exps).kind == PROVED


@pytest.mark.parametrize("program", [inverse, root])
def test_what_may_be_undefined_is_left_to_others(program: Callable[..., Any]) -> None:
    found = solved(program, ones)
    assert not found.equal and found.hint is None and "isn't said to Z3" in found.reason


def any_number(x: Float[Tensor, "n 3"]):
    return x.amax(1)


def any_number_in_pairs(x):
    return torch.maximum(x[:, 0], torch.maximum(x[:, 1], x[:, 2]))


def test_nothing_is_claimed_of_other_sizes() -> None:
    found = solved(any_number, any_number_in_pairs)
    assert not found.equal and found.reason == "the sizes are not all numbers"


def test_too_much_and_too_late_are_no_answers() -> None:
    lifted = lift((sorted_four, sorted_by_ranks)).paths
    found = solve(lifted, {}, 0.0)
    assert not found.equal and found.hint is None and found.reason
