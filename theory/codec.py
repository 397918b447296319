"""Terms as JSON and back: a table of nodes, arguments before the nodes that use them.  Reading builds terms and runs nothing.

Every node read is checked: a known operator, the right number of arguments, attributes and sorts of the right kind, no axis
that may be empty (an equation about the indices of an empty axis says nothing), and nothing whose polynomial would explode.
To add here: the spelling of a new attribute.  Never here: what a file of terms is for (`verify/certificate.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from commute.theory.axes import Axis, Size
from commute.theory.ops import COMPOSITES, PRIMITIVES, REDUCTIONS
from commute.theory.terms import BOOL, EXT, INT, REAL, Term, postorder

READABLE = (REAL, INT, BOOL)
"""The sorts that an input may have: minus infinity is written, never read."""

_LEAVES = {"const": 1, "named": 1, "ninf": 0, "true": 0, "false": 0, "size": 1, "axis": 1, "state": 2}
_NUMBER = re.compile(r"-?[0-9]{1,1200}(/[0-9]{1,1200})?")
_CONNECTIVES, _WHOLE = {"and", "or", "not"}, {"floordiv", "mod"}

MOST_FACTORS = 256
"""Factors that a product may have when it is written out."""

MOST_BITS = 20_000
"""Bits that a number may have when sums and products of numbers are worked out."""

MOST_POWERS, MOST_COEFFICIENT = 12, 2**40
"""The degree and the coefficients that a size may have."""


class Malformed(Exception):
    """The data isn't a table of terms."""


def encode_size(size: Size) -> list[Any]:
    """A size as its coefficients and powers."""
    return [[c, [[s, e] for s, e in m]] for m, c in size.terms]


def decode_size(data: Any) -> Size:
    """A size back."""
    terms: dict[Any, int] = {}
    for c, powers in _rows(data, 2):
        key = tuple((_symbol(s), _count(e)) for s, e in _rows(powers, 2))
        if sum(e for _, e in key) > MOST_POWERS or abs(_integer(c)) > MOST_COEFFICIENT:
            raise Malformed("a size that is too large")
        terms[key] = terms.get(key, 0) + c
    size = Size(terms)
    ordered = all(names == sorted(set(names)) for names in ([s for s, _ in m] for m, _ in size.terms))
    if encode_size(size) != data or not ordered:
        raise Malformed("a size that isn't in its normal form")
    return size


def encode_axis(axis: Axis) -> list[Any]:
    """An axis as its size and copy."""
    return [encode_size(axis.size), axis.copy]


def decode_axis(data: Any) -> Axis:
    """An axis back."""
    size, copy = _row(data, 2)
    return Axis(_inhabited(decode_size(size)), _integer(copy))


def _inhabited(size: Size) -> Size:
    """The size, where it is at least 1 for all values of its symbols; what holds for all of no indices holds of nothing."""
    if not size.provably_positive():
        raise Malformed(f"an axis or a range of the size {size}, which may be empty")
    return size


class Table:
    """A growing table of terms; `add` gives a term's place in it."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []
        self._places: dict[Term, int] = {}

    def add(self, term: Term) -> int:
        """The place of the term; it and its parts are added where they are new."""
        for t in postorder(term, known=self._places):
            self._places[t] = len(self.rows)
            self.rows.append([t.op, [self._places[a] for a in t.args], _encode_attrs(t)])
        return self._places[term]


def _encode_attrs(t: Term) -> list[Any]:
    if t.op == "const":
        return [str(t.attrs[0])]
    if t.op == "input":
        name, sort, shape, bound = t.attrs
        return [name, sort, [encode_size(s) for s in shape], None if bound is None else encode_size(bound)]
    if t.op == "reduce":
        return [t.attrs[0], encode_axis(t.attrs[1])]
    if t.op == "fold":
        return [encode_axis(t.attrs[0]), list(t.attrs[1]), t.attrs[2]]
    return [encode_axis(a) if isinstance(a, Axis) else a for a in t.attrs]


def decode(rows: Any) -> list[Term]:
    """The terms of a table; Malformed says which row is wrong."""
    if not isinstance(rows, list):
        raise Malformed("the table of terms isn't a list")
    terms: list[Term] = []
    spread: list[tuple[int, int, int]] = []
    for place, row in enumerate(rows):
        try:
            op, args, attrs = _row(row, 3)
            terms.append(_decode_node(_text(op), [terms[_below(a, place)] for a in _list(args)], _list(attrs)))
            spread.append(_spread(terms[place], [spread[a] for a in args]))
        except (Malformed, ValueError, TypeError, ZeroDivisionError, OverflowError) as error:
            raise Malformed(f"term {place}: {error}") from None
    return terms


def _spread(t: Term, parts: Sequence[tuple[int, int, int]]) -> tuple[int, int, int]:
    """Bounds on the factors of the term's polynomial and on the bits above and below the line of its numbers."""
    if t.op == "const":
        below = t.attrs[0].denominator
        return 1, t.attrs[0].numerator.bit_length(), 0 if below == 1 else below.bit_length()
    if t.op not in ("add", "mul"):
        return 1, 0, 0
    (left, above, below), (right, over, under) = parts
    factors = left + right if t.op == "mul" else max(left, right)
    bits = above + over if t.op == "mul" else 1 + max(above + under, over + below)
    if factors > MOST_FACTORS or bits + below + under > MOST_BITS:
        raise Malformed("a product that is too large to be written out")
    return factors, bits, below + under


def _decode_node(op: str, args: list[Term], attrs: list[Any]) -> Term:
    if op == "input":
        return _input(args, *_row(attrs, 4))
    if op == "reduce":
        kind, axis = _row(attrs, 2)
        if kind not in REDUCTIONS:
            raise Malformed(f"no reduction is named {kind!r}")
        return Term(op, (_number(_one(args)),), (kind, decode_axis(axis)))
    if op == "fold":
        return _fold(args, *_row(attrs, 3))
    if op in _LEAVES:
        return _leaf(op, args, _row(attrs, _LEAVES[op]))
    if op in PRIMITIVES:
        if len(args) != PRIMITIVES[op].arity or attrs:
            raise Malformed(f"{op} takes {PRIMITIVES[op].arity} arguments")
        return Term(op, _sorted(op, args))
    if op in COMPOSITES:
        return _composite(op, args, attrs)
    raise Malformed(f"no operator is named {op!r}")


def _fold(args: Sequence[Term], axis: Any, names: Any, part: Any) -> Term:
    """A fold.  What it puts in the place of a state that its steps read is a real number, as the state is said to be."""
    states = tuple(_text(n) for n in _list(names))
    if not states or len(set(states)) != len(states) or len(args) != 2 * len(states):
        raise Malformed("a fold that doesn't have an init and a step for each of its states")
    if not 0 <= _integer(part) < len(states):
        raise Malformed("a fold that is none of its states")
    read = frozenset().union(*(a.states for a in args[len(states) :]))
    if any(_number(a).sort == EXT and name in read for name, a in zip(states * 2, args, strict=True)):
        raise Malformed("a fold whose state may be minus infinity")
    return Term("fold", tuple(args), (decode_axis(axis), states, part))


def _input(args: Sequence[Term], name: Any, sort: Any, shape: Any, bound: Any) -> Term:
    sizes = tuple(decode_size(s) for s in _list(shape))
    if sort not in READABLE or len(sizes) != len(args) or any(a.sort != INT for a in args):
        raise Malformed("an input whose indices don't fit its shape")
    if bound is not None and sort != INT:
        raise Malformed("an input with a range that isn't an integer")
    return Term("input", tuple(args), (_text(name), sort, sizes, None if bound is None else _inhabited(decode_size(bound))))


def _sorted(op: str, args: Sequence[Term]) -> tuple[Term, ...]:
    """The arguments, where truth values, integers and numbers stand where they may."""
    numbers = args[1:] if op == "where" else () if op in _CONNECTIVES else args
    truths = args[:1] if op == "where" else args if op in _CONNECTIVES else ()
    if any(t.sort != BOOL for t in truths) or (op in _WHOLE and any(t.sort != INT for t in args)):
        raise Malformed(f"{op} of arguments of another sort")
    for t in numbers:
        _number(t)
    return tuple(args)


def _number(t: Term) -> Term:
    if t.sort == BOOL:
        raise Malformed("a truth value where a number belongs")
    return t


def _leaf(op: str, args: Sequence[Term], attrs: Sequence[Any]) -> Term:
    if args:
        raise Malformed(f"{op} takes no arguments")
    if op == "const":
        if not _NUMBER.fullmatch(_text(attrs[0])):
            raise Malformed("a number that isn't one integer over another")
        value = Fraction(attrs[0])
        if str(value) != attrs[0]:
            raise Malformed("a number that isn't in lowest terms")
        return Term(op, (), (value,))
    if op == "axis":
        return Term(op, (), (decode_axis(attrs[0]),))
    if op == "state" and attrs[1] != REAL:
        raise Malformed("a state that isn't a real number")
    if op == "named" and attrs[0] not in ("pi", "e"):
        raise Malformed(f"no real is named {attrs[0]!r}")
    return Term(op, (), tuple(_text(a) for a in attrs))


def _composite(op: str, args: Sequence[Term], attrs: Sequence[Any]) -> Term:
    row = COMPOSITES[op]
    if len(args) != row.arity or (attrs and row.carries is None) or (not attrs and row.carries is not None):
        raise Malformed(f"{op} with the wrong arguments or axes")
    return Term(op, tuple(_number(a) for a in args), tuple(decode_axis(a) for a in attrs))


def _list(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise Malformed("a list was expected")
    return data


def _row(data: Any, length: int) -> list[Any]:
    if len(_list(data)) != length:
        raise Malformed(f"{length} entries were expected")
    return data


def _rows(data: Any, length: int) -> list[list[Any]]:
    return [_row(r, length) for r in _list(data)]


def _one(args: Sequence[Term]) -> Term:
    if len(args) != 1:
        raise Malformed("one argument was expected")
    return args[0]


def _text(data: Any) -> str:
    if not isinstance(data, str):
        raise Malformed("text was expected")
    return data


def _symbol(data: Any) -> str:
    """The name of a size; anything else could be shown as if it were more than a name."""
    if not _text(data).isidentifier():
        raise Malformed("the name of a size isn't an identifier")
    return data


def _integer(data: Any) -> int:
    if not isinstance(data, int) or isinstance(data, bool):
        raise Malformed("an integer was expected")
    return data


def _count(data: Any) -> int:
    if _integer(data) < 1:
        raise Malformed("a positive integer was expected")
    return data


def _below(data: Any, place: int) -> int:
    if not 0 <= _integer(data) < place:
        raise Malformed("an argument that doesn't stand before its node")
    return data
