"""Formulae and figures say the same: H and M of every kernel of some plans, as formulae and in numbers."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from commute.egraph.symbolic import Symbolic
from commute.optimizing import optimize
from tests.plan_cases import grouped, heads, matmul

SIZES = {
    matmul: {"a": 512, "b": 1024, "c": 256},
    heads: {"h": 2, "q": 1, "x": 4096, "d": 64},
    grouped: {"k": 2, "r": 4, "q": 256, "x": 512, "d": 64},
}


@pytest.mark.parametrize("fn", SIZES)
def test_a_formula_has_the_value_of_the_figure(fn: Any) -> None:
    plan = optimize(fn, sizes=SIZES[fn])
    assert plan.forms is not None
    for kernel, shown in zip(plan.kernels, plan.to_json()["formulae"], strict=True):
        symbolic = Symbolic(plan.forms, kernel.kernel, plan.sizes)
        found = symbolic.formulae()
        at = list(symbolic.numbers().items())
        assert float(found.traffic.subs(at)) == pytest.approx(kernel.figures["traffic"], rel=1e-12)
        assert float(found.memory.subs(at)) == pytest.approx(kernel.figures["memory"], rel=1e-12)
        assert shown["H"] == str(found.traffic)


def test_ranks_of_the_benchmark() -> None:
    path = Path(__file__).parent.parent / "benchmarks/cost_model.py"
    spec = importlib.util.spec_from_file_location("cost_model", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.spearman([1, 2, 3, 4], [10, 20, 30, 40]) == 1
    assert module.spearman([1, 2, 3, 4], [4, 3, 2, 1]) == -1
    assert module.spearman([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(0.8)
    assert module.ranks([5, 1, 5]) == [2.5, 1, 2.5]
