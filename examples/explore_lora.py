"""Explore: all forms of a layer with a low-rank adapter, and which of them a machine runs cheapest.

Serving merges the adapter into the weight where many rows share one layer, and applies it beside the layer where few do.

Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models".
"""

from jaxtyping import Float
from torch import Tensor

import commute

Input = Float[Tensor, "n i"]
Weight = Float[Tensor, "i o"]
Down = Float[Tensor, "i r"]
Up = Float[Tensor, "r o"]


def applied(x: Input, weight: Weight, down: Down, up: Up) -> Float[Tensor, "n o"]:
    """The layer, and the adapter beside it."""
    return x @ weight + (x @ down) @ up


def merged(x: Input, weight: Weight, down: Down, up: Up) -> Float[Tensor, "n o"]:
    """One layer, with the adapter inside its weight."""
    return x @ (weight + down @ up)


PAIRS = [(applied, merged)]

if __name__ == "__main__":
    few = commute.explore(applied, sizes={"n": 16, "i": 4096, "o": 4096, "r": 16})
    many = commute.explore(applied, sizes={"n": 65536, "i": 4096, "o": 4096, "r": 256})
    print(f"{few.count} equal forms; the cheapest three by operations, for 16 rows:")
    for row in few.table(3):
        print(f"  {row['estimate']:.3g}  {row['form'][0]}")

    (apart,), (inside,) = few.cheapest(1), many.cheapest(1)
    print(f"for 16 rows:    {apart}\nfor 65536 rows: {inside}")
    assert apart == few.written and inside.term != apart.term
    unmerged = few.without("i", "o").count  # a merged weight is an array over i and o
    assert isinstance(unmerged, int) and isinstance(few.count, int) and unmerged < few.count

    print(f"applied = merged: {commute.prove(applied, merged).kind}")
    for step in many.path(many.written, inside):
        print(f"  {step.move}: {step.after}")
        assert many.certify(step), "a step that is not proved"
