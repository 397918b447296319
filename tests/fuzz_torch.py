"""Random small Torch programs and near copies of them, as source text with annotations.

To add here: an operation (one row), a way to make a near copy.  Never here: what is right or wrong about a verdict (mutate.py).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from tests.mutate import Mutant, load

HEAD = """
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

X, V, W, S = Float[Tensor, "b n"], Float[Tensor, "n"], Float[Tensor, "n m"], Float[Tensor, ""]
P, K, I = Float[Tensor, "b 2*k"], Bool[Tensor, "b n"], Int[Tensor, "b"]

def {name}(x: X, y: X, v: V, w: W, p: P, mask: K, rows: I) -> {result}:
    return {body}
"""
RESULT = {"bn": 'Float[Tensor, "b n"]', "b": 'Float[Tensor, "b"]', "n": 'Float[Tensor, "n"]', "bm": 'Float[Tensor, "b m"]'}
RESULT |= {"bk": 'Float[Tensor, "b k"]', "bp": 'Float[Tensor, "b 2*k"]'}

LEAVES = {
    "bn": ("x", "y", "x", "v.expand_as(x)", "x[rows]"),
    "n": ("v", "x[0]", "w[:, 0]", "w[:, -1]"),
    "b": ("x[:, 0]", "y[:, -1]", "p[:, 1]"),
    "bm": ("x @ w", "(x @ w) * 2"),
    "bk": ("p[:, ::2]", "p[:, 1::2]", "p[:, :p.shape[1] // 2]", "p[:, p.shape[1] // 2:]"),
    "bp": ("p",),
}
UNARY = (
    "{0}.exp()",
    "({0}).abs()",
    "torch.relu({0})",
    "torch.sigmoid({0})",
    "torch.tanh({0})",
    "({0}) ** 2",
    "-({0})",
    "F.silu({0})",
    "(({0}) ** 2 + 1e-5).sqrt()",
    "(({0}).abs() + 1).log()",
    "({0}).clamp(min=-1)",
    "({0}).clamp(-1, 2)",
    "F.leaky_relu({0}, 0.1)",
    "1 / (1 + (-({0})).exp())",
    "({0}) * 0.5",
    "({0}) + 1",
    "torch.rsqrt(({0}) ** 2 + 1e-6)",
    "F.gelu({0})",
    "F.elu({0})",
    "1 / ({0})",
    "({0}).sqrt()",
    "({0}).log()",
    "({0}).sign()",
    "F.softplus({0})",
    "F.hardtanh({0})",
    "F.logsigmoid({0})",
)
BINARY = (
    "({0}) + ({1})",
    "({0}) - ({1})",
    "({0}) * ({1})",
    "({0}) / ({1})",
    "torch.maximum({0}, {1})",
    "torch.minimum({0}, {1})",
    "torch.where(({0}) > 0, {0}, {1})",
    "torch.where(({0}) >= ({1}), {0}, {1})",
    "({0}) / (({1}) ** 2 + 1)",
    "(({0}) > ({1})) * ({0})",
    "torch.logaddexp({0}, {1})",
    "({0}).lerp({1}, 0.25)",
)
ALONG = (
    "({0}).softmax(-1)",
    "({0}).log_softmax(-1)",
    "({0}) - ({0}).amax(-1, keepdim=True)",
    "({0}).cumsum(-1)",
    "({0}).flip(-1)",
    "({0}).roll(1, -1)",
    "({0}) / ({0}).sum(-1, keepdim=True)",
    "({0}) - ({0}).mean(-1, keepdim=True)",
    "({0}).softmax(0)",
    "F.normalize({0}, dim=-1)",
    "F.layer_norm({0}, ({0}).shape[-1:])",
    "({0}).roll(-1, -1)",
    "({0}) / ({0}).norm(dim=-1, keepdim=True)",
)
MASKED = (
    "({0}).masked_fill(~mask, 0.0)",
    "({0}) * mask",
    "({0}).masked_fill(~mask, float('-inf')).softmax(-1)",
    "torch.where(mask, {0}, {1})",
    "({0}).masked_fill(mask, -1e9).softmax(-1)",
    "({0}).exp() * mask / (({0}).exp() * mask).sum(-1, keepdim=True)",
)
REDUCED = (
    "({0}).sum(-1)",
    "({0}).mean(-1)",
    "({0}).amax(-1)",
    "({0}).amin(-1)",
    "({0}).logsumexp(-1)",
    "({0}).prod(-1)",
    "({0}).norm(dim=-1)",
    "({0}).var(-1, correction=0)",
    "({0}).std(-1)",
    "({0}).softmax(-1).sum(-1)",
    "({0}).exp().sum(-1).log()",
)
OVER_ROWS = ("({0}).sum(0)", "({0}).mean(0)", "({0}).amax(0)", "({0}).logsumexp(0)", "({0}).softmax(0).sum(0)")
EQUAL = {
    "({0}) / ({1})": "({0}) * (1 / ({1}))",
    "torch.relu({0})": "torch.where(({0}) > 0, {0}, 0.0)",
    "({0}) ** 2": "({0}).abs() * ({0}).abs()",
    "torch.sigmoid({0})": "1 / (1 + (-({0})).exp())",
    "({0}).softmax(-1)": "({0}).exp() / ({0}).exp().sum(-1, keepdim=True)",
    "({0}).logsumexp(-1)": "({0}).exp().sum(-1).log()",
    "({0}).mean(-1)": "({0}).sum(-1) / ({0}).shape[-1]",
    "torch.maximum({0}, {1})": "torch.where(({0}) > ({1}), {0}, {1})",
    "({0}) - ({1})": "-(({1}) - ({0}))",
    "({0}).abs()": "(({0}) ** 2).sqrt()",
    "({0}) * mask": "torch.where(mask, {0}, 0.0)",
    "({0}).exp()": "1 / (-({0})).exp()",
    "F.silu({0})": "({0}) * torch.sigmoid({0})",
    "({0}).norm(dim=-1)": "(({0}) ** 2).sum(-1).sqrt()",
    "torch.tanh({0})": "2 * torch.sigmoid(2 * ({0})) - 1",
    "({0}).sum(-1)": "({0}).flip(-1).sum(-1)",
}
FALSE = {
    "({0}).abs()": "{0}",
    "({0}) / ({1})": "({1}) / ({0})",
    "({0}) ** 2": "({0}) * ({0}).abs()",
    "({0}).amax(-1)": "({0}).abs().amax(-1)",
    "({0}).sum(-1)": "({0}).abs().sum(-1)",
    "torch.maximum({0}, {1})": "({0}) + torch.relu(({0}) - ({1}))",
    "({0}).sqrt()": "({0}).abs().sqrt()",
    "({0}).log()": "({0}).abs().log()",
    "1 / ({0})": "({0}) / (({0}) ** 2 + 1e-12)",
    "({0}).roll(1, -1)": "({0}).roll(-1, -1)",
}

Tree = tuple[str, tuple["Tree", ...]]


def text(tree: Tree) -> str:
    """The expression that a tree stands for."""
    return tree[0].format(*(f"({text(a)})" for a in tree[1])) if tree[1] else tree[0]


def tree(r: random.Random, shape: str, depth: int) -> Tree:
    """A random expression of the shape."""
    if depth <= 0:
        return r.choice(LEAVES[shape]), ()
    ways = [(UNARY, (shape,)), (BINARY, (shape, shape))]
    ways += [(ALONG, (shape,))] * (len(shape) == 2) + [(MASKED, (shape, shape))] * (shape == "bn")
    ways += [(REDUCED, (r.choice(("bn", "bn", "bm", "bk")),))] * 2 * (shape == "b") + [(OVER_ROWS, ("bn",))] * 2 * (
        shape == "n"
    )
    ways += [(("({0}) @ w",), ("bn",))] * (shape == "bm") + [(("torch.cat([{0}, {1}], -1)",), ("bk", "bk"))] * (shape == "bp")
    rows, shapes = r.choice(ways)
    return r.choice(rows), tuple(tree(r, s, depth - 1) for s in shapes)


def near(r: random.Random, t: Tree, table: dict[str, str]) -> Tree:
    """The tree with some operations written another way, by a table."""
    op = table[t[0]] if t[0] in table and r.random() < 0.7 else t[0]
    return op, tuple(near(r, a, table) for a in t[1])


ROWS = (UNARY, BINARY, ALONG, MASKED, REDUCED, OVER_ROWS)


def changed(r: random.Random, t: Tree) -> Tree:
    """The tree with one operation replaced by another of its row."""
    if not t[1] or r.random() < 0.35:
        row = next((row for row in (*ROWS, *LEAVES.values()) if t[0] in row), (t[0],))
        return r.choice(row), t[1]
    place = r.randrange(len(t[1]))
    return t[0], tuple(changed(r, a) if i == place else a for i, a in enumerate(t[1]))


def programs(seed: int, folder: Path) -> Iterator[Mutant]:
    """Pairs of programs without end."""
    for number in count():
        r = random.Random(f"{seed} {number}")
        shape = r.choice(tuple(RESULT))
        first = tree(r, shape, r.choice((1, 2, 2, 3)))
        second = near(r, first, EQUAL)
        if r.random() < 0.5:
            second = changed(r, second) if r.random() < 0.5 else near(r, second, FALSE)
        if text(first) == text(second):
            continue
        sides: list[Any] = []
        for name, side in (("first", first), ("second", second)):
            file = folder / f"{name}_{seed}_{number}.py"
            file.write_text(HEAD.format(name=name, result=RESULT[shape], body=text(side)))
            sides.append(getattr(load(file), name))
        yield Mutant(sides[0], sides[1], f"{text(first)}  ~  {text(second)}")
