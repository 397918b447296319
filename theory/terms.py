"""Terms: the one node of commute, and what may be done with it.

A `Term(op, args, attrs)` is frozen and interned, so equal terms are the same object.  Its meaning is a function from
assignments of its free axes to numbers.  Axes have names, never positions: transposition and broadcasting leave no trace.
To add here: a way of walking terms.  Never here: a new class of node, or a reading (each reading is a fold in its own room).

| op | args | attrs | meaning |
|---|---|---|---|
| const | | (Fraction,) | an exact number |
| named | | (name,) | a named real: pi, e |
| ninf | | | minus infinity: the unit of max, the argument that exp sends to 0 |
| size | | (symbol,) | the value of a size symbol, an integer >= 1 |
| axis | | (Axis,) | the index of an axis, 0 <= index < size |
| input | indices | (name, sort, shape, bound) | the array `name` read at integer indices; out of range it reads 0 |
| reduce | body | (kind, Axis) | sum, max, min or prod of the body over the axis |
| fold | inits, steps | (Axis, states, part) | a left fold over the axis with a tuple of states |
| state | | (name, sort) | a state of the enclosing fold |
| hole | | (name, sort) | a parameter of a law |

All other ops are in `ops.py`: primitives on numbers, and composites defined by primitives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable, Mapping
from fractions import Fraction
from typing import Any, TypeVar

from commute.theory.axes import Axis, Size, first_free

REAL, EXT, INT, BOOL = "real", "ext", "int", "bool"
"""The sorts: a real number; a real or minus infinity; an integer (which is also a real); a truth value."""

T = TypeVar("T")
EMPTY: frozenset[Axis] = frozenset()


class Term:
    """One node; build it with the functions of this module and of `ops.py`, never directly."""

    __slots__ = ("__weakref__", "_digest", "args", "attrs", "free", "op", "size", "sort", "states")

    op: str
    args: tuple[Term, ...]
    attrs: tuple[Any, ...]
    free: frozenset[Axis]
    sort: str
    states: frozenset[str]
    size: int

    _table: dict[tuple[str, tuple[int, ...], tuple[Any, ...]], Term] = {}

    def __new__(cls, op: str, args: tuple[Term, ...] = (), attrs: tuple[Any, ...] = ()) -> Term:
        key = (op, tuple(map(id, args)), attrs)
        found = cls._table.get(key)
        if found is not None:
            return found
        self = object.__new__(cls)
        self.op, self.args, self.attrs = op, args, attrs
        self.free = _free(op, args, attrs)
        self.states = _states(op, args, attrs)
        self.sort = _sort(op, args, attrs)
        self.size = 1 + sum(a.size for a in args)
        self._digest = None
        cls._table[key] = self
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (Term, (self.op, self.args, self.attrs))

    @property
    def digest(self) -> str:
        """A short hash of the structure, the same in every run: the order of terms."""
        if self._digest is None:
            for t in postorder(self):
                if t._digest is None:
                    text = f"{t.op}|{t.attrs!r}|" + ",".join(a._digest or "" for a in t.args)
                    t._digest = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
        return self._digest  # type: ignore[return-value]

    def __str__(self) -> str:
        from commute.theory.board import board

        return board(self)

    __repr__ = __str__


def _free(op: str, args: tuple[Term, ...], attrs: tuple[Any, ...]) -> frozenset[Axis]:
    if op == "axis":
        return frozenset((attrs[0],))
    free = frozenset().union(*(a.free for a in args)) if args else EMPTY
    if op == "reduce":
        return free - {attrs[1]}
    if op == "fold":
        inits = len(attrs[1])
        steps = frozenset().union(*(a.free for a in args[inits:]))
        return frozenset().union(*(a.free for a in args[:inits])) | (steps - {attrs[0]})
    if op in _COMPOSITE_AXES:
        return free | {a for a in attrs if isinstance(a, Axis)} if _COMPOSITE_AXES[op] else free - set(attrs)
    return free


_COMPOSITE_AXES: dict[str, bool] = {}
"""Composites that bind an axis; True where the result still carries it (softmax), False where it is gone (logsumexp)."""


def _states(op: str, args: tuple[Term, ...], attrs: tuple[Any, ...]) -> frozenset[str]:
    if op == "state":
        return frozenset((attrs[0],))
    if op == "fold":
        inits = len(attrs[1])
        inner = frozenset().union(*(a.states for a in args[inits:])) - set(attrs[1])
        return inner.union(*(a.states for a in args[:inits]))
    return frozenset().union(*(a.states for a in args)) if args else frozenset()


_INT_CLOSED = {"add", "mul", "max", "min", "floordiv", "mod", "where", "reduce"}
_KEEPS_EXT = {"add", "mul", "max", "min", "where", "reduce", "fold"}
_BOOLS = {"lt", "le", "eq", "and", "or", "not", "true", "false"}


def _sort(op: str, args: tuple[Term, ...], attrs: tuple[Any, ...]) -> str:
    if op in ("input", "hole", "state"):
        return attrs[1]
    if op == "const":
        return INT if attrs[0].denominator == 1 else REAL
    if op in ("size", "axis"):
        return INT
    if op == "ninf":
        return EXT
    if op in _BOOLS:
        return BOOL
    sorts = [a.sort for a in (args[1:] if op == "where" else args)]
    if op == "where" and sorts == [BOOL, BOOL]:
        return BOOL
    if EXT in sorts and op in _KEEPS_EXT:
        return REAL if op == "max" and sorts != [EXT, EXT] else EXT
    return INT if op in _INT_CLOSED and all(s == INT for s in sorts) else REAL


def well_sorted(term: Term) -> str | None:
    """None where minus infinity stays where it may be (added, compared, under exp, max, min, where); else the offence."""
    for t in postorder(term):
        if t.op in ("add", "max", "min", "where", "exp"):
            continue
        if t.op == "reduce" and t.attrs[0] in ("max", "min"):
            continue
        if any(a.sort == EXT for a in t.args):
            return f"{t.op} of a value that may be -inf: {t}"
    return None


# --- leaves and the binder -------------------------------------------------------------------------------------------


def const(value: int | Fraction) -> Term:
    """An exact number."""
    return Term("const", (), (Fraction(value),))


ZERO, ONE, MINUS_ONE = const(0), const(1), const(-1)
NINF = Term("ninf")
TRUE, FALSE = Term("true"), Term("false")


def named(name: str) -> Term:
    """A named real: `pi` or `e`."""
    return Term("named", (), (name,))


def index(axis: Axis) -> Term:
    """The index of an axis as a value: 0, 1, ... size - 1."""
    return Term("axis", (), (axis,))


def size_value(size: Size | int) -> Term:
    """The value of a size as a term, in the size symbols."""
    from commute.theory.ops import add, mul

    total: Term | None = None
    for powers, coefficient in Size.of(size).terms:
        part: Term | None = None
        for symbol, exponent in powers:
            for _ in range(exponent):
                leaf = Term("size", (), (symbol,))
                part = leaf if part is None else mul(part, leaf)
        value = const(coefficient)
        part = value if part is None else (part if coefficient == 1 else mul(value, part))
        total = part if total is None else add(total, part)
    return ZERO if total is None else total


def read(
    name: str, indices: Iterable[Term], shape: Iterable[Size | int], sort: str = REAL, bound: Size | None = None
) -> Term:
    """The array `name` of `shape` at integer `indices`; an integer array holds values in range(bound)."""
    return Term("input", tuple(indices), (name, sort, tuple(Size.of(s) for s in shape), bound))


def reduce(kind: str, axis: Axis, body: Term) -> Term:
    """The sum, max, min or prod (`kind`) of `body` over `axis`."""
    return Term("reduce", (body,), (kind, axis))


def fold_over(axis: Axis, states: tuple[str, ...], inits: Iterable[Term], steps: Iterable[Term], part: int = 0) -> Term:
    """Component `part` of the left fold over `axis`: states start at `inits`, each index maps them by `steps`."""
    return Term("fold", (*inits, *steps), (axis, states, part))


def state(name: str, sort: str = REAL) -> Term:
    """The value of a state inside the steps of a fold."""
    return Term("state", (), (name, sort))


def hole(name: str, sort: str = REAL) -> Term:
    """A parameter of a law."""
    return Term("hole", (), (name, sort))


# --- walking ---------------------------------------------------------------------------------------------------------


def postorder(*roots: Term, known: Container[Term] = ()) -> list[Term]:
    """Every subterm once, arguments before the node that uses them; terms in `known` are left out with all below them."""
    seen: set[int] = set()
    order: list[Term] = []
    stack: list[Term | None] = list(reversed(roots))
    while stack:
        term = stack.pop()
        if term is None:  # all below the next is done
            order.append(stack.pop())  # type: ignore[arg-type]
        elif id(term) not in seen and term not in known:
            seen.add(id(term))
            if not term.args:
                order.append(term)
                continue
            stack += (term, None)
            for a in reversed(term.args):
                if id(a) not in seen:
                    stack.append(a)
    return order


def fold(term: Term, algebra: Callable[[Term, tuple[T, ...]], T]) -> T:
    """The one recursion scheme: `algebra(node, values of its arguments)`, each shared node once."""
    values: dict[Term, T] = {}
    for t in postorder(term):
        values[t] = algebra(t, tuple(values[a] for a in t.args))
    return values[term]


def binds(term: Term) -> Axis | None:
    """The axis that the node itself binds in its arguments, if any."""
    if term.op == "reduce":
        return term.attrs[1]
    if term.op == "fold":
        return term.attrs[0]
    return None


def rebuild(term: Term, args: tuple[Term, ...]) -> Term:
    """The same node over other arguments."""
    return term if args == term.args else Term(term.op, args, term.attrs)


def substitute(term: Term, mapping: Mapping[Axis, Term]) -> Term:
    """`term` with free axes replaced by index terms, capture-avoiding; binders change only where they would capture.

    >>> from commute.theory.axes import axis
    >>> n, m = axis("n"), axis("n", 1)
    >>> substitute(reduce("sum", m, read("A", [index(n), index(m)], [n.size, m.size])), {n: index(m)})
    Σ[n] A[n', n]
    """
    memo: dict[tuple[Term, tuple[tuple[Axis, Term], ...]], Term] = {}

    def go(t: Term, pairs: tuple[tuple[Axis, Term], ...]) -> Term:
        pairs = tuple(p for p in pairs if p[0] in t.free)
        if not pairs:
            return t
        if t.op == "axis":
            return pairs[0][1]
        key = (t, pairs)
        if key not in memo:
            memo[key] = _substitute_node(t, pairs, go)
        return memo[key]

    clean = tuple((a, e) for a, e in mapping.items() if not (e.op == "axis" and e.attrs[0] == a))
    return go(term, clean)


Pairs = tuple[tuple[Axis, Term], ...]


def _substitute_node(t: Term, pairs: Pairs, go: Callable[[Term, Pairs], Term]) -> Term:
    if t.op in _COMPOSITE_AXES:
        return _substitute_composite(t, pairs, go)
    bound = binds(t)
    if bound is None:
        return Term(t.op, tuple(go(a, pairs) for a in t.args), t.attrs)
    taken = frozenset().union(*(e.free for _, e in pairs))
    outer = len(t.attrs[1]) if t.op == "fold" else 0
    attrs = t.attrs
    pairs_inside = tuple(p for p in pairs if p[0] != bound)
    if bound in taken and pairs_inside:
        stay = frozenset().union(*(a.free for a in t.args[outer:])) - {bound} - {a for a, _ in pairs}
        fresh = first_free(bound.size, taken | stay)
        pairs_inside = (*pairs_inside, (bound, index(fresh)))
        attrs = tuple(fresh if a == bound else a for a in attrs)
    args = tuple(go(a, pairs if i < outer else pairs_inside) for i, a in enumerate(t.args))
    return Term(t.op, args, attrs)


def _substitute_composite(t: Term, pairs: Pairs, go: Callable[[Term, Pairs], Term]) -> Term:
    """Renaming its axes to others of the same sizes, capturing nothing, keeps a composite; else its definition serves."""
    from commute.theory.ops import definition

    own = {a for a in t.attrs if isinstance(a, Axis)}
    moves = {a: e for a, e in pairs if a in own}
    targets = {e.attrs[0] for e in moves.values() if e.op == "axis"}
    images = frozenset().union(*(e.free for a, e in pairs if a not in own))
    stay = (own - set(moves)) | (t.free - own)
    resized = any(e.op == "axis" and e.attrs[0].size != a.size for a, e in moves.items())
    if resized or len(targets) != len(moves) or targets & (stay | images) or images & own:
        return go(definition(t), pairs)
    attrs = tuple(moves[a].attrs[0] if isinstance(a, Axis) and a in moves else a for a in t.attrs)
    return Term(t.op, tuple(go(x, pairs) for x in t.args), attrs)


def instantiate(term: Term, holes: Mapping[str, Term], axes: Mapping[Axis, Axis]) -> Term:
    """A law's side with holes, axes and their sizes filled in, capturing on purpose (the law's conditions say when it may)."""
    sizes = {symbol: new.size for old, new in axes.items() for symbol in old.size.symbols}

    def put(t: Term, args: tuple[Term, ...]) -> Term:
        if t.op == "hole":
            return holes[t.attrs[0]]
        if t.op == "size":
            return size_value(sizes.get(t.attrs[0], Size.symbol(t.attrs[0])))
        attrs = tuple(axes.get(a, a) if isinstance(a, Axis) else a for a in t.attrs)
        return Term(t.op, args, attrs)

    return fold(term, put)
