"""Running functions in float64, drawing inputs within what is assumed, and tying lifted terms to functions."""

from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from commute.theory.axes import Size, axis
from commute.theory.ops import add, composite, div, lt, mul, sqrt, sub, total, where
from commute.theory.terms import Term, const, index, read
from commute.verify.draws import KINDS, draw_inputs, permitted
from commute.verify.inputs import SCALAR, InputSpec, limits, number, size_rows
from commute.verify.numeric import Failure, agrees_with_lift, run

N, D = Size.symbol("n"), Size.symbol("d")
ROWS = [InputSpec("x", (N, D))]
n, d = axis("n"), axis("d")
X = read("x", [index(n), index(d)], [N, D])


def test_every_kind_stays_within_what_is_allowed() -> None:
    specs = [
        InputSpec("x", (N, D)),
        InputSpec("ids", (N,), "int", D, "int64"),
        InputSpec("mask", (N, D), "bool", dtype="bool"),
        InputSpec("p", (), low=0, high=1, passing=SCALAR),
        InputSpec("k", (N,), "int", None, "int64", low=1, high="2*d"),
    ]
    sizes = {"n": 4, "d": 3}
    for said in ("positive", "nonnegative", "nonzero", (-2, 3), ("-d", "n")):
        for kind in KINDS:
            for seed in range(3):
                values = draw_inputs(specs, sizes, kind, np.random.default_rng(seed), {"x": said})
                for spec in specs:
                    assert values[spec.name].shape == spec.dims(sizes)
                    assert permitted(values[spec.name], limits(spec, {"x": said}, sizes)), (spec.name, kind, said)
    masked = [draw_inputs(specs, sizes, "masked", np.random.default_rng(s))["mask"].any(-1).all() for s in range(5)]
    assert not all(masked), "no row is ever fully masked"


def test_bad_assumptions_are_named() -> None:
    with pytest.raises(ValueError, match="positive, nonnegative, nonzero"):
        limits(ROWS[0], {"x": "big"}, {})
    with pytest.raises(ValueError, match="not an expression over v"):
        number("__import__('os')", {"v": 1})


def test_rows_of_sizes() -> None:
    rows = size_rows(["n", "d"], ROWS)
    assert {"n": 1, "d": 1} in rows
    assert any(r["n"] == 1 and r["d"] > 1 for r in rows)
    assert len({tuple(r.items()) for r in rows}) == len(rows)
    many = [f"s{i}" for i in range(12)]
    first = size_rows(many)[:2]
    assert all(any(r[a] != r[b] for r in first) for a in many for b in many if a < b)
    assert all(r["n"] == 6 for r in size_rows(["n", "d"], ROWS, fixed={"n": 6}))
    even = size_rows(["n", "d"], ROWS, constraints=lambda row: row["n"] % 2 == 0)
    assert even and all(r["n"] % 2 == 0 for r in even)
    assert all(r["n"] >= 3 for r in size_rows(["n"], [InputSpec("x", (N - 2,))]))


def test_casts_to_lower_precision_are_read_as_float64() -> None:
    def lossy(x: Tensor) -> Tensor:
        return (x.half().to(torch.float32) + torch.full((1,), 0.1)).to(dtype=torch.bfloat16)

    x = np.array([[1 + 2.0**-40]])
    result = run(lossy, ROWS, {"x": x})
    assert not isinstance(result, Failure)
    assert result[0].dtype == torch.float64
    assert result[0].item() == x.item() + 0.1
    assert torch.get_default_dtype() == torch.float32


def test_a_function_that_raises() -> None:
    result = run(lambda x: x @ x, ROWS, {"x": np.zeros((2, 3))})
    assert isinstance(result, Failure) and "shapes cannot be multiplied" in result.text


def rms(eps: str) -> Term:
    mean = div(total(d, mul(X, X)), Term("size", (), ("d",)))
    return div(X, sqrt(add(mean, const(Fraction(eps)))))


def test_a_lift_is_tied_to_its_function() -> None:
    def function(x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), eps=1e-6)

    assert agrees_with_lift(function, [rms("1e-6")], [(n, d)], ROWS, ["n", "d"])
    wrong = agrees_with_lift(function, [rms("1e-5")], [(n, d)], ROWS, ["n", "d"])
    assert not wrong and "by the function" in wrong.reason
    turned = agrees_with_lift(function, [rms("1e-6")], [(d, n)], ROWS, ["n", "d"])
    assert not turned and "shape" in turned.reason


def test_the_threshold_of_softplus_is_seen() -> None:
    lifted = [composite("softplus", X)]
    check = agrees_with_lift(F.softplus, lifted, [(n, d)], ROWS, ["n", "d"])
    assert not check, "F.softplus takes its argument as `input`, so it raises"
    assert not agrees_with_lift(lambda x: F.softplus(x), lifted, [(n, d)], ROWS, ["n", "d"])
    past = where(lt(const(20), X), X, lifted[0])
    assert agrees_with_lift(lambda x: F.softplus(x), [past], [(n, d)], ROWS, ["n", "d"])


def test_masked_rows_and_minus_infinity() -> None:
    specs = [*ROWS, InputSpec("mask", (N, D), "bool", dtype="bool")]
    mask = read("mask", [index(n), index(d)], [N, D], "bool")
    masked = Term("where", (mask, X, Term("ninf")))
    lifted = composite("softmax", masked, axes=(d,))
    function = lambda x, mask: torch.softmax(x.masked_fill(~mask, float("-inf")), -1)  # noqa: E731
    assert agrees_with_lift(function, [lifted], [(n, d)], specs, ["n", "d"])
    assert not agrees_with_lift(function, [sub(lifted, const(0)), lifted], [(n, d)] * 2, specs, ["n", "d"])
