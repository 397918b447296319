"""Ranges and what is unsafe: forms that subtract their maximum are safe at all sizes, those that don't are named in words.

To add here: a formula in use, with what is to be said of it.  Never here: rounding errors (`test_rounding.py`).
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from commute.loading import resolve
from commute.lowering.lift_torch import lift
from commute.theory.axes import axis
from commute.theory.ops import add, exp, maximum, mul, neg, recip, sub, total
from commute.theory.terms import NINF, ZERO, Term, fold_over, index, read, reduce, state
from commute.verify.draws import KINDS, draw_inputs
from commute.verify.evaluate import evaluate
from commute.verify.ranges import Ranges
from commute.verify.safety import unsafe

Rows, Row, Mask = Float[Tensor, "b n"], Float[Tensor, "b"], Bool[Tensor, "b n"]
Program = Callable[..., Tensor]
EXAMPLES = Path(__file__).parents[1] / "examples"


def findings(function: Program, ranges: Any = None, **arguments: Any) -> list[str]:
    """What is unsafe about a function, in words."""
    if not function.__annotations__:
        function.__annotations__ = {"x": Rows, "return": Rows, **arguments}
    lifted = lift((function, function))
    return [str(f) for o in lifted.programs[0].outputs for f in unsafe(o.whole.term, ranges)]


def shifted(x: Tensor) -> Tensor:
    e = torch.exp(x - x.amax(-1, keepdim=True))
    return e / e.sum(-1, keepdim=True)


SAFE: list[tuple[str, Program, dict[str, Any]]] = [
    ("softmax", lambda x: x.softmax(-1), {}),
    ("softmax, shifted by hand", lambda x: shifted(x), {}),
    ("softmax, shifted and scaled", lambda x: shifted(x / math.sqrt(x.shape[-1])), {}),
    ("softmax over a mask", lambda x, m: shifted(x.masked_fill(~m, float("-inf"))), {"m": Mask}),
    ("logsumexp", lambda x: x.logsumexp(-1), {"return": Row}),
    ("logsumexp, shifted by hand", lambda x: x.amax(-1) + (x - x.amax(-1, keepdim=True)).exp().sum(-1).log(), {"return": Row}),
    ("cross entropy", lambda x: -x.log_softmax(-1), {}),
    ("variance in two passes", lambda x: (((x - x.mean(-1, keepdim=True)) ** 2).mean(-1) + 1e-5).rsqrt(), {"return": Row}),
    ("layer norm", lambda x: F.layer_norm(x, x.shape[-1:]), {}),
    ("root mean square", lambda x: x / (x.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt(), {}),
    ("sigmoid: 1/inf is 0", lambda x: 1 / (1 + torch.exp(-x)), {}),
    ("softplus by -|x|", lambda x: x.relu() + torch.log(1 + torch.exp(-x.abs())), {}),
    ("elu: exp where x <= 0", lambda x: torch.where(x > 0, x, x.exp() - 1), {}),
    ("exp of a minimum", lambda x: torch.exp(torch.minimum(x, torch.zeros_like(x))), {}),
    ("softmax of capped scores and a bias, shifted", lambda x, y: shifted(torch.tanh(x / 30) * 30 + y), {"y": Rows}),
    ("softmax of sums, the shift summed in another order", lambda x, y: exp_share(y + x, (x + y).amax(-1, keepdim=True)),
     {"y": Rows}),
    ("softmax of halves, shifted by half of the maximum of sums",
     lambda x, y: exp_share(x / 2 - y, (x - 2 * y).amax(-1, keepdim=True) / 2),
     {"y": Rows}),
    ("scores that fall with the distance, shifted",
     lambda x, y: shifted(x + y[:, :1] * (torch.arange(x.shape[1]) - y.shape[0])),
     {"y": Rows}),
    ("x - logsumexp x", lambda x: torch.exp(x - x.logsumexp(-1, keepdim=True)), {}),
]  # fmt: skip


def exp_share(x: Tensor, shift: Tensor) -> Tensor:
    e = torch.exp(x - shift)
    return e / e.sum(-1, keepdim=True)


@pytest.mark.parametrize(("name", "function", "arguments"), SAFE, ids=[s[0] for s in SAFE])
def test_point_24_what_subtracts_its_maximum_is_safe(name: str, function: Program, arguments: dict[str, Any]) -> None:
    assert findings(function, **arguments) == []


STREAMED = ["attention.py:attention", "attention.py:streamed", "online_softmax.py:two_blocks", "online_softmax.py:four_blocks"]
STREAMED += ["causal_attention.py:causal_by_zeros", "causal_attention.py:causal_library", "layer_norm.py:by_hand"]


@pytest.mark.parametrize("place", STREAMED)
def test_point_24_streamed_attention_is_safe_at_all_sizes(place: str) -> None:
    assert findings(resolve(str(EXAMPLES / place))) == []


UNSAFE: list[tuple[str, Program, dict[str, Any], str]] = [
    ("softmax without a shift", lambda x: x.exp() / x.exp().sum(-1, keepdim=True), {}, "overflows float32 past 88.7"),
    ("shift by the mean", lambda x: exp_share(x, x.mean(-1, keepdim=True)), {}, "has an argument up to 2e+04"),
    ("shift by the minimum", lambda x: exp_share(x, x.amin(-1, keepdim=True)), {}, "has an argument up to 2e+04"),
    ("another row's maximum", lambda x: exp_share(x, x.flip(0).amax(-1, keepdim=True)), {}, "up to 2e+04"),
    ("the maximum of one part of a sum", lambda x: exp_share(x + x.flip(-1), x.amax(-1, keepdim=True)), {}, "up to 1e+04"),
    ("the maximum of twice a sum", lambda x: exp_share(x + x.flip(-1), (x + x.flip(-1)).amax(-1, keepdim=True) / 2), {},
     "overflows float32"),
    ("the maximum of a sum over other rows",
     lambda x: exp_share(x + x.tanh(), (x + x.tanh()).flip(0).amax(-1, keepdim=True)), {}, "may underflow to 0"),
    ("log of a sum of exps", lambda x: x.exp().sum(-1).log(), {"return": Row}, "takes the log of what may underflow to 0"),
    ("log of a softmax", lambda x: x.softmax(-1).log(), {}, "takes the log of what may be 0"),
    ("E[x²] - E[x]²", lambda x: ((x * x).mean(-1) - x.mean(-1) ** 2 + 1e-5).rsqrt(), {"return": Row},
     "subtracts two numbers that agree to within rounding, then takes the root of them"),
    ("1 / (E[x²] - E[x]²)", lambda x: 1 / ((x * x).mean(-1) - x.mean(-1) ** 2), {"return": Row},
     "subtracts two numbers that agree to within rounding, then divides by them"),
    ("softplus", lambda x: torch.log(1 + torch.exp(x)), {}, "exp(x[b, n]) has an argument up to 1e+04"),
    ("elu without its branch", lambda x: torch.where(x < 0, x, x.exp() - 1), {}, "overflows float32"),
    ("a divisor that may be 0", lambda x: x / x.sum(-1, keepdim=True), {}, "divides by what may be as low as"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "function", "arguments", "words"), UNSAFE, ids=[u[0] for u in UNSAFE])
def test_point_24_what_may_leave_the_range_is_said(
    name: str, function: Program, arguments: dict[str, Any], words: str
) -> None:
    said = findings(function, **arguments)
    assert any(words in each for each in said), said
    assert all(each.startswith("unsafe because ") for each in said)


def test_what_is_assumed_of_an_input_counts() -> None:
    assert findings(lambda x: x.exp() / x.exp().sum(-1, keepdim=True), {"x": (-50.0, 50.0)}) == []
    assert findings(lambda x: 1 / x, {"x": (0.5, 2.0)}) == []
    assert findings(lambda x: x.log(), {"x": (0.0, 2.0)}) != []


K = axis("k")
S = read("s", [index(K)], [K.size])


def online(rescaled: bool) -> Term:
    """The sum of exponentials of one pass over k, read at k; the running sum rescaled at each new maximum, or not."""
    m, s = state("m", "ext"), state("l")
    top = maximum(m, S)
    scale = exp(sub(m, top)) if rescaled else ZERO
    steps = (top, add(mul(s, scale), exp(sub(S, top if rescaled else add(top, index(K))))))
    return fold_over(K, ("m", "l"), (NINF, ZERO), steps, 1)


def test_point_24_a_fold_s_running_sum_is_at_least_1() -> None:
    maximum_ = fold_over(K, ("m",), (NINF,), (maximum(state("m", "ext"), S),))
    weights = mul(exp(sub(S, maximum_)), recip(online(True)))
    assert Ranges().range(online(True))[0] == 1 and unsafe(weights) == []
    assert Ranges().range(online(False))[0] < 1 and unsafe(recip(online(False))) != []


def test_a_sum_that_contains_exp_0_is_at_least_1_and_no_other() -> None:
    peak = reduce("max", K, S)
    assert Ranges().range(total(K, exp(sub(S, peak))))[0] == 1
    assert Ranges().range(total(K, mul(exp(sub(S, peak)), exp(neg(peak)))))[0] == 0
    assert Ranges().range(total(K, exp(sub(S, maximum(peak, read("t", [], []))))))[0] == 0
    assert Ranges().range(total(K, exp(sub(sub(S, peak), read("t", [], [])))))[0] == 0


def test_ranges_hold_what_is_evaluated() -> None:
    rng = np.random.default_rng(8)
    for name, function, arguments in SAFE:
        if not function.__annotations__:
            function.__annotations__ = {"x": Rows, "return": Rows, **arguments}
        lifted = lift((function, function))
        whole = lifted.programs[0].outputs[0].whole
        low, high = Ranges().range(whole.term)
        for kind in KINDS:
            inputs = draw_inputs(lifted.inputs, {"b": 3, "n": 5}, kind, rng)
            (value,) = evaluate([whole.term], {"b": 3, "n": 5}, inputs, whole.axes)
            room = 1e-9 * (1 + np.abs(value))
            within = (value >= low - room) & (value <= high + room)
            assert (within | np.isnan(value)).all() and (kind == "zero" or within.any()), (name, kind, low, high)
