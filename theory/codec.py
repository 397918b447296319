"""Terms as JSON and back: a table of nodes, arguments before the nodes that use them.  Reading builds terms and runs nothing.

Every node read is checked: a known operator, the right number of arguments, attributes of the right kind.
To add here: the spelling of a new attribute.  Never here: what a file of terms is for (`verify/certificate.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from commute.theory.axes import Axis, Size
from commute.theory.ops import COMPOSITES, PRIMITIVES, REDUCTIONS
from commute.theory.terms import BOOL, EXT, INT, REAL, Term, postorder

SORTS = (REAL, EXT, INT, BOOL)
_LEAVES = {"const": 1, "named": 1, "ninf": 0, "true": 0, "false": 0, "size": 1, "axis": 1, "state": 2}


class Malformed(Exception):
    """The data isn't a table of terms."""


def encode_size(size: Size) -> list[Any]:
    """A size as its coefficients and powers."""
    return [[c, [[s, e] for s, e in m]] for m, c in size.terms]


def decode_size(data: Any) -> Size:
    """A size back."""
    terms: dict[Any, int] = {}
    for c, powers in _rows(data, 2):
        key = tuple((_text(s), _count(e)) for s, e in _rows(powers, 2))
        terms[key] = terms.get(key, 0) + _integer(c)
    size = Size(terms)
    if encode_size(size) != data:
        raise Malformed("a size that isn't in its normal form")
    return size


def encode_axis(axis: Axis) -> list[Any]:
    """An axis as its size and copy."""
    return [encode_size(axis.size), axis.copy]


def decode_axis(data: Any) -> Axis:
    """An axis back."""
    size, copy = _row(data, 2)
    return Axis(decode_size(size), _integer(copy))


class Table:
    """A growing table of terms; `add` gives a term's place in it."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []
        self._places: dict[Term, int] = {}

    def add(self, term: Term) -> int:
        """The place of the term; it and its parts are added where they are new."""
        for t in postorder(term):
            if t not in self._places:
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
    for place, row in enumerate(rows):
        try:
            op, args, attrs = _row(row, 3)
            terms.append(_decode_node(_text(op), [terms[_below(a, place)] for a in _list(args)], _list(attrs)))
        except (Malformed, ValueError, TypeError, ZeroDivisionError, OverflowError) as error:
            raise Malformed(f"term {place}: {error}") from None
    return terms


def _decode_node(op: str, args: list[Term], attrs: list[Any]) -> Term:
    if op == "input":
        name, sort, shape, bound = _row(attrs, 4)
        sizes = tuple(decode_size(s) for s in _list(shape))
        if sort not in SORTS or len(sizes) != len(args) or any(a.sort != INT for a in args):
            raise Malformed("an input whose indices don't fit its shape")
        return Term(op, tuple(args), (_text(name), sort, sizes, None if bound is None else decode_size(bound)))
    if op == "reduce":
        kind, axis = _row(attrs, 2)
        if kind not in REDUCTIONS:
            raise Malformed(f"no reduction is named {kind!r}")
        return Term(op, (_one(args),), (kind, decode_axis(axis)))
    if op == "fold":
        axis, states, part = _row(attrs, 3)
        names = tuple(_text(s) for s in _list(states))
        if len(args) != 2 * len(names) or not 0 <= _integer(part) < len(names):
            raise Malformed("a fold whose states don't fit")
        return Term(op, tuple(args), (decode_axis(axis), names, part))
    if op in _LEAVES:
        return _leaf(op, args, _row(attrs, _LEAVES[op]))
    if op in PRIMITIVES:
        if len(args) != PRIMITIVES[op].arity or attrs:
            raise Malformed(f"{op} takes {PRIMITIVES[op].arity} arguments")
        return Term(op, tuple(args))
    if op in COMPOSITES:
        return _composite(op, args, attrs)
    raise Malformed(f"no operator is named {op!r}")


def _leaf(op: str, args: Sequence[Term], attrs: Sequence[Any]) -> Term:
    if args:
        raise Malformed(f"{op} takes no arguments")
    if op == "const":
        value = Fraction(_text(attrs[0]))
        if str(value) != attrs[0]:
            raise Malformed("a number that isn't in lowest terms")
        return Term(op, (), (value,))
    if op == "axis":
        return Term(op, (), (decode_axis(attrs[0]),))
    if op == "named" and attrs[0] not in ("pi", "e"):
        raise Malformed(f"no real is named {attrs[0]!r}")
    return Term(op, (), tuple(_text(a) for a in attrs))


def _composite(op: str, args: Sequence[Term], attrs: Sequence[Any]) -> Term:
    row = COMPOSITES[op]
    if len(args) != row.arity or (attrs and row.carries is None) or (not attrs and row.carries is not None):
        raise Malformed(f"{op} with the wrong arguments or axes")
    return Term(op, tuple(args), tuple(decode_axis(a) for a in attrs))


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
