"""Plans along a machine's figures and for other objectives: where theory says that the choice turns, it turns."""

import json
from typing import Any

import pytest
import sympy

from commute.cli import main
from commute.egraph.kernels import Target
from commute.egraph.symbolic import MEMORY, formulae
from commute.optimizing import optimize
from commute.sweeping import parse, sweep
from commute.theory.machine_files import with_figure
from commute.theory.machines import DTYPES, MACHINES
from commute.theory.messages import UsageError
from tests.plan_cases import Case, attended, matmul

TOY = MACHINES["toy"]


@pytest.mark.parametrize("width", [32, 64])
def test_two_chained_products_are_fused_where_memory_exceeds_the_square_of_the_width(width: int) -> None:
    sizes = {"q": 2048, "x": 2048, "d": width}
    square = width**2 * DTYPES["float16"]
    found = sweep(attended, f"local.capacity={square * 0.5},{square * 0.8},{square * 1.25},{square * 4}", machine="toy",
                  sizes=sizes, objective="traffic")  # fmt: skip
    assert [len(p.kernels) > 1 for p in found.points] == [True, True, False, False]
    assert [p.value for p in found.points if p.changed] == [square * 1.25] == found.to_json()["changes"]
    assert all(p.verdict == "PROVED" for p in found.points)
    assert all(a.traffic > b.traffic for a, b in zip(found.points[1:], found.points[2:], strict=False))


@pytest.mark.parametrize(("fn", "names", "factor"), [(attended, "qxd", 4.0), (matmul, "abc", 2 * 2**0.5)])
def test_half_as_many_bytes_a_value(fn: Any, names: str, factor: float) -> None:
    found = Case(fn, dict.fromkeys(names, 4096) | ({"d": 128} if fn is attended else {}))
    formula = formulae(found.forms, found.fused("x" if fn is attended else "b"), found.search.sizes)
    ((coefficient, beta),) = formula.exponents
    at = {sympy.Symbol(s, positive=True): n for s, n in found.search.sizes.items()}

    def moved(dtype: str) -> float:
        values = Target(MACHINES["h100"], dtype).values
        return float(coefficient.subs(list(at.items()))) * values ** -float(beta) * DTYPES[dtype]

    assert moved("float16") / moved("float8") == pytest.approx(factor)
    assert formula.optimum is not None and formula.optimum.has(MEMORY)


def test_time_energy_and_traffic_choose_differently() -> None:
    sizes = {"q": 4096, "x": 4096, "d": 128}
    small = with_figure(MACHINES["h100"], "shared", "capacity", 32768.0)
    best = {"time": "seconds", "energy": "joules", "traffic": "traffic"}
    plans = {o: optimize(attended, machine=small, sizes=sizes, objective=o, dtype="float32") for o in best}
    for objective, figure in best.items():
        others = [p.cost[figure] for o, p in plans.items() if o != objective]
        assert plans[objective].cost[figure] < min(others), objective


def test_what_a_sweep_may_be() -> None:
    assert parse("L2.bandwidth=1T..3T").values == (1e12, 2e12, 3e12)
    assert parse("shared.capacity=100,64K").values == (100.0, 65536.0)
    for text in ("shared=1K", "shared.capacity", "shared.capacity=a..b", "shared.capacity=4K..1K", "x.capacity=-1", "dtype="):
        with pytest.raises(UsageError, match="LEVEL.capacity"):
            parse(text)


def test_a_level_that_nothing_fits_is_a_row_of_the_table() -> None:
    sizes = {"q": 64, "x": 64, "d": 64}
    found = sweep(attended, "local.capacity=2,64K", machine="toy", sizes=sizes, objective="traffic")
    assert "not one tiling" in found.points[0].reason and not found.points[1].reason
    assert "64K" in str(found)


@pytest.mark.parametrize(
    ("along", "said"),
    [
        ("shred.capacity=1K", "did you mean shared?"),
        ("shared.size=1K", "no such figure"),
        ("dtype=float17", "no such dtype"),
        ("x", "say LEVEL.capacity"),
    ],
)
def test_a_sweep_of_what_there_is_not(along: str, said: str, capsys: Any) -> None:
    assert main(["optimize", "examples/attention.py:attention", "--size", "n=8", "--sweep", along]) == 3
    err = capsys.readouterr().err.strip()
    assert said in err and "\n" not in err


def test_sweep_on_the_command_line(capsys: Any) -> None:
    sizes = [x for s in ("b=1", "h=2", "n=256", "w=64", "d=32") for x in ("--size", s)]
    assert main(["optimize", "examples/attention.py:attention", *sizes, "--sweep", "dtype=float16,float8", "--json"]) == 0
    points = json.loads(capsys.readouterr().out)["points"]
    assert [p["value"] for p in points] == ["float16", "float8"] and points[1]["seconds"] <= points[0]["seconds"]
