"""The code of plans in float32 is finite wherever the program is, and within the bound on the program's rounding."""

import pytest
import torch

from commute.lowering.checking_printed import loaded, small_source
from tests.safe_plans import MAGNITUDES, unsafe
from tests.tile_cases import SIZES, tile_case


@pytest.mark.parametrize("magnitude", MAGNITUDES)
@pytest.mark.parametrize("name", SIZES)
def test_code_is_finite_and_within_the_bound(name: str, magnitude: str) -> None:
    assert not unsafe(tile_case(name).plan, magnitude)


def test_the_bound_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    case = tile_case("variance")

    def naive(x: torch.Tensor) -> torch.Tensor:
        return (x * x).mean(-1) - x.mean(-1) ** 2

    monkeypatch.setattr("tests.safe_plans.loaded", lambda source, name: naive)
    assert "times the bound" in unsafe(case.plan, "variance 1e-6 of the mean")


def test_code_without_a_largest_taken_out_would_overflow() -> None:
    case = tile_case("window")
    source = small_source(case.plan, case.lifted, case.program)
    fast = loaded(source.replace(".amax(1)", ".amax(1) * 0"), case.plan.name)
    q, k, v = (torch.randn(9, 4) * 50 for _ in range(3))
    assert not torch.isfinite(fast(q, k, v)).all()
    assert torch.isfinite(loaded(source, case.plan.name)(q, k, v)).all()
