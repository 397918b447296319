"""An operator that isn't lifted stays as it is in a plan, and what stands around it is optimized."""

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

import commute
from commute.theory.messages import UsageError


def decomposed(x: Float[Tensor, "n d"], a: Float[Tensor, "d d"]) -> Float[Tensor, "n d"]:
    u, s, vh = torch.linalg.svd(a @ a.mT)
    return (x @ u) * s @ vh


def ordered(x: Float[Tensor, "n d"], w: Float[Tensor, "d m"]) -> Float[Tensor, "n m"]:
    y = x @ w
    return torch.sort(torch.softmax(y, -1), dim=-1).values * 2 + y


def twice(x: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    return torch.linalg.inv(torch.linalg.inv(x @ x) @ x)


def changed(x: Float[Tensor, "n m"]) -> Float[Tensor, "n m"]:
    y = torch.sort(x).values
    x.add_(1.0)
    return y + x


def shapeless(x: Float[Tensor, "n"]) -> Float[Tensor, "m"]:
    return torch.unique(x)


SIZES = {"n": 4096, "d": 64, "m": 256}


@pytest.mark.parametrize(
    ("program", "operators", "made"),
    [(decomposed, ["torch.linalg.svd"], 2), (ordered, ["torch.sort"], 2), (twice, ["torch.linalg.inv"] * 2, 2)],
)
def test_the_operator_runs_after_what_it_needs_and_before_what_needs_it(program, operators: list[str], made: int) -> None:
    symbols = commute.explore(program).lifted.symbols
    plan = commute.optimize(program, sizes={s: SIZES[s] for s in symbols})
    assert plan.verdict == "PROVED"
    assert [o.operator for o in plan.opaque] == operators
    written: dict[str, int] = {m.name: i for i, k in enumerate(plan.kernels) for m in k.makes}
    assert len(plan.kernels) >= made
    for kept in plan.opaque:
        assert all(written[r] < kept.before for r in kept.reads if r in written)
        for i, kernel in enumerate(plan.kernels):
            assert i >= kept.before or not set(kernel.reads) & set(kept.makes)
        assert kept.place.rpartition(":")[0].endswith("test_plan_opaque.py")
    assert plan.to_json()["opaque"][0]["operator"] == operators[0]
    with pytest.raises(UsageError, match="kept as it is"):
        plan.emit()


def test_a_result_may_share_memory_so_that_a_later_change_is_refused() -> None:
    with pytest.raises(UsageError):
        commute.optimize(changed, sizes={"n": 8, "m": 8})


def test_a_shape_that_depends_on_values_is_refused_by_name_and_line() -> None:
    with pytest.raises(UsageError, match=r"test_plan_opaque.py:\d+: torch.unique"):
        commute.optimize(shapeless, sizes={"n": 8})


def test_a_proof_still_says_unknown() -> None:
    assert commute.prove(decomposed, decomposed).kind == "UNKNOWN"
