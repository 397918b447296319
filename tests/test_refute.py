"""Counterexamples: found, shrunk, confirmed in many digits; and what is no counterexample."""

import importlib.util
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from commute.theory.axes import Size, axis
from commute.theory.ops import add, composite, exp, maximum, mul, recip, sub, total
from commute.theory.terms import ONE, ZERO, const, index, read
from commute.verify.ball import confirm_difference, confirm_undefined
from commute.verify.inputs import InputSpec
from commute.verify.refute import refute

N, D = Size.symbol("n"), Size.symbol("d")
X = InputSpec("x", (N,))
n = axis("n")
x = read("x", [index(n)], [N])


def bugs() -> ModuleType:
    path = Path(__file__).parent / "bugs" / "pointwise.py"
    spec = importlib.util.spec_from_file_location("bugs_pointwise", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_bug_is_found_and_made_small() -> None:
    def reference(q: Tensor, k: Tensor) -> Tensor:
        return torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), -1)

    def candidate(q: Tensor, k: Tensor) -> Tensor:
        return torch.softmax(q @ k.mT / q.shape[-1], -1)

    specs = [InputSpec("q", (N, D)), InputSpec("k", (Size.symbol("m"), D))]
    found = refute(reference, candidate, specs, ["n", "d", "m"])
    assert found is not None
    assert dict(found.sizes) == {"n": 1, "d": 2, "m": 2}
    assert all(v in (-1, 0, 1) for each in found.inputs.values() for row in each.values for v in row)
    again = candidate(*(torch.tensor(each.values, dtype=torch.float64) for each in found.inputs.values()))
    assert again[found.index].item() == found.candidate != found.reference


@pytest.mark.parametrize("name", ["relu", "leaky", "elu", "gelu", "silu"])
def test_a_function_is_not_refuted_by_itself(name: str) -> None:
    function = getattr(bugs(), name)
    assert refute(function, function, [X], ["n"], budget_seconds=0.5) is None


def test_every_pointwise_bug_of_one_argument() -> None:
    for name, reference, candidate in bugs().BUGS:
        if isinstance(reference, torch.nn.Module) or reference.__annotations__.get("x") != bugs().Vector:
            continue
        if list(reference.__annotations__) == ["x", "return"]:
            assert refute(reference, candidate, [X], ["n"]) is not None, name


def rounding(x: Tensor) -> Tensor:
    return (x + 1e6) - 1e6


EQUAL: list[tuple[Callable[..., Any], Callable[..., Any]]] = [
    (lambda x: x, rounding),
    (lambda x: torch.softmax(x, -1), lambda x: x.exp() / x.exp().sum()),
    (lambda x: x.var(unbiased=False), lambda x: (x * x).mean() - x.mean() ** 2),
    (lambda x: torch.log1p(x.exp()), lambda x: torch.logaddexp(x, torch.zeros_like(x))),
    (lambda x: x.prod(), lambda x: x.flip(0).prod()),
    (lambda x: torch.sigmoid(x).log(), lambda x: -torch.log1p(torch.exp(-x))),
]


@pytest.mark.parametrize("number", range(len(EQUAL)))
def test_rounding_and_overflow_are_no_refutation(number: int) -> None:
    reference, candidate = EQUAL[number]
    found = refute(reference, candidate, [X], ["n"], budget_seconds=1)
    assert found is None or math.isnan(found.candidate) or math.isinf(found.candidate), str(found)


def test_lifted_terms_confirm() -> None:
    softmax = composite("softmax", x, axes=(n,))
    by_hand = mul(exp(x), recip(total(n, exp(x))))
    pair = (lambda x: torch.softmax(x, -1), lambda x: x.exp() / x.exp().sum())
    assert refute(*pair, [X], ["n"], terms=[(softmax, by_hand)], budget_seconds=1) is None
    claimed = [(maximum(x, ZERO), maximum(x, ZERO))]
    assert refute(torch.relu, torch.nn.functional.relu6, [InputSpec("input", (N,))], ["n"], budget_seconds=0.3) is not None
    relu6 = lambda x: torch.nn.functional.relu6(x)  # noqa: E731
    assert refute(lambda x: x.relu(), relu6, [X], ["n"], terms=claimed, budget_seconds=0.5) is None


def test_a_candidate_that_is_undefined() -> None:
    found = refute(lambda x: torch.ones_like(x), lambda x: x / x, [X], ["n"], terms=[(ONE, mul(x, recip(x)))])
    assert found is not None and math.isnan(found.candidate)
    assert found.inputs["x"].values == [0.0]
    assert refute(lambda x: x / x, lambda x: torch.ones_like(x), [X], ["n"], budget_seconds=0.5) is None


def test_assumptions_restrict_the_search() -> None:
    pair = (lambda x: x.abs(), lambda x: x)
    assert refute(*pair, [X], ["n"], assume={"x": "nonnegative"}, budget_seconds=0.5) is None
    found = refute(*pair, [X], ["n"], assume={"x": (-5, -3)})
    assert found is not None and -5 <= found.inputs["x"].values[0] <= -3


def test_fixed_sizes_and_constraints_are_kept() -> None:
    pair = (lambda x: x.mean(), lambda x: x.sum())
    found = refute(*pair, [X], ["n"], fixed_sizes={"n": 6})
    assert found is not None and found.sizes["n"] == 6
    found = refute(*pair, [X], ["n"], constraints=lambda row: row["n"] % 3 == 0)
    assert found is not None and found.sizes["n"] == 3
    assert refute(*pair, [X], ["n"], fixed_sizes={"n": 1}, budget_seconds=0.3) is None


def test_a_hint_is_tried_first() -> None:
    def odd(x: Tensor) -> Tensor:
        return torch.where(x == 12345.5, x + 1, x)

    assert refute(lambda x: x, odd, [X], ["n"], budget_seconds=0.2) is None
    found = refute(lambda x: x, odd, [X], ["n"], hints=[({"n": 2}, {"x": np.array([1.0, 12345.5])})])
    assert found is not None and found.sizes["n"] == 2


def test_many_digits() -> None:
    values = {"x": np.array([0.5, -2.0])}
    nearly = add(x, const(Fraction(1, 10**40)))
    assert confirm_difference(x, nearly, {"n": 2}, values) is True
    assert confirm_difference(sub(nearly, nearly), ZERO, {"n": 2}, values) is False
    assert confirm_undefined(ONE, mul(x, recip(sub(x, x))), {"n": 2}, values) is True
    assert confirm_difference(ONE, mul(x, recip(sub(x, x))), {"n": 2}, values) is False
    tie = composite("softmax", mul(x, ZERO), axes=(n,))
    assert confirm_difference(maximum(tie, recip(const(2))), recip(const(2)), {"n": 2}, values) is False
