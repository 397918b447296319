"""The C++ backend: plans compiled by g++ and compared with their programs, at sizes that divide and that do not."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

import commute
from commute.lowering.checking_printed import loaded
from commute.lowering.registry import Unsupported

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="the C++ backend needs g++")


def attention(q: Float[Tensor, "h n d"], k: Float[Tensor, "h m d"], v: Float[Tensor, "h m d"]) -> Float[Tensor, "h n d"]:
    return torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1) @ v


def causal(q: Float[Tensor, "n d"], k: Float[Tensor, "n d"], v: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    i = torch.arange(q.shape[0])
    scores = (q @ k.mT).masked_fill(i[None, :] > i[:, None], float("-inf"))
    return torch.softmax(scores, -1) @ v


def low_rank(x: Float[Tensor, "n i"], w: Float[Tensor, "i o"], a: Float[Tensor, "i r"], b: Float[Tensor, "r o"]):
    return F.silu(x @ w + (x @ a) @ b)


def layer_norm(x: Float[Tensor, "n d"], g: Float[Tensor, "d"]) -> Float[Tensor, "n d"]:
    mean = x.mean(-1, keepdim=True)
    return (x - mean) / torch.sqrt(((x - mean) ** 2).mean(-1, keepdim=True) + 1e-5) * g


def picked(x: Float[Tensor, "n v"], y: Int[Tensor, "n"]) -> Float[Tensor, ""]:
    return F.cross_entropy(x, y)


SIZES = {
    attention: [dict(h=2, n=96, m=64, d=16), dict(h=1, n=37, m=83, d=9), dict(h=1, n=1, m=1, d=1)],
    causal: [dict(n=96, d=16), dict(n=131, d=7), dict(n=1, d=2)],
    low_rank: [dict(n=64, i=48, o=96, r=4), dict(n=19, i=33, o=7, r=3)],
    layer_norm: [dict(n=64, d=128), dict(n=5, d=37), dict(n=1, d=1)],
    picked: [dict(n=32, v=100), dict(n=7, v=3)],
}


def _arguments(function: Callable[..., Any], sizes: dict[str, int]) -> list[Tensor]:
    torch.manual_seed(3)
    shapes = {name: hint for name, hint in function.__annotations__.items() if name != "return"}
    made = []
    for hint in shapes.values():
        shape = [sizes[a] for a in str(hint.dim_str).split()]
        made.append(torch.randint(0, sizes["v"], shape) if "Int" in hint.__name__ else torch.randn(shape))
    return made


@pytest.fixture(scope="module", autouse=True)
def kept_apart(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.mark.parametrize("function", SIZES, ids=lambda f: f.__name__)
def test_compiled_plans_compute_what_the_programs_do(function: Callable[..., Any]) -> None:
    plan = commute.optimize(function, machine="cpu", dtype="float32", sizes=SIZES[function][0])
    assert plan.verdict == "PROVED"
    fast = plan.compile("cpp")
    for sizes in SIZES[function]:
        arguments = _arguments(function, sizes)
        wanted = function(*(a.double() if a.is_floating_point() else a for a in arguments))
        given = fast(*arguments)
        assert given.dtype == torch.float32 and given.shape == wanted.shape
        assert torch.allclose(given.double(), wanted, atol=2e-5, rtol=2e-5), sizes


def test_half_precision_strides_and_wrong_calls() -> None:
    plan = commute.optimize(low_rank, machine="cpu", dtype="float32", sizes=SIZES[low_rank][0])
    fast = loaded(plan.emit("cpp"), plan.name)
    x, w, a, b = _arguments(low_rank, SIZES[low_rank][1])
    turned = fast(x.T.contiguous().T, w, a, b)
    assert torch.equal(turned, fast(x, w, a, b))
    half = fast(*(t.bfloat16() for t in (x, w, a, b)))
    assert half.dtype == torch.bfloat16
    with pytest.raises(ValueError, match="shape"):
        fast(x, w[:, :-1], a, b)
    with pytest.raises(TypeError, match="float64"):
        fast(x.double(), w.double(), a.double(), b.double())
    with pytest.raises(ValueError, match="size is 0"):
        fast(x[:0], w, a, b)


def test_a_missing_compiler_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = commute.optimize(picked, machine="cpu", dtype="float32", sizes=SIZES[picked][0])
    fast = plan.compile("cpp")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setenv("XDG_CACHE_HOME", "/nonexistent")
    with pytest.raises(RuntimeError, match="g\\+\\+"):
        fast(*_arguments(picked, SIZES[picked][1]))


def test_what_has_no_spelling_is_named() -> None:
    from commute.lowering.cpp_terms import Spelling

    with pytest.raises(Unsupported, match="no spelling of gamma"):
        Spelling({}, lambda a: a.name).operator("gamma", ["x"])
