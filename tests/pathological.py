"""Programs that are too large, too deep or too slow for any prover: each must end within its time and memory all the same.

`python -m tests.pathological [--timeout S ...] [--memory MIB] [NAME ...]` runs `commute prove` on each in a process of its own
and measures wall time and peak memory from outside.  To add here: a pair that a budget might not hold.  Never here: pairs
whose verdict is the point.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

SAY_START = "COMMUTE_SAY_START"
"""Where this is set, this file says when it has been read: before that Python and Torch start, which no budget counts."""

PAIRS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {}
SIZES: dict[str, dict[str, int]] = {}

Vector = Float[Tensor, "n"]
Matrix = Float[Tensor, "n m"]
Square = Float[Tensor, "n n"]


def pair(**sizes: int) -> Callable[[Callable[[], tuple[Callable[..., Any], Callable[..., Any]]]], None]:
    """Keep the pair of programs that a function makes, under its name; `sizes` are given on the command line."""

    def keep(make: Callable[[], tuple[Callable[..., Any], Callable[..., Any]]]) -> None:
        name = make.__name__
        PAIRS[name], SIZES[name] = make(), sizes
        globals()[f"{name}_reference"], globals()[f"{name}_candidate"] = PAIRS[name]

    return keep


def folded(x: Any, step: Callable[[Any, int], Any], times: int) -> Any:
    """`step` applied so many times."""
    for i in range(times):
        x = step(x, i)
    return x


def built(
    step: Callable[[Any, int], Any], other: Callable[[Any, int], Any], times: int, kind: Any = Vector
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Two programs of one argument that repeat a step."""

    def reference(x: Any) -> Any:
        return folded(x, step, times)

    def candidate(x: Any) -> Any:
        return folded(x, other, times)

    for each in (reference, candidate):
        each.__annotations__ = {"x": kind, "return": kind}
    return reference, candidate


# --- many parts ------------------------------------------------------------------------------------------------------


@pair()
def long_sum():
    """300 terms, added from the left and from the right, one of them changed."""

    def reference(x: Vector, y: Vector) -> Vector:
        return folded(x, lambda t, i: t + torch.exp(x * i) * y**i, 300)

    def candidate(x: Vector, y: Vector) -> Vector:
        return folded(0 * torch.log(torch.exp(y + x)), lambda t, i: t + torch.exp(x * (299 - i)) * y ** (299 - i), 300) + x

    return reference, candidate


@pair()
def product_of_sums():
    """40 sums multiplied: 2^40 monomials where anybody multiplies out."""

    def reference(x: Vector, y: Vector) -> Vector:
        return folded(x, lambda t, i: t * (x * i + torch.exp(y * i) + 1), 40)

    def candidate(x: Vector, y: Vector) -> Vector:
        return folded(x, lambda t, i: (torch.exp(y * (39 - i)) + 1 + x * (39 - i)) * t, 40) + torch.sin(x) * 1e-3

    return reference, candidate


@pair()
def power_of_a_sum():
    """(x + y + 1)^60 written in two ways."""

    def reference(x: Vector, y: Vector) -> Vector:
        return (x + y + 1) ** 60

    def candidate(x: Vector, y: Vector) -> Vector:
        return folded(x * 0 + 1, lambda t, _: t * (x + y) + t, 60)

    return reference, candidate


@pair()
def tower():
    """Squares of sums of squares, 40 deep: degree 2^40."""
    return built(lambda t, i: (t + i) * (t + i), lambda t, i: t * t + 2 * i * t + i * i, 40)


@pair()
def ten_thousand_nodes():
    """A straight line of 10,000 operators."""
    return built(lambda t, i: torch.tanh(t * (i + 1) + 1), lambda t, i: torch.tanh(1 + (i + 1) * t), 2500)


@pair()
def ten_thousand_sums():
    """10,000 additions of different terms."""

    def reference(x: Vector) -> Vector:
        return folded(x, lambda t, i: t + torch.sin(x * i), 4000)

    def candidate(x: Vector) -> Vector:
        return folded(x, lambda t, i: torch.sin(x * (3999 - i)) + t, 4000)

    return reference, candidate


@pair()
def shared_doubling():
    """A graph of 200 nodes that is a tree of 2^100."""
    return built(lambda t, i: torch.sin(t) + torch.cos(t) * i, lambda t, i: i * torch.cos(t) + torch.sin(t), 100)


@pair()
def many_arguments_summed():
    """One matrix cut into 64 rows, multiplied in two orders."""

    def reference(x: Float[Tensor, "64 n"]) -> Vector:
        return folded(x[0], lambda t, i: t * (x[i] + x[i - 1]), 64)

    def candidate(x: Float[Tensor, "64 n"]) -> Vector:
        return folded(x[0], lambda t, i: t * (x[62 - i] + x[63 - i]), 64)

    return reference, candidate


# --- deep nests ------------------------------------------------------------------------------------------------------


@pair()
def nested_softmax():
    """40 softmaxes in each other."""
    return built(lambda t, _: F.softmax(t, dim=0), lambda t, _: torch.exp(t - t.logsumexp(0)), 40)


@pair()
def nested_everything():
    """40 layers of softmax, exp, max and where."""

    def step(t: Any, i: int) -> Any:
        if i % 4 == 0:
            return F.softmax(t, dim=0)
        if i % 4 == 1:
            return torch.exp(-t)
        return torch.maximum(t, t.flip(0)) if i % 4 == 2 else torch.where(t > 0.5, t, 1 - t)

    return built(step, lambda t, i: step(t, i) + (0 * t if i % 7 == 0 else 0), 40)


@pair()
def stacked_choices():
    """200 maxima and choices on each other."""

    def step(t: Any, i: int) -> Any:
        return torch.where(t > i, t - i, torch.maximum(t, torch.tensor(float(i))))

    def other(t: Any, i: int) -> Any:
        return torch.where(t <= i, torch.maximum(torch.tensor(float(i)), t), t - i)

    return built(step, other, 200)


@pair()
def many_clamps():
    """200 clamps of sums of themselves."""
    return built(lambda t, i: (t + t.flip(0)).clamp(-i, i), lambda t, i: (t.flip(0) + t).clamp(min=-i).clamp(max=i), 200)


@pair()
def nested_attention():
    """30 layers of attention with themselves."""

    def step(t: Any, _: int) -> Any:
        return F.softmax(t @ t.mT, dim=-1) @ t

    def other(t: Any, _: int) -> Any:
        scores = torch.exp(t @ t.mT)
        return (scores @ t) / scores.sum(-1, keepdim=True)

    return built(step, other, 30, Matrix)


@pair()
def nested_norms():
    """60 layer norms with residual connections."""

    def step(t: Any, _: int) -> Any:
        return t + (t - t.mean(-1, keepdim=True)) / torch.sqrt(t.var(-1, keepdim=True, unbiased=False) + 1e-5)

    def other(t: Any, _: int) -> Any:
        mean = t.mean(-1, keepdim=True)
        return t + (t - mean) * torch.rsqrt((t * t).mean(-1, keepdim=True) - mean * mean + 1e-5)

    return built(step, other, 60, Matrix)


# --- matrices --------------------------------------------------------------------------------------------------------


@pair()
def chain_of_products():
    """300 products of matrices."""

    def reference(x: Square, y: Square) -> Square:
        return folded(x, lambda t, i: t @ (x if i % 2 else y), 300)

    def candidate(x: Square, y: Square) -> Square:
        return folded(x, lambda t, i: (y if i % 2 else x) @ t, 300)

    return reference, candidate


@pair(n=1_000_000, m=1_000_000)
def fixed_to_a_million():
    """An input of 10^12 elements."""
    return built(lambda t, _: t + t, lambda t, _: 3 * t - t * 1.0, 1, Matrix)


@pair(n=1_000_000)
def outer_product():
    """An input of 10^6 elements, and a matrix of 10^12 on the way."""
    return built(lambda t, _: (t[:, None] * t[None, :]).sum(1), lambda t, _: t * t.sum() + 1e-9, 1)


@pair(n=30_000)
def large_product():
    """One product of matrices of 3 * 10^13 operations, in one call that nothing interrupts."""
    return built(lambda t, _: t @ t, lambda t, _: t @ t + 1e-9, 1, Square)


@pair(n=1_000_000)
def sort_of_a_million_maxima():
    """A running maximum over 10^6."""
    return built(lambda t, _: torch.cummax(t, 0).values, lambda t, _: torch.cummax(t + 0, 0).values * 1.0, 3)


@pair()
def large_by_itself():
    """A program that makes 16 GB whatever it is given."""

    def reference(x: Vector) -> Vector:
        return x + torch.zeros(40_000, 50_000).sum()

    def candidate(x: Vector) -> Vector:
        return x + torch.ones(40_000, 50_000).sum() * 0

    return reference, candidate


@pair()
def slow_by_itself():
    """A program that would run for hours."""

    def reference(x: Vector) -> Vector:
        return folded(x, lambda t, i: t + i, 10**9)

    return reference, reference


@pair()
def python_that_cannot_be_interrupted():
    """One operation on integers of Python that takes minutes."""

    def reference(x: Vector) -> Vector:
        return x + (3 ** (10**9) % 7)

    return reference, reference


@pair()
def million_by_symbol():
    """Sizes of 10^6 that the program writes down itself."""

    def reference(x: Vector) -> Vector:
        return (x[:, None] + torch.arange(1_000_000)[None, :]).max(1).values

    def candidate(x: Vector) -> Vector:
        return x + 999_999

    return reference, candidate


# --- shapes ----------------------------------------------------------------------------------------------------------


@pair()
def huge_reshapes():
    """Ten axes folded and unfolded in several orders."""
    kind = Float[Tensor, "a b c d e f g h"]

    def reference(x: kind) -> Any:  # type: ignore[valid-type]
        a, b, c, d, e, f, g, h = x.shape
        return x.reshape(a * b, c * d, e * f, g * h).permute(3, 1, 0, 2).reshape(g * h * c * d, a * b * e * f).reshape(-1)

    def candidate(x: kind) -> Any:  # type: ignore[valid-type]
        return x.permute(6, 7, 2, 3, 0, 1, 4, 5).reshape(-1)

    reference.__annotations__ = {"x": kind}
    candidate.__annotations__ = {"x": kind}
    return reference, candidate


@pair()
def reshapes_that_do_not_meet():
    """Reshapes back and forth between factorings of one fixed size, 30 times."""

    def step(t: Any, i: int) -> Any:
        return t.reshape([(24, 30), (45, 16), (10, 72), (36, 20)][i % 4]).mT.reshape(720)

    return built(step, lambda t, i: step(t.reshape(24, 30).mT.mT.reshape(720), i), 30, Float[Tensor, "720"])


@pair()
def many_slices():
    """400 slices joined again."""

    def reference(x: Float[Tensor, "400 n"]) -> Float[Tensor, "400 n"]:
        return torch.cat([x[i : i + 1] * i for i in range(400)])

    def candidate(x: Float[Tensor, "400 n"]) -> Float[Tensor, "400 n"]:
        return x * torch.arange(400)[:, None]

    return reference, candidate


@pair()
def many_questions_about_sizes():
    """A program that asks about 20 sizes."""

    def reference(x: Vector) -> Vector:
        return folded(x, lambda t, i: t + 1 if t.shape[0] > 3 * i else t * 2, 20)

    return reference, reference


# --- running them ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """One run: exit code, wall time from outside and the start's share of it, peak memory by its own account, what it said."""

    name: str
    timeout: float
    code: int
    seconds: float
    start: float
    peak_mib: float
    said: dict[str, Any]

    def problem(self, memory: int) -> str:
        """What was not kept, or nothing."""
        if self.code not in (0, 1, 2):
            return f"exit code {self.code}"
        if not self.said.get("reason") and self.said.get("verdict") == "UNKNOWN":
            return "no reason"
        if self.seconds - self.start > self.timeout + 2.0:
            return "late"
        return "too much memory" if self.peak_mib > memory else ""

    def __str__(self) -> str:
        verdict, reason = self.said.get("verdict", "?"), str(self.said.get("reason", ""))
        took = f"{self.seconds - self.start:6.2f} s after a start of {self.start:5.2f} s"
        return f"{self.name:<34} {self.timeout:>4g} {verdict:<8} {took} {self.peak_mib:6.0f} MiB  {reason}"


def measure(name: str, timeout: float, memory: int) -> Measured:
    """Run one pair in a process of its own."""
    here = Path(__file__)
    sizes = [word for key, value in SIZES[name].items() for word in ("--size", f"{key}={value}")]
    targets = [f"{here}:{name}_{side}" for side in ("reference", "candidate")]
    options = ["--timeout", str(timeout), "--memory", str(memory), "--json", *sizes]
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "commute", "prove", *targets, *options],
        capture_output=True, check=False, env={**os.environ, SAY_START: "1"},
    )  # fmt: skip
    seconds = time.monotonic() - started
    *_, read = [0.0, *(float(line.split()[-1]) for line in done.stderr.decode().splitlines() if line.startswith(SAY_START))]
    try:
        said: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        said = {"reason": done.stderr.decode().strip()}
    return Measured(name, timeout, done.returncode, seconds, max(0.0, read - started), said.get("peak_mib") or 0.0, said)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the pairs and print what each took; 1 where a budget was not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="pairs; all where none is named")
    parser.add_argument("--timeout", type=float, nargs="*", default=[2.0, 5.0])
    parser.add_argument("--memory", type=int, default=2048)
    options = parser.parse_args(arguments)
    broken = 0
    for name in options.names or PAIRS:
        for timeout in options.timeout:
            found = measure(name, timeout, options.memory)
            problem = found.problem(options.memory)
            broken += bool(problem)
            print(f"{found}  NOT KEPT: {problem}" if problem else found, flush=True)
    print(f"{broken} budgets not kept")
    return int(broken > 0)


if SAY_START in os.environ:
    print(SAY_START, time.monotonic(), file=sys.stderr, flush=True)

if __name__ == "__main__":
    sys.exit(main())
