"""What the lifter says of programs that it can't use: one line, with the place, the names and what would be right.

To add here: a wrong or unsupported program and a part of the line that it must get.  Never here: programs that lift.
"""

import math
import os
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

import commute
from commute.lowering.lift_torch import lift
from commute.lowering.registry import Unsupported
from commute.theory.messages import UsageError

Rows = Float[Tensor, "b n"]


def identity(x: Rows) -> Rows:
    return x


def loop_over_rows(x: Rows) -> Rows:
    return torch.stack([row for row in x])


def loop_over_range(x: Rows) -> Tensor:
    return sum(x[i] for i in range(x.shape[0]))  # type: ignore[return-value]


def branch_on_data(x: Rows) -> Rows:
    return x if x.sum() > 0 else -x


def item_of_data(x: Rows) -> Rows:
    return x * x.max().item()


def float_of_data(x: Rows) -> Rows:
    return x * math.sqrt(x[0, 0])


def noise(x: Rows) -> Rows:
    return x + torch.randn_like(x)


def fresh_noise(x: Rows) -> Rows:
    return x + torch.rand(x.shape)


def dropped(x: Rows) -> Rows:
    return F.dropout(x, 0.1)


def inverse(x: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    return torch.linalg.inv(x)


def rounded(x: Rows) -> Rows:
    return x.round()


def cast_to_int(x: Rows) -> Tensor:
    return x.long()


def halved(x: Rows) -> Rows:
    return x[:, : x.shape[1] // 2]


def chunked(x: Rows) -> Tensor:
    return x.chunk(4, -1)[0]


def masked_selection(x: Rows) -> Tensor:
    return x[x > 0]


def gradient(x: Rows) -> Rows:
    return torch.autograd.grad(x.sum(), x)[0]


def large_constant(x: Float[Tensor, "b 100"]) -> Tensor:
    return x * TABLE


TABLE = torch.linspace(0, 1, 100)


def stale_view(x: Rows) -> Rows:
    y = x.clone()
    flat = y.reshape(-1)
    y += 1
    return flat.view_as(x)


def read_unwritten(x: Rows) -> Rows:
    out = torch.empty_like(x)
    out[:, 0] = 0
    return out


def endless_power(x: Rows, y: Rows) -> Rows:
    return x**y


def many_questions(x: Float[Tensor, "a b c d e"]) -> Tensor:
    return x.squeeze()


UNSUPPORTED: list[tuple[Callable[..., Any], str]] = [
    (loop_over_rows, "iteration over axis b"),
    (loop_over_range, "range"),
    (branch_on_data, "data-dependent Python control flow"),
    (item_of_data, "data-dependent Python control flow: item()"),
    (float_of_data, "data-dependent Python control flow"),
    (noise, "torch.randn_like: a random operator"),
    (fresh_noise, "torch.rand: a random operator"),
    (dropped, "random"),
    (inverse, "torch.linalg.inv is not lifted"),
    (rounded, "Tensor.round is not lifted"),
    (cast_to_int, "a cast of reals to torch.int64 rounds"),
    (halved, "axis n would have to be divisible by 2: annotate it as a multiple, such as 2*k"),
    (chunked, "chunk of axis n into 4: annotate the axis as a multiple, such as 4*w"),
    (masked_selection, "boolean mask"),
    (gradient, "gradients are not followed"),
    (large_constant, "a constant tensor of shape (100,): make it an argument"),
    (stale_view, "may share memory"),
    (read_unwritten, "empty() is read where it was not written"),
    (endless_power, "whose base may be negative"),
    (many_questions, "more than 8 paths"),
]


@pytest.mark.parametrize(("function", "text"), UNSUPPORTED)
def test_unsupported_names_the_operator_and_the_line(function: Callable[..., Any], text: str) -> None:
    with pytest.raises(Unsupported) as caught:
        lift([function])
    line = str(caught.value)
    assert text in line, line
    assert "\n" not in line
    if function is not many_questions:
        place = re.match(r"(.*):(\d+): ", line)
        assert place and place[1].endswith(os.path.basename(__file__)), line
        first = function.__code__.co_firstlineno
        assert first < int(place[2]) <= first + 5, line


def unannotated(x, y: Rows):  # noqa: ANN001, ANN201
    return x + y


def any_number(*xs: Tensor) -> Tensor:
    return xs[0]


def a_list(xs: list[Tensor]) -> Tensor:
    return xs[0]


def an_int(x: Rows, k: int) -> Tensor:
    return x * k


def variadic(x: Float[Tensor, "*batch n"]) -> Tensor:
    return x


def dots(x: Float[Tensor, "... n"]) -> Tensor:
    return x


def broadcastable(x: Float[Tensor, "#b n"]) -> Tensor:
    return x


def strange_size(x: Float[Tensor, "b n/2"]) -> Tensor:
    return x


def returns_a_number(x: Rows) -> Any:
    return x.shape[0] * 2


def returns_a_dict(x: Rows) -> Any:
    return {"x": x}


def raises(x: Rows) -> Rows:
    raise ValueError("not today")


def misfit(x: Rows, y: Float[Tensor, "b m"]) -> Tensor:
    return x + y


def bad_product(x: Rows) -> Tensor:
    return x @ x


ALONE: list[tuple[Callable[..., Any], str]] = [
    (unannotated, "unannotated: argument x has no annotation"),
    (any_number, "any_number: *xs: torch.Tensor takes any number of arguments"),
    (a_list, "a_list: argument xs is a list, not a tensor"),
    (an_int, "an_int: argument k is an int without a default"),
    (variadic, '"*batch" stands for any number of axes'),
    (dots, '"..." stands for any number of axes'),
    (broadcastable, '"#b" is 1 or b; say which'),
    (strange_size, '"n/2" is not a size'),
    (returns_a_number, "returns_a_number returns a number"),
    (returns_a_dict, "returns_a_dict returns a dict"),
    (raises, "raises raises ValueError: not today"),
    (misfit, "misfit raises RuntimeError: The size of tensor a"),
    (bad_product, "bad_product raises RuntimeError"),
]


@pytest.mark.parametrize(("function", "text"), ALONE)
def test_a_wrong_program_gets_one_clear_line(function: Callable[..., Any], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        lift([function])
    line = str(caught.value)
    assert text in line, line
    assert "\n" not in line


def transposed(x: Rows) -> Tensor:
    return x.T


def two_results(x: Rows) -> Any:
    return x, x


def of_integers(x: Int[Tensor, "b n"]) -> Any:
    return x


def of_three(x: Float[Tensor, "b n d"]) -> Any:
    return x


def with_more(x: Rows, y: Rows) -> Any:
    return x + y


def fixed_3(x: Float[Tensor, "b 3"]) -> Any:
    return x


def fixed_4(x: Float[Tensor, "b 4"]) -> Any:
    return x


def with_mask(x: Bool[Tensor, "b n"]) -> Any:
    return x


def raises_when_short(x: Rows) -> Rows:
    if x.shape[1] < 3:
        raise ValueError("too short")
    return x


TOGETHER: list[tuple[Callable[..., Any], Callable[..., Any], str]] = [
    (identity, transposed, "different result axes: (b, n) in identity, (n, b) in transposed"),
    (identity, two_results, "identity returns 1 tensors, two_results returns 2"),
    (identity, of_integers, 'x is "b n" in identity, x is "b n" in of_integers: one holds reals, the other integers'),
    (identity, with_mask, "one holds reals, the other truth values"),
    (identity, of_three, 'x is "b n" in identity, x is "b n d" in of_three: the numbers of axes differ'),
    (identity, with_more, "identity takes (x) and with_more takes (x, y)"),
    (fixed_3, fixed_4, 'x is "b 3" in fixed_3, x is "b 4" in fixed_4: 3 and 4 can\'t be one size'),
]


@pytest.mark.parametrize(("reference", "candidate", "text"), TOGETHER)
def test_programs_that_do_not_correspond(reference: Callable[..., Any], candidate: Callable[..., Any], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        lift([reference, candidate])
    assert text in str(caught.value)


def test_what_the_reference_refuses_is_not_asked_of_the_candidate() -> None:
    lifted = lift([raises_when_short, identity])
    assert [p.conditions for p in lifted.paths] == [("n >= 3",)]
    assert len(lifted.excluded) == 2
    assert "too short" in lifted.excluded[0]


def test_what_the_candidate_alone_refuses_is_kept_apart() -> None:
    lifted = lift([identity, raises_when_short])
    assert [p.conditions for p in lifted.paths] == [("n >= 3",)] and not lifted.excluded
    said = {" and ".join(path.conditions): text for path, text in lifted.raising}
    assert said == dict.fromkeys(("n = 1", "n = 2"), "raises_when_short raises ValueError: too short")


def test_a_program_that_never_runs_is_unusable() -> None:
    with pytest.raises(UsageError, match="raises ValueError: too short"):
        lift([identity, raises_when_short], sizes={"n": 2})


def test_sizes_and_assumptions_name_what_is_there() -> None:
    with pytest.raises(UsageError, match="no axis m in the annotations"):
        lift([identity], sizes={"m": 3})
    with pytest.raises(UsageError, match="n=0: a size is a positive whole number"):
        lift([identity], sizes={"n": 0})
    with pytest.raises(UsageError, match="no argument y; there are x"):
        lift([identity], assume={"y": "positive"})


def test_a_module_in_training_names_dropout() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.drop = nn.Dropout(0.5)

        def forward(self, x: Rows) -> Tensor:
            return self.drop(x)

    with pytest.raises(Unsupported, match="random"):
        lift([Net()])
    assert lift([Net().eval()]).terms


def test_a_maximum_of_no_elements_at_one_size_is_refuted_there() -> None:
    def halves(x: Float[Tensor, "b 2*n"]) -> Float[Tensor, " b"]:
        return x.amax(1)

    def one_short(x: Tensor) -> Tensor:
        n = x.shape[1] // 2
        return torch.maximum(x[:, :n].amax(1), x[:, n : 2 * n - 1].amax(1))

    verdict = commute.prove(halves, one_short, timeout=8.0)
    assert verdict.kind in ("REFUTED", "UNKNOWN"), verdict


def test_soundness_15_what_stands_for_nan_is_not_lost() -> None:
    """nan_to_num gives 0/0 a value, so it is no identity there; log_prob raises where its parameters are refused."""

    def quotient(x: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        return torch.nan_to_num(x / x)

    def likelihood(x: Tensor) -> Tensor:
        return torch.distributions.Normal(0 * x, x).stddev

    with pytest.raises(Unsupported, match="nan_to_num of what may be undefined"):
        lift([quotient])
    assert commute.prove(identity, likelihood, timeout=8.0).kind == "REFUTED"
    assert torch.distributions.Distribution._validate_args
