"""Error bounds: they hold for what Torch computes, they aren't loose, and the reference's is the one that counts.

To add here: an operator or a format whose bound could be wrong.  Never here: the long run (`python -m tests.fuzz_rounding`).
"""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Float
from torch import Tensor

import commute
from commute.theory.axes import axis
from commute.theory.ops import add, exp, lt, mul, recip, total, where
from commute.theory.terms import ONE, ZERO, Term, const, index, read, reduce
from commute.verify.formats import BFLOAT16, FLOAT16, FLOAT32, PRECISIONS, TF32, Precision
from commute.verify.rounding import FACTOR, Bound, bounds, representable, worst
from commute.verify.tolerance import Rounding
from tests.fuzz_rounding import cases

N = axis("n")
X, Y = (read(name, [index(N)], [N.size]) for name in "xy")
Vector = Float[Tensor, "n"]
SINGLE = PRECISIONS["float32"]


def bound(term: Term, precision: Precision = SINGLE, /, **inputs: Any) -> Bound:
    """The bound of a term over n, or of one number."""
    given = {name: np.asarray(value, dtype=float) for name, value in inputs.items()}
    sizes = {"n": max((v.size for v in given.values()), default=1)}
    return bounds([term], sizes, given, [(N,) if N in term.free else ()], precision)[0]


def test_no_error_exceeds_its_bound_and_bounds_are_close(tmp_path: Path) -> None:
    done = list(cases(60, 3, tmp_path))
    assert [case.words for case in done if case.broken] == []
    slack = [ratio for case in done if (ratio := case.slack) is not None]
    assert len(slack) > 30 and median(slack) < 100


@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16"])
def test_a_sum_in_any_order_is_within_its_bound(name: str) -> None:
    precision, rng = PRECISIONS[name], np.random.default_rng(4)
    x = representable({"x": rng.normal(size=1000) * 10.0 ** rng.integers(-3, 1, size=1000)}, precision)["x"]
    limit = bound(total(N, X), precision, x=x)
    given = torch.tensor(x, dtype=getattr(torch, name))
    naive = torch.zeros((), dtype=torch.float32)
    for each in given.float():
        naive = naive + each
    for order in (given.sum(), given.flip(0).sum(), given.view(10, 100).T.float().sum(0).sum(), naive):
        assert abs(float(order.to(given.dtype)) - float(limit.value)) <= float(limit.error)


def test_a_lower_accumulation_than_declared_falls_outside() -> None:
    x = np.linspace(1, 2, 4096)
    inputs = representable({"x": x, "y": x}, PRECISIONS["bfloat16"])
    declared = bound(total(N, mul(X, Y)), Precision(BFLOAT16, fused=True), **inputs)
    honest = bound(total(N, mul(X, Y)), Precision(BFLOAT16, BFLOAT16, fused=True), **inputs)
    kernel = torch.zeros((), dtype=torch.bfloat16)
    for each in torch.tensor(inputs["x"], dtype=torch.bfloat16) ** 2:
        kernel = kernel + each
    error = abs(float(kernel) - float(declared.value))
    assert error > FACTOR * float(declared.error)
    assert error <= float(honest.error)


def test_tf32_rounds_the_factors_of_products_that_are_summed() -> None:
    x = np.random.default_rng(5).normal(size=8)
    inputs = representable({"x": x, "y": x}, SINGLE)
    narrow, wide = (bound(total(N, mul(X, Y)), PRECISIONS[p], **inputs) for p in ("tf32", "float32"))
    kernel = (TF32.round(inputs["x"]).astype(np.float32) ** 2).sum(dtype=np.float32)
    error = abs(float(kernel) - float(narrow.value))
    assert FACTOR * float(wide.error) < error <= float(narrow.error)
    assert bound(mul(X, Y), PRECISIONS["tf32"], **inputs).error.max() == bound(mul(X, Y), **inputs).error.max()


def test_a_comparison_within_its_errors_is_as_uncertain_as_its_branches_lie_apart() -> None:
    third = mul(X, recip(const(3)))
    step = where(lt(mul(third, const(3)), X), const(7), ONE)
    near = bound(step, x=[1.0])
    assert near.error == 6
    assert bound(where(lt(X, ZERO), const(7), ONE), x=[0.0]).error == 0
    assert bound(where(lt(third, const(5)), const(7), ONE), x=[1.0]).error == 0
    equal_arms = where(lt(mul(third, const(3)), X), X, X)
    assert bound(equal_arms, x=[1.0]).error == 0


def test_overflow_has_no_bound_and_underflow_a_small_one() -> None:
    assert np.isinf(bound(exp(X), x=[100.0]).error) and np.isfinite(bound(exp(X), x=[88.0]).error)
    assert np.isinf(bound(mul(X, X), Precision(FLOAT16), x=[300.0]).error)
    tiny = bound(mul(X, X), x=[2.0**-70])
    assert FLOAT32.normal <= tiny.error < 3 * FLOAT32.normal
    assert np.isinf(bound(recip(X), x=[0.0]).error)


def test_what_is_exact_has_the_bound_0() -> None:
    assert bound(reduce("max", N, X), x=[0.1, 0.7, 3.0]).error == 0
    assert bound(mul(X, const(4)), x=[0.3]).error == 0
    assert bound(add(X, const(1)), x=[3.0]).error == 0
    assert bound(add(X, const(1)), x=[2.0**-30]).error > 0


def test_inputs_are_numbers_of_the_format() -> None:
    values = np.random.default_rng(6).normal(size=200) * 100
    for name, dtype in (("float16", torch.float16), ("bfloat16", torch.bfloat16)):
        rounded = representable({"x": values}, PRECISIONS[name])["x"]
        assert (torch.tensor(values).to(dtype).double().numpy() == rounded).all()


def rounding(reference: Callable[..., Tensor], candidate: Callable[..., Tensor], result: Any = Vector, **more: Any) -> Any:
    """The second column of a verdict on functions of a vector."""
    for function in (reference, candidate):
        function.__annotations__ = {"x": Vector, "return": result}
    verdict = commute.prove(reference, candidate, timeout=10, **more)
    assert verdict.kind == "PROVED", verdict
    return verdict.rounding


def there_and_back(x: Tensor) -> Tensor:
    return (x + 3e5) - 3e5


def test_point_23_the_reference_s_bound_counts_and_not_the_candidate_s_own() -> None:
    y = representable({"y": np.random.default_rng(7).normal(size=50)}, SINGLE)["y"]
    own = bound(add(add(Y, const(300_000)), const(-300_000)), y=y)
    error = np.abs(there_and_back(torch.tensor(y, dtype=torch.float32)).double().numpy() - y)
    assert 0.2 < worst(error, own.error) <= 1
    reference = bound(mul(mul(Y, const(3)), recip(const(3))), y=y)
    assert worst(error, FACTOR * reference.error) > 1e3
    found = rounding(lambda x: x * 3 / 3, there_and_back)
    assert found.word == "UNSTABLE" and found.ratio > 1e3 and "times the reference's bound" in str(found)


def test_point_23_a_candidate_as_good_as_the_reference_is_within_its_bound() -> None:
    found = rounding(lambda x: x.sum(), lambda x: x.flip(0).sum(), Float[Tensor, ""])
    assert found.word == "within" and found.ratio <= FACTOR
    assert found.to_json()["verdict"] == "within" and found.to_json()["unsafe"] == []


def test_point_23_cancellation_that_the_reference_avoids_is_unstable() -> None:
    root = rounding(
        lambda x: (((x - x.mean()) ** 2).mean() + 1).sqrt(),
        lambda x: ((x * x).mean() - x.mean() ** 2 + 1).sqrt(),
        Float[Tensor, ""],
    )
    assert root.word == "UNSTABLE" and root.findings[0].kind == "cancellation"


def test_point_23_a_bound_far_above_the_reference_s_is_unstable_however_small_the_error() -> None:
    lucky = Rounding(cases=8, error=1e-7, bound=1e-6, ratio=0.1, growth=1e5)
    assert lucky.word == "UNSTABLE" and "it may be 1e+05 times as far off as the reference" in str(lucky)
    assert Rounding(cases=8, error=1e-7, bound=1e-6, ratio=0.1, growth=30).word == "within"


def test_point_23_a_witness_for_what_leaves_the_range() -> None:
    found = rounding(lambda x: x.softmax(0), lambda x: x.exp() / x.exp().sum())
    assert found.word == "RANGE-UNSAFE" and "overflows float32 past 88.7" in " ".join(found.explained())
    assert "the result at [0] is nan, by the reference" in str(found)
    assert rounding(lambda x: x.softmax(0), lambda x: x.exp() / x.exp().sum(), assume={"x": (-4, 4)}).word == "within"


def test_rounding_never_fails_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a planted mistake")

    monkeypatch.setattr("commute.verify.tolerance.bounds", broken)
    found = rounding(lambda x: x * 2, lambda x: x + x)
    assert str(found) == "not judged: ZeroDivisionError: a planted mistake"
