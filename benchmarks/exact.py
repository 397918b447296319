"""How fast exact values are: whole attention, a step of a kernel over tiles, and checks at small sizes.

Prints medians of a few runs.  To add here: a size or a program whose time matters.  Never here: a test.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from commute.theory.axes import Axis, axis
from commute.theory.ops import composite, div, exp, mean, mul, recip, sqrt, sub, total
from commute.theory.terms import Term, index, postorder, read, reduce, size_value
from commute.verify.engine import Engine
from commute.verify.exact import check_exact
from commute.verify.exact_array import Space, dot, maximum
from commute.verify.inputs import InputSpec

B, H, N, M, D = axis("b"), axis("h"), axis("n"), axis("n", 1), axis("d")
LARGE = {"b": 4, "h": 8, "n": 256, "d": 64}


def array(name: str, *axes: Axis) -> Term:
    """The input `name` over axes."""
    return read(name, [index(a) for a in axes], [a.size for a in axes])


SCORES = mul(total(D, mul(array("q", B, H, N, D), array("k", B, H, M, D))), recip(sqrt(size_value(D.size))))
VALUES = array("v", B, H, M, D)
WEIGHTS = exp(sub(SCORES, reduce("max", M, SCORES)))
PLAIN = total(M, mul(composite("softmax", SCORES, axes=(M,)), VALUES))
SHIFTED = div(total(M, mul(WEIGHTS, VALUES)), total(M, WEIGHTS))


def timed(what: str, run: Callable[[], object], times: int = 3, per: int = 0) -> None:
    """Print the median time of a run, or with `per` how many of those a second."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    middle = sorted(seconds)[times // 2]
    print(f"{what:58}" + (f"{per / middle:10.0f} a second" if per else f"{middle:10.3f} s"))


def checked(reference: Term, candidate: Term, axes: list[Axis], sizes: dict[str, int]) -> None:
    """One row of sizes of a comparison."""
    reads = {t.attrs[0]: InputSpec(t.attrs[0], t.attrs[2]) for t in postorder(reference, candidate) if t.op == "input"}
    result = check_exact([reference], [candidate], [axes], list(sizes), list(reads.values()), [sizes], budget_seconds=300)
    assert result.kind == "equal", result.reason


def one_draw() -> None:
    """Attention in one draw: every decision and the residues of the result."""
    rng = np.random.default_rng(0)
    inputs = {name: np.ldexp(rng.integers(-(2**50), 2**50, size=(1, 4, 8, 256, 64)) * 1.0, -49) for name in "qkv"}
    shifted = div(total(M, mul(WEIGHTS, VALUES)), total(M, WEIGHTS))
    engine = Engine([shifted], LARGE, inputs, 1, 1, 0)
    engine.run([shifted])
    engine.real(engine.values[shifted]).at(0)


def tile_step(draws: int) -> Callable[[], object]:
    """One step of a kernel over tiles of 128 queries and 64 keys of width 64."""
    rng = np.random.default_rng(0)
    space = Space(draws, depth=1, primes=draws, seed=1)
    raw = (np.ldexp(rng.integers(-(2**50), 2**50, size=(draws, n, 64)) * 1.0, -49) for n in (128, 64, 64, 128))
    q, k, v, out = (space.input(values) for values in raw)
    m, length = q.max(1).settle(2), space.input(np.ones((1, 128, 1)))
    _ = q.at(1), k.at(1), v.at(0), out.at(0)

    def step() -> object:
        scores = dot(q, k.transpose(1, 0)) * space.const(1).reshape(1, 1)
        top = maximum(m, scores.max(1))
        weights, keep = (scores - top).exp(), (m - top).exp()
        return (length * keep + weights.sum(1)).at(0), (out * keep + dot(weights, v)).at(0)

    return step


def main() -> None:
    """Print everything."""
    timed("attention 4x8x256x64, one draw", one_draw)
    timed("attention 4x8x256x64 = another form, checked to 2^-60", lambda: checked(PLAIN, SHIFTED, [B, H, N, D], LARGE))
    timed("tile step 128x64x64, one draw", tile_step(1), 9)
    timed("tile step 128x64x64, four draws", tile_step(4), 9)
    for n in (5, 37, 64):
        sizes = {"b": 1, "h": 2, "n": n, "d": 16}
        timed(f"attention 1x2x{n}x16 = another form, checked", lambda s=sizes: checked(PLAIN, SHIFTED, [B, H, N, D], s))
    x = array("x", N, D)
    centered = sub(x, mean(D, x))
    norm = div(centered, sqrt(mean(D, mul(centered, centered))))
    specs, rows = {"n": 37, "d": 64}, 8
    inputs = {"x": np.random.default_rng(0).normal(size=(rows, 37, 64))}

    def normalised() -> None:
        engine = Engine([norm], specs, inputs, rows, rows, 0)
        engine.run([norm])
        engine.real(engine.values[norm]).at(0)

    timed("layer norm 37x64, draws", normalised, 5, rows)


if __name__ == "__main__":
    main()
