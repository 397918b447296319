"""What a term looks like: the symbol that stands for its top node, and the terms that go into it.

`recognise` says: kind, label, arguments, and the axes that the symbol touches; all other axes run straight past it.
To add here: a pattern, as a function in `PATTERNS` (the first that fits is taken).  Never here: positions or SVG.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from commute.theory.axes import Axis
from commute.theory.ops import COMPOSITES
from commute.theory.pairing import paired
from commute.theory.terms import MINUS_ONE, ZERO, Term, fold, postorder, size_value


@dataclass(frozen=True)
class Seen:
    """A symbol: what kind, what stands in it, the terms that enter it, and the axes that it touches."""

    kind: str
    label: str = ""
    args: tuple[Term, ...] = ()
    touched: tuple[Axis, ...] = ()


WEIGHT = re.compile(r"^(w|W)(\d|_|[A-Z]|[a-z]{1,2}$|$)|weight|kernel|filter|proj|^(gate|up|down|fc\d*|lin\w*|emb\w*)$")
LEARNED = re.compile(WEIGHT.pattern + r"|bias|gamma|beta|^(b[a-z]{0,2}|b_\w+|g|gain|scale|shift|γ|β)_?\d*$")

_UNARY = {"exp": "e", "recip": "1/x", "sqrt": "√", "not": "¬"}
_BINARY = {
    "add": "+", "mul": "×", "max": "max", "min": "min", "lt": "<", "le": "≤", "eq": "=", "and": "∧", "or": "∨",
    "floordiv": "//", "mod": "%", "where": "?",
}  # fmt: skip
COMMUTATIVE = {"+", "×", "max", "min", "=", "∧", "∨"}


@lru_cache(maxsize=8192)
def recognise(term: Term, learned: bool = True) -> Seen:
    """The symbol of the top node of a term; weights are arrays like others where it isn't to be `learned`."""
    for pattern in PATTERNS:
        seen = pattern(term) if learned or pattern not in (_linear, _learned) else None
        if seen is not None:
            return seen
    open_args = tuple(a for a in term.args if not closed(a) or a.free)
    return Seen("unary" if len(open_args) == 1 else "join", _BINARY.get(term.op, term.op), open_args)


_closed: dict[Term, bool] = {}


def closed(term: Term) -> bool:
    """True where no array, hole or state occurs: a number, a size, an index, or made of them."""
    for t in postorder(term) if term not in _closed else ():
        _closed[t] = t.op not in ("input", "hole", "state") and all(_closed[a] for a in t.args)
    return _closed[term]


def plain(term: Term) -> bool:
    """True for an array read at distinct axes of its own lengths: the array itself."""
    if term.op != "input":
        return False
    return all(own_places(term))


def own_places(read: Term) -> tuple[bool, ...]:
    """For each index of a read whether it is an axis of the array's own length, and the first of that name."""
    axes = [a.attrs[0] if a.op == "axis" else None for a in read.args]
    sizes = read.attrs[2]
    return tuple(a is not None and a.size == s and axes.index(a) == i for i, (a, s) in enumerate(zip(axes, sizes, strict=True)))


@lru_cache(maxsize=8192)
def signature(term: Term) -> tuple[object, tuple[Axis, ...]]:
    """The term up to the names of its axes, and the free axes in the order in which they occur."""
    if term.size > 4000 or _depth(term) > 200:
        return term, tuple(sorted(term.free, key=lambda a: a.key))
    order: dict[Axis, int] = {}

    def number(axis: Axis, bound: dict[Axis, int]) -> object:
        return (axis.size, ~bound[axis]) if axis in bound else (axis.size, order.setdefault(axis, len(order)))

    def go(t: Term, bound: dict[Axis, int]) -> object:
        carries = COMPOSITES[t.op].carries if t.op in COMPOSITES else None
        own = [a for a in t.attrs if isinstance(a, Axis)]
        binds = own if t.op != "axis" and not carries else []
        inside = bound | {a: len(bound) + i for i, a in enumerate(binds)}
        outer = len(t.attrs[1]) if t.op == "fold" else 0
        args = tuple(go(a, bound if i < outer else inside) for i, a in enumerate(t.args))
        return t.op, args, tuple(number(a, inside) if isinstance(a, Axis) else a for a in t.attrs)

    return go(term, {}), tuple(order)


def _depth(term: Term) -> int:
    return fold(term, lambda _, depths: 1 + max(depths, default=0))


def alike(left: Term, right: Term, axes: tuple[Axis, ...] = ()) -> tuple[Axis, ...] | None:
    """Where `left` is `right` with other names for `axes` only: those names; else None."""
    (one, names), (two, others) = signature(left), signature(right)
    if one != two:
        return None
    move = dict(zip(names, others, strict=True))
    if any(a != b for a, b in move.items() if a not in axes):
        return None
    return tuple(move.get(a, a) for a in axes)


def scalar(term: Term) -> str:
    """A closed number in few characters."""
    if term.op == "const":
        value: Fraction = term.attrs[0]
        short = f"{float(value):.3g}"
        return str(value) if len(str(value)) <= len(short) + 1 else short
    text = re.sub(r"\|(\w+)\|", r"\1", str(term))
    text = re.sub(r"·1/", "/", text)
    return text.replace("/", "∕") if len(text) <= 12 else "c"


# --- patterns --------------------------------------------------------------------------------------------------------


def _constant(t: Term) -> Seen | None:
    if not closed(t):
        return None
    return Seen("const", scalar(t), (), _in_order(t))


def _leaf(t: Term) -> Seen | None:
    if t.op in ("hole", "state"):
        return Seen("hole", t.attrs[0])
    return Seen("array", t.attrs[0]) if plain(t) else None


def _mean(t: Term) -> tuple[tuple[Axis, ...], Term] | None:
    """(axes, body) where t is a mean over them."""
    if t.op != "mul":
        return None
    for sums, scale in (t.args, t.args[::-1]):
        axes, body = _opened(sums, "sum")
        if axes and scale.op in ("recip", "const"):
            count = size_value(_count(axes))
            exact = count.op == "const" and scale.op == "const" and scale.attrs[0] * count.attrs[0] == 1
            if exact or (scale.op == "recip" and scale.args[0] is count):
                return axes, body
    return None


def _count(axes: tuple[Axis, ...]):
    size = axes[0].size
    for axis in axes[1:]:
        size = size * axis.size
    return size


def _opened(t: Term, kind: str) -> tuple[tuple[Axis, ...], Term]:
    axes: list[Axis] = []
    while t.op == "reduce" and t.attrs[0] == kind:
        axes.append(t.attrs[1])
        t = t.args[0]
    return tuple(axes), t


def _norm(t: Term) -> Seen | None:
    """x / √(mean x² + ε), and the same of x - mean x."""
    if t.op != "mul":
        return None
    for value, scale in (t.args, t.args[::-1]):
        if scale.op != "recip" or scale.args[0].op != "sqrt":
            continue
        inside = scale.args[0].args[0]
        if inside.op == "add" and any(closed(a) for a in inside.args):
            inside = next((a for a in inside.args if not closed(a)), inside)
        mean = _mean(inside)
        if mean is None or mean[1].op != "mul" or mean[1].args[0] is not mean[1].args[1]:
            continue
        axes = alike(mean[1].args[0], value, mean[0])
        if axes is None:
            continue
        centred = _centred(value, axes)
        return Seen("norm", "V" if centred is None else "N", (value if centred is None else centred,), axes)
    return None


def _centred(t: Term, axes: tuple[Axis, ...]) -> Term | None:
    """x where t is x - mean x over the axes."""
    if t.op != "add" or t.args[1].op != "mul" or MINUS_ONE not in t.args[1].args:
        return None
    factors = [a for a in t.args[1].args if a is not MINUS_ONE]
    mean = _mean(factors[0]) if len(factors) == 1 else None
    if mean is None or alike(mean[1], t.args[0], mean[0]) != axes:
        return None
    return t.args[0]


def _linear(t: Term) -> Seen | None:
    """A learned map: an activation contracted with a weight, and perhaps a bias added."""
    if t.op == "add":
        for value, bias in (t.args, t.args[::-1]):
            if plain(bias) and LEARNED.search(bias.attrs[0]) and bias.free <= value.free:
                seen = _linear(value)
                if seen is not None and bias.free <= set(seen.touched):
                    return seen
        return None
    axes, body = _opened(t, "sum")
    if not axes or body.op != "mul":
        return None
    for value, weight in (body.args, body.args[::-1]):
        if plain(weight) and WEIGHT.search(weight.attrs[0]) and not closed(value):
            if set(axes) <= weight.free and set(axes) <= value.free:
                fresh = [a.attrs[0] for a in weight.args if a.attrs[0] not in value.free]
                return Seen("linear", _subscript(weight.attrs[0]), (value,), (*reversed(axes), *fresh))
    return None


def _subscript(name: str) -> str:
    short = re.sub(r"(^|[._])(weight|proj)$", "", name)
    return re.sub(r"^[Ww]_?(?=\w{1,3}$)", "", short) if short not in ("W", "w") else ""


def _reduction(t: Term) -> Seen | None:
    mean = _mean(t)
    if mean is not None and not _product(mean[1]):
        return Seen("reduce", "mean", (mean[1],), mean[0])
    if t.op != "reduce":
        return None
    axes, body = _opened(t, t.attrs[0])
    sides = paired(axes, body, _aside) if t.attrs[0] == "sum" else None
    if sides is not None:
        return Seen("contract", "", sides, axes)
    if t.attrs[0] == "sum" and _product(body) and set(axes) & body.args[0].free & body.args[1].free:
        return Seen("contract", "", body.args, axes)
    return Seen("reduce", t.attrs[0], (body,), axes)


def _product(t: Term) -> bool:
    """True for a product of two arrays; a square, a masked or a scaled array is one array."""
    if t.op != "mul" or t.args[0] is t.args[1]:
        return False
    return not any(map(_aside, t.args))


def _aside(t: Term) -> bool:
    """A number, a mask of zeros and ones, a divisor: what scales an array."""
    return (closed(t) and not t.free) or _indicator(t) or t.op == "recip"


def _indicator(t: Term) -> bool:
    return t.op == "where" and all(closed(a) for a in t.args) and bool(t.free)


def _mask(t: Term) -> Seen | None:
    """A comparison of indices that keeps or covers values."""
    if t.op == "where" and closed(t.args[0]) and t.args[0].free:
        kept = [a for a in t.args[1:] if not (closed(a) and not a.free)]
        if len(kept) != 1 or (_map(kept[0]) and t.args[2] is ZERO):
            return None
        return Seen("mask", "", (kept[0],), _in_order(t.args[0]))
    if t.op in ("add", "mul"):
        for value, cover in (t.args, t.args[::-1]):
            if _indicator(cover) and not any(a.free for a in cover.args[1:]) and not closed(value):
                return Seen("mask", "", (value,), _in_order(cover.args[0]))
    return None


def _in_order(t: Term) -> tuple[Axis, ...]:
    return tuple(sorted(t.free, key=lambda a: a.key))


def _map(t: Term) -> Seen | None:
    """A read at computed indices, or at the values of an index array; guarded reads count as reads."""
    read = t.args[1] if t.op == "where" and closed(t.args[0]) and t.args[2] is ZERO else t
    if read.op != "input" or plain(read):
        return None
    arrays: list[Term] = []
    for argument in read.args:
        arrays.extend(a for a in postorder(argument) if a.op == "input" and a not in arrays)
    inner = {b for a in arrays for x in a.args for b in postorder(x) if b.op == "input"}
    touched = {x for a, i in zip(read.args, own_places(read), strict=True) if not i for x in a.free}
    return Seen("map", "", (read, *(a for a in arrays if a not in inner)), tuple(sorted(touched, key=lambda a: a.key)))


def _learned(t: Term) -> Seen | None:
    """A learned scale or shift along some axes of an array."""
    if t.op in ("add", "mul"):
        for value, weight in (t.args, t.args[::-1]):
            if plain(weight) and LEARNED.search(weight.attrs[0]) and weight.free <= value.free and not closed(value):
                axes = tuple(a.attrs[0] for a in weight.args)
                return Seen("learned", f"{_BINARY[t.op]} {weight.attrs[0]}", (value,), axes)
    return None


def _scaled(t: Term) -> Seen | None:
    """One number and one array: a box with what is done to the array."""
    if t.op not in ("add", "mul", "max", "min"):
        return None
    for value, number in (t.args, t.args[::-1]):
        if closed(number) and not number.free and not closed(value):
            return Seen("unary", _with_number(t.op, value, number), (_without_minus(t.op, value),))
    return None


def _without_minus(op: str, value: Term) -> Term:
    return value.args[1] if op == "add" and value.op == "mul" and value.args[0] is MINUS_ONE else value


def _with_number(op: str, value: Term, number: Term) -> str:
    if op == "mul" and number is MINUS_ONE:
        return "−x"
    if op == "mul" and number.op == "recip":
        return f"÷ {scalar(number.args[0])}"
    if op == "mul" and number.op == "const" and abs(number.attrs[0].numerator) == 1 and number.attrs[0].denominator > 1:
        return f"÷ {number.attrs[0].denominator * number.attrs[0].numerator}".replace("-", "−")
    if op == "add" and _without_minus(op, value) is not value:
        return f"{scalar(number)} − x"
    if op == "add" and number.op == "const" and 0 < number.attrs[0] <= Fraction(1, 1000):
        return "+ ε"
    if op == "add" and number.op == "const" and number.attrs[0] < 0:
        return f"− {scalar(number)[1:]}"
    text = scalar(number).replace("-", "−")
    return f"{_BINARY[op]} {text}" if op in ("add", "mul") else f"{op}(x, {text})"


def _binary(t: Term) -> Seen | None:
    if t.op == "recip" and t.args[0].op == "sqrt":
        return Seen("unary", "1/√", t.args[0].args)
    if t.op == "mul" and t.args[0] is t.args[1]:
        return Seen("unary", "x²", t.args[:1])
    if t.op == "mul" and t.args[1].op == "recip":
        return Seen("join", "÷", (t.args[0], t.args[1].args[0]))
    if t.op == "mul" and t.args[0].op == "recip":
        return Seen("join", "÷", (t.args[1], t.args[0].args[0]))
    if t.op == "add":
        for kept, less in (t.args, t.args[::-1]):
            if less.op == "mul" and less.args[0] is MINUS_ONE and not closed(less):
                return Seen("join", "−", (kept, less.args[1]))
    return None


def _composite(t: Term) -> Seen | None:
    row = COMPOSITES.get(t.op)
    if row is not None and row.carries is not None:
        return Seen("softmax" if row.carries else "reduce", t.op, t.args, t.attrs)
    if row is not None or len(t.args) == 1:
        return Seen("unary", _UNARY.get(t.op, t.op.removesuffix("_tanh")), t.args)
    return None


def _fold(t: Term) -> Seen | None:
    """A left fold: the arrays that its inits and steps read enter one box on the streamed axis."""
    if t.op != "fold":
        return None
    found: list[Term] = []
    stack = list(reversed(t.args))
    while stack:
        part = stack.pop()
        if not part.states and not closed(part) and (part.op == "input" or t.attrs[0] in part.free):
            found.extend([part] if part not in found else [])
        else:
            stack.extend(reversed(part.args))
    return Seen("fold", "fold", tuple(found), (t.attrs[0],))


Pattern = Callable[[Term], Seen | None]
PATTERNS: tuple[Pattern, ...] = (
    _constant, _leaf, _norm, _linear, _mask, _reduction, _map, _learned, _scaled, _binary, _composite, _fold,
)  # fmt: skip
