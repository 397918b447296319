"""Random chains of matrices: the cheapest form against the textbook's dynamic programming, and the seconds of CPU that it took.

Run as `python benchmarks/chains.py [COUNT]`.  The seconds are of lifting, exploring and choosing the form; kernels and the
certificate come on top in `commute optimize`.
"""

import sys
from random import Random
from time import process_time

from jaxtyping import Float
from torch import Tensor

import commute

LONGEST = 32


def chain_of(count: int):
    """A function that multiplies so many matrices from left to right."""
    names = [f"m{i}" for i in range(count)]
    scope: dict = {}
    exec(f"def product({', '.join(names)}):\n    return {' @ '.join(names)}", scope)
    scope["product"].__annotations__ = {n: Float[Tensor, f"d{i} d{i + 1}"] for i, n in enumerate(names)}
    return scope["product"]


def least(dims: list[int]) -> int:
    """The fewest operations, 2·a·b·c for each product."""
    n = len(dims) - 1
    best = {(i, i + 1): 0 for i in range(n)}
    for length in range(2, n + 1):
        for i in range(n - length + 1):
            j = i + length
            best[i, j] = min(best[i, k] + best[k, j] + 2 * dims[i] * dims[k] * dims[j] for k in range(i + 1, j))
    return best[0, n]


def main(count: int) -> None:
    """Print one line a chain, then how many agree and how many took less than a second."""
    random = Random(0)
    agreed, quick = 0, 0
    commute.explore(chain_of(2))
    for number in range(count):
        length = LONGEST if number % 10 == 0 else random.randint(2, LONGEST)
        dims = [random.randint(2, 400) for _ in range(length + 1)]
        started = process_time()
        space = commute.explore(chain_of(length), sizes={f"d{i}": d for i, d in enumerate(dims)}, timeout=120)
        found = space.cheapest(1)[0].estimate
        seconds = process_time() - started
        agreed += found == least(dims)
        quick += seconds < 1
        print(f"{length:>3} matrices  {found:.6g} operations, least {least(dims):.6g}  {seconds:.2f} s", flush=True)
    print(f"{agreed} of {count} are the optimum, {quick} in less than a second")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
