"""Lifting several programs together: paths, shared axes, unified annotations, modules, constants; and nothing left patched.

To add here: what holds between programs or for the tracer as a whole.  Never here: single operators (`test_lift.py`).
"""

import math
import random
from math import sqrt
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from commute.lowering.lift_torch import lift, lift_one
from commute.lowering.paths import Facts, Question, divide, solve
from commute.lowering.pieces import agrees
from commute.theory.axes import Size

Queries = Float[Tensor, "b h n d"]
Keys = Float[Tensor, "b h m d"]
n, m, w = Size.symbol("n"), Size.symbol("m"), Size.symbol("w")


def attention(q: Queries, k: Keys, v: Keys) -> Queries:
    scores = q @ k.transpose(-2, -1) / sqrt(q.shape[-1])
    return torch.softmax(scores, dim=-1) @ v


def by_einsum(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    p = (torch.einsum("bhnd,bhmd->bhnm", q, k) * q.shape[-1] ** -0.5).softmax(-1)
    return torch.einsum("bhnm,bhmd->bhnd", p, v)


def test_equal_spellings_are_one_term() -> None:
    lifted = lift([attention, by_einsum])
    assert lifted.programs[0].terms == lifted.programs[1].terms
    assert [s.name for s in lifted.inputs] == ["q", "k", "v"]
    assert agrees(lifted)


def test_nothing_stays_patched() -> None:
    before = (torch.zeros, math.sqrt, torch.cat, dict(globals()))
    lift([attention])

    def broken(x: Float[Tensor, "b n"]) -> Tensor:
        raise ValueError("no")

    with pytest.raises(Exception, match="no"):
        lift([broken])
    assert (torch.zeros, math.sqrt, torch.cat, dict(globals())) == before
    assert isinstance(torch.zeros(2), Tensor)


def halves(x: Float[Tensor, "b 2*w"]) -> Tensor:
    return torch.cat(x.chunk(2, -1), -1)


def whole(x: Float[Tensor, "b n"]) -> Tensor:
    return x


def other_names(x: Float[Tensor, "n b"]) -> Tensor:
    return x


def test_annotations_refine_each_other() -> None:
    for pair in ([whole, halves], [halves, whole]):
        lifted = lift(pair)
        assert lifted.sizes["n"] == 2 * w
        assert lifted.inputs[0].shape == (Size.symbol("b"), 2 * w)
        assert lifted.programs[0].terms == lifted.programs[1].terms


def test_names_of_axes_are_each_programs_own() -> None:
    lifted = lift([whole, other_names])
    assert lifted.symbols == ("b", "n")
    assert lifted.programs[0].terms == lifted.programs[1].terms


def test_products_are_tied_by_name_where_shapes_leave_them_open() -> None:
    def one(x: Float[Tensor, "g*h"]) -> Tensor:
        return x

    def two(x: Float[Tensor, "g*h"]) -> Tensor:
        return x * 1

    assert lift([one, two]).symbols == ("g", "h")


def test_sizes_fix_axes_through_what_they_stand_for() -> None:
    lifted = lift([whole, halves], sizes={"n": 6})
    assert lifted.inputs[0].shape == (Size.symbol("b"), Size(6))


def branching(x: Float[Tensor, "b n"]) -> Tensor:
    if x.shape[1] == 1:
        return x * 2
    return x


def test_a_question_about_sizes_is_followed_both_ways() -> None:
    lifted = lift([branching, whole])
    assert {p.conditions: p.programs[0].terms == p.programs[1].terms for p in lifted.paths} == {
        ("n != 1",): True,
        ("n = 1",): False,
    }
    short = next(p for p in lifted.paths if p.fixed)
    assert short.fixed == {"n": Size(1)}
    assert agrees(lifted)


def test_facts_decide_what_they_imply() -> None:
    at_least_5 = Facts(nonnegative=(n - 5,))
    assert at_least_5.answer(Question("nonnegative", n - 3, "", "")) is True
    assert at_least_5.answer(Question("nonnegative", 4 - n, "", "")) is False
    assert at_least_5.answer(Question("nonnegative", n - 6, "", "")) is None
    assert at_least_5.answer(Question("zero", n - 2, "", "")) is False
    words = [f.words for f in Facts().branches(Question("nonnegative", n - 3, "n >= 3", "n < 3"))]
    assert words == [("n >= 3",), ("n = 1",), ("n = 2",)]


def test_division_and_solution_of_sizes() -> None:
    assert divide(5 * w - 1, w) == (Size(4), w - 1)
    assert divide(n, Size(2)) is None
    assert solve(n - 4 * w) == ("n", 4 * w)
    assert solve(n + m) is None


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.register_buffer("mask", torch.ones(20, 20).tril().bool())

    def forward(self, x: Float[Tensor, "b 3"]) -> Tensor:
        return self.linear(x)


class Unfolded(Layer):
    def forward(self, x: Float[Tensor, "b 3"]) -> Tensor:
        return x @ self.linear.weight.T + self.linear.bias


LAYER = Layer()


def outside(x: Float[Tensor, "b 3"]) -> Tensor:
    return F.linear(x, LAYER.linear.weight, LAYER.linear.bias)


@pytest.mark.parametrize("other", [Unfolded(), outside])
def test_parameters_of_modules_are_inputs(other: Any) -> None:
    lifted = lift([LAYER, other])
    assert [s.name for s in lifted.inputs] == ["x", "linear.weight", "linear.bias"]
    assert lifted.programs[0].terms == lifted.programs[1].terms
    assert agrees(lifted)
    assert isinstance(LAYER.linear.weight, nn.Parameter)


def test_masks_in_buffers_are_read_as_rules() -> None:
    class Masked(Layer):
        def forward(self, x: Float[Tensor, "b 20 20"]) -> Tensor:
            return x.masked_fill(torch.logical_not(self.get_buffer("mask")), float("-inf")).exp()

    assert agrees(lift([Masked()]))


def gather_rows(table: Float[Tensor, "v d"], i: Int[Tensor, "b"]) -> Tensor:
    return table[i]


def test_an_integer_is_in_the_range_of_the_axis_that_it_indexes() -> None:
    assert lift([gather_rows]).inputs[1].bound == Size.symbol("v")

    def weighted(x: Float[Tensor, "b n"], i: Int[Tensor, "b"]) -> Tensor:
        return x * i[:, None]

    assert lift([weighted], assume={"i": ("0", "n")}).inputs[1].bound == n


def test_guessed_constants_are_listed() -> None:
    def scaled(x: Float[Tensor, "b n"]) -> Tensor:
        return x * (80**-0.5) + 0.1

    assert [str(r.term) for r in lift([scaled]).constants] == ["1/√80"]


def test_defaults_scalars_and_digests() -> None:
    def scaled(x: Float[Tensor, "b n"], factor: float, power: int = 2, both: bool = True) -> Tensor:
        return x**power * factor if both else x

    lifted = lift_one(scaled)
    assert [(s.name, s.passing) for s in lifted.inputs] == [("x", "argument"), ("factor", "scalar")]
    assert agrees(lifted)
    assert len(lifted.source[0]) == 64
    assert lifted.callables[0](x=torch.full((1, 1), 3.0), factor=2.0)[0].item() == 18.0


def test_pieces_of_size_that_differ_at_random_cuts() -> None:
    rng = random.Random(0)
    for _ in range(12):
        total = rng.randint(2, 7)
        cuts = sorted(rng.sample(range(1, total), rng.randint(1, total - 1)))
        ends = list(zip([0, *cuts], [*cuts, total], strict=True))

        def cut(x: Any, ends: Any = ends) -> Tensor:
            return torch.cat([x[:, a:b].exp() for a, b in ends], 1)

        def plain(x: Any) -> Tensor:
            return x.exp()

        for function in (cut, plain):
            function.__annotations__ = {"x": Float[Tensor, f"b {total}"]}
        lifted = lift([plain, cut])
        assert lifted.programs[0].terms == lifted.programs[1].terms
        assert agrees(lifted)
