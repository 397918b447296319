"""Cost against measurement: the modelled time of plans on the machine at hand, and the time that their Torch files take.

Calibrates the row `cpu` with one thread, plans fourteen functions at three sizes in float32, runs the plans as eager Torch, and
writes cost_model.json and cost_model.md beside this file with Spearman's correlation.
To add here: a function, or a size.  Never here: a test, or a figure that is put into the model by hand.
"""

from __future__ import annotations

import ctypes
import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor as T

from commute.lowering.calibrating import calibrated
from commute.optimizing import optimize
from commute.theory.machines import Machine

HERE = Path(__file__).parent
RUNS, SECONDS = 9, 1.0


def softmax(x: Float[T, "n m"]) -> Float[T, "n m"]:
    return torch.softmax(x, -1)


def attention(q: Float[T, "h n d"], k: Float[T, "h m d"], v: Float[T, "h m d"]) -> Float[T, "h n d"]:
    return torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1) @ v


def linear_attention(q: Float[T, "n d"], k: Float[T, "m d"], v: Float[T, "m e"]) -> Float[T, "n e"]:
    return (q @ k.mT) @ v


def chain(a: Float[T, "i j"], b: Float[T, "j k"], c: Float[T, "k l"]) -> Float[T, "i l"]:
    return a @ b @ c


def lora(x: Float[T, "n i"], w: Float[T, "i o"], a: Float[T, "i r"], b: Float[T, "r o"]) -> Float[T, "n o"]:
    return x @ (w + a @ b)


def matmul(a: Float[T, "n k"], b: Float[T, "k m"]) -> Float[T, "n m"]:
    return a @ b


def rms_linear(x: Float[T, "n d"], g: Float[T, " d"], w: Float[T, "d e"]) -> Float[T, "n e"]:
    return (x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * g) @ w


def layer_norm(x: Float[T, "n d"]) -> Float[T, "n d"]:
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + 1e-5)


def swiglu(x: Float[T, "n d"], w1: Float[T, "d f"], w2: Float[T, "d f"]) -> Float[T, "n f"]:
    return F.silu(x @ w1) * (x @ w2)


def cosine(a: Float[T, "n d"], b: Float[T, "n d"]) -> Float[T, " n"]:
    return (a / a.norm(dim=-1, keepdim=True) * (b / b.norm(dim=-1, keepdim=True))).sum(-1)


def softmax_backward(x: Float[T, "n m"], g: Float[T, "n m"]) -> Float[T, "n m"]:
    p = torch.softmax(x, -1)
    return p * (g - (p * g).sum(-1, keepdim=True))


def divergence(a: Float[T, "n m"], b: Float[T, "n m"]) -> Float[T, " n"]:
    return (torch.softmax(a, -1) * (torch.log_softmax(a, -1) - torch.log_softmax(b, -1))).sum(-1)


def sum_matmul(a: Float[T, "n k"], b: Float[T, "k m"]) -> Float[T, ""]:
    return (a @ b).sum()


def projected(x: Float[T, "n d"], a: Float[T, "d e"], b: Float[T, "e f"]) -> Float[T, "n f"]:
    return torch.relu(x @ a) @ b


Sizes = Mapping[str, int]


def three(**sizes: tuple[int, int, int]) -> list[dict[str, int]]:
    """Three choices of all sizes."""
    return [{name: each[i] for name, each in sizes.items()} for i in range(3)]


CASES: list[tuple[Callable[..., Any], Sequence[Sizes]]] = [
    (softmax, three(n=(256, 1024, 4096), m=(512, 1024, 2048))),
    (attention, three(h=(2, 4, 8), n=(128, 512, 1024), m=(256, 512, 1024), d=(64, 64, 64))),
    (linear_attention, three(n=(512, 1024, 4096), m=(512, 2048, 4096), d=(64, 128, 128), e=(64, 128, 128))),
    (chain, three(i=(256, 512, 1024), j=(256, 1024, 1024), k=(32, 64, 512), l=(256, 512, 1024))),
    (lora, three(n=(128, 512, 1024), i=(256, 512, 1024), o=(256, 512, 1024), r=(8, 16, 16))),
    (matmul, three(n=(128, 512, 1024), k=(256, 512, 2048), m=(128, 512, 1024))),
    (rms_linear, three(n=(128, 512, 1024), d=(256, 512, 1024), e=(256, 512, 1024))),
    (layer_norm, three(n=(256, 1024, 4096), d=(512, 1024, 2048))),
    (swiglu, three(n=(128, 256, 512), d=(256, 512, 1024), f=(256, 1024, 2048))),
    (cosine, three(n=(256, 2048, 8192), d=(256, 512, 1024))),
    (softmax_backward, three(n=(256, 1024, 4096), m=(256, 512, 1024))),
    (divergence, three(n=(256, 1024, 4096), m=(256, 512, 1024))),
    (sum_matmul, three(n=(256, 1024, 2048), k=(256, 1024, 2048), m=(256, 1024, 2048))),
    (projected, three(n=(128, 256, 512), d=(128, 256, 512), e=(256, 1024, 2048), f=(128, 256, 512))),
]


def keep_memory() -> None:
    """Ask the C library to keep freed memory: pages fetched anew for every array would be most of what is measured."""
    trim, mmap, large = -1, -3, 1 << 30
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(trim, large)
        library.mallopt(mmap, large)


def measured(run: Callable[[], object]) -> float:
    """The median of some runs, after one; where that one takes long, it alone counts."""
    start = time.perf_counter()
    run()
    if time.perf_counter() - start > SECONDS:
        return time.perf_counter() - start
    seconds: list[float] = []
    start = time.perf_counter()
    while len(seconds) < RUNS and (len(seconds) < 3 or time.perf_counter() - start < SECONDS):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    return median(seconds)


def row(fn: Callable[..., Any], sizes: Sizes, machine: Machine) -> dict[str, Any]:
    """Plan, model, run."""
    plan = optimize(fn, machine=machine, sizes=sizes, dtype="float32")
    assert plan.lifted is not None
    torch.manual_seed(0)
    arrays = [torch.randn([s.at(sizes) for s in i.shape]) for i in plan.lifted.inputs]
    run = plan.compile("torch")
    wanted, got = fn(*arrays), run(*arrays)
    error = float((wanted - got).abs().max() / wanted.abs().max())
    return {
        "function": fn.__name__, "sizes": dict(sizes), "verdict": plan.verdict, "kernels": len(plan.kernels),
        "modelled": plan.cost["seconds"], "measured": measured(lambda: run(*arrays)),
        "as_written": measured(lambda: fn(*arrays)), "error": error,
    }  # fmt: skip


def ranks(values: Sequence[float]) -> list[float]:
    """The rank of each value; equal ones share the mean of theirs."""
    return [sum(v < w for v in values) + (sum(v == w for v in values) + 1) / 2 for w in values]


def spearman(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's rank correlation."""
    x, y = ranks(a), ranks(b)
    mx, my = sum(x) / len(x), sum(y) / len(y)
    over = sum((i - mx) * (j - my) for i, j in zip(x, y, strict=True))
    return over / (sum((i - mx) ** 2 for i in x) * sum((j - my) ** 2 for j in y)) ** 0.5


def table(machine: Machine, rows: Sequence[Mapping[str, Any]], correlation: float) -> str:
    """The results as Markdown."""
    lines = [
        "# Modelled and measured time of plans", "",
        f"Made by `python benchmarks/cost_model.py` on {platform.machine()}, one thread, float32, Torch {torch.__version__}; "
        "medians, milliseconds.  The model knows the machine by `commute machines --calibrate` only.", "",
        f"Spearman's correlation of modelled and measured time over {len(rows)} plans: **{correlation:.3f}**", "",
        f"Calibrated: copy {machine.levels[0].bandwidth / 1e9:.3g} GB/s, in cache {machine.inner.bandwidth / 1e9:.3g} GB/s, "
        f"products {machine.matmul['float32'] / 1e9:.3g} Gflop/s, {machine.exp / 1e9:.3g} Gexp/s, "
        f"a call {machine.step * 1e6:.2g} µs.", "",
        "| function | sizes | kernels | verdict | modelled | measured | as written |", "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for r in rows:
        sizes = ", ".join(f"{k}={v}" for k, v in r["sizes"].items())
        times = " | ".join(f"{r[k] * 1e3:.3g}" for k in ("modelled", "measured", "as_written"))
        lines.append(f"| {r['function']} | {sizes} | {r['kernels']} | {r['verdict']} | {times} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Calibrate, run all cases, write the table."""
    keep_memory()
    machine = calibrated(threads=(1,))
    torch.set_num_threads(1)
    rows = []
    for fn, choices in CASES:
        for sizes in choices:
            rows.append(row(fn, sizes, machine))
            r = rows[-1]
            print(f"{r['function']:<18}{r['modelled'] * 1e3:9.3g} {r['measured'] * 1e3:9.3g} {r['as_written'] * 1e3:9.3g} ms  "
                  f"{r['kernels']} kernels, {r['verdict']}, error {r['error']:.1e}", flush=True)  # fmt: skip
    correlation = spearman([r["modelled"] for r in rows], [r["measured"] for r in rows])
    print(f"Spearman's correlation over {len(rows)} plans: {correlation:.3f}")
    result = {"machine": machine.to_json(), "spearman": correlation, "rows": rows}
    (HERE / "cost_model.json").write_text(json.dumps(result, indent=1) + "\n")
    (HERE / "cost_model.md").write_text(table(machine, rows, correlation))


if __name__ == "__main__":
    main()
