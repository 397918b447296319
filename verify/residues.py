"""The residues of exact values: how each is computed from those of the values that it was made of.

A residue is asked for at a level of the tower, and only then computed: exp(x) at level l is a power of g_l whose exponent is
x at level l + 1.  What no field knows (erf, sin, cos, roots and logarithms of computed values) is a stand-in without laws:
equal arguments give equal values, and nothing else is known of it, so an equality of residues still is one of formulas.
exp consumes logarithms: exp(a + n log u) = exp(a) u^n.  To add here: the residue of an operation.
Never here: terms, what equality means.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from commute.verify.evaluate import Unsupported
from commute.verify.fields import Field

if TYPE_CHECKING:
    from commute.verify.exact_array import ExactArray
    from commute.verify.ground import Ground

Array = np.ndarray[Any, Any]
Task = tuple[str, "ExactArray", int, Fraction]
"""("res", value, level, 1): its residue; ("exp", value, level, s): the residue of exp(s * value)."""

OPAQUE = {"erf": 1, "sin": 2, "cos": 3, "sqrt": 4, "log": 5}
UNIT = Fraction(1)


def residue(goal: Task) -> Array:
    """The residues of a value, draws in the first dimension; Unsupported where no field serves."""
    stack: list[tuple[Task, bool]] = [(goal, False)]
    while stack:
        task, ready = stack.pop()
        kind, x, level, scale = task
        if (kind, level, scale) in x.known:
            continue
        if ready:
            x.known[kind, level, scale] = _compute(task)
        else:
            x.space.in_time()
            stack.append((task, True))
            stack.extend((t, False) for t in needs(task))
    return goal[1].known[goal[0], goal[2], goal[3]]


def needs(task: Task) -> list[Task]:
    """The tasks that a task is computed from."""
    kind, x, level, scale = task
    if kind == "res":
        if x.op in ("exp", "tanh"):
            return [("exp", x.args[0], level, Fraction(1 if x.op == "exp" else 2))]
        return [("res", a, level, UNIT) for a in x.args]
    if x.logs:
        parts = _consumed(x, level, scale)
        if parts is not None:
            return parts
    if level + 1 >= len(x.space.fields):
        raise Unsupported("exps nested deeper than the tower")
    return [("res", x, level + 1, UNIT)]


def _consumed(x: ExactArray, level: int, scale: Fraction) -> list[Task] | None:
    """How exp(scale * x) is made of exps of its parts, where x has logarithms that exp may consume; else None."""
    if x.op == "log":
        return [("res", x.args[0], level, UNIT)] if scale.denominator == 1 else None
    if x.op in ("add", "pick", "sum", "chosen", "view", "join"):
        return [("exp", a, level, scale) for a in x.args]
    if x.op == "mul":
        for factor, rest in (x.args, x.args[::-1]):
            if factor.constant:
                return [("exp", rest, level, scale * factor.constant)]
    return None


def _compute(task: Task) -> Array:
    kind, x, level, scale = task
    space = x.space
    field = space.fields[level]
    parts = [t[1].known[t[0], t[2], t[3]] for t in needs(task)]
    result = _residue(space, field, x, level, parts) if kind == "res" else _power(field, x, level, scale, parts)
    shape = np.broadcast_shapes(result.shape, (space.draws, *x.value.shape[1:]))
    result = np.broadcast_to(result, shape)
    if not x.finite:
        result = np.where(x.value == -np.inf, 0, result)
    return result


def _power(field: Field, x: ExactArray, level: int, scale: Fraction, parts: list[Array]) -> Array:
    """exp(scale * x)"""
    if not x.logs or _consumed(x, level, scale) is None:
        below = x.space.fields[level + 1]
        factor = below.rational(scale.numerator, scale.denominator).reshape(-1, *[1] * (parts[0].ndim - 1))
        return field.exp(parts[0] if scale == 1 else below.mul(parts[0], factor))
    if x.op == "log":
        return np.where(x.choice > 0, field.power(parts[0], int(scale)), 1)
    if x.op == "mul":
        return parts[0]
    return _combine(field, {"add": "mul", "sum": "prod"}.get(x.op, x.op), x.data, parts)


def _residue(space: Ground, field: Field, x: ExactArray, level: int, parts: list[Array]) -> Array:
    if x.op == "input":
        return field.dyadic(x.data)
    if x.op == "whole":
        return field.mod(x.data)
    if x.op == "const":
        return _thin(field.rational(x.data.numerator, x.data.denominator), x)
    if x.op == "ninf":
        return np.zeros([1] * x.value.ndim, dtype=np.int64)
    if x.op == "closed":
        return _thin(closed(space, level, *x.data), x)
    if x.op == "exp":
        return parts[0]
    if x.op == "tanh":
        one = np.ones_like(parts[0])
        below = field.add(parts[0], one)
        space.vanish(below == 0)
        return field.mul(field.sub(parts[0], one), field.inverse(below))
    if x.op == "recip":
        space.vanish((x.choice != 0) & (parts[0] == 0))
        return np.where(x.choice == 0, 0, field.inverse(parts[0]))
    if x.op in OPAQUE:
        space.opaque.add(x.op)
        result = field.scramble(parts[0], OPAQUE[x.op])
        return np.where(x.choice > 0, result, 0) if x.op in ("sqrt", "log") else result
    return _combine(field, x.op, x.data, parts)


def _thin(values: Array, x: ExactArray) -> Array:
    return values.reshape(-1, *[1] * (x.value.ndim - 1))


_COMBINE: dict[str, Callable[[Field, Any, list[Array]], Array]] = {
    "add": lambda f, _, p: f.add(*p),
    "mul": lambda f, _, p: f.mul(*p),
    "dot": lambda f, _, p: f.matmul(*p),
    "sum": lambda f, dim, p: f.sum(p[0], dim),
    "prod": lambda f, dim, p: f.product(p[0], dim),
    "pick": lambda _, first, p: np.where(first, *p),
    "chosen": lambda _, data, p: _chosen(p[0], *data),
    "view": lambda _, move, p: move(p[0]),
    "join": lambda _, join, p: join(*p),
}
"""The operations on residues that are the same for values and, renamed, for their exps."""


def _combine(field: Field, op: str, data: Any, parts: list[Array]) -> Array:
    if op not in _COMBINE:
        raise Unsupported(f"{op}: no residue")
    return _COMBINE[op](field, data, parts)


def _chosen(value: Array, place: Array, dim: int) -> Array:
    shape = (*np.broadcast_shapes(value.shape[:dim], place.shape[:dim]), 1, *value.shape[dim + 1 :])
    whole = np.broadcast_to(value, (*shape[:dim], value.shape[dim], *shape[dim + 1 :]))
    return np.take_along_axis(whole, np.broadcast_to(place, shape), dim)


def closed(space: Ground, level: int, op: str, form: Any) -> Array:
    """Roots and logarithms of products of primes and pi, and e: one residue a draw, consistent with one another."""
    field, numbers = space.fields[level], space.numbers[level]
    if op == "e":
        return numbers.e
    result = field.scalar([0 if op == "log" else 1] * space.draws)
    for base, e in form.items():
        if op == "log":
            value = field.mul(_log_of(space, base, level), field.rational(e.numerator, e.denominator))
            result = field.add(result, value)
            continue
        root = numbers.root_pi if base == "pi" else numbers.roots.get(int(base))
        if e.denominator == 1:
            whole = field.mul(root, root) if base == "pi" and root is not None else field.scalar([int(base)] * space.draws)
            result = field.mul(result, field.power(whole, int(e)))
        elif root is not None and e.denominator == 2:
            result = field.mul(result, field.power(root, int(2 * e)))
        else:
            raise Unsupported(f"the power {e} of {base}")
    return result


def _log_of(space: Ground, base: int | str, level: int) -> Array:
    if base == 2:
        return space.numbers[level].log2
    space.opaque.add("log")
    field = space.fields[level]
    return field.scramble(field.scalar([int(base) if base != "pi" else 1] * space.draws), 77)
