"""Diagrams: the picture-level face of terms, composed side by side and one after another.

An array is a tuple of axes, a type is a tuple of arrays; a `Diagram` goes from one type to another.  `.term()` is a
functor into terms: interchange, associativity, units, naturality of swap, copy and drop, and weaving past `>>` and `@`
hold because both sides build the same interned term, never because something rewrote one into the other.
To add here: a box, as a function that returns one.  Never here: a picture, or anything that compares or rewrites terms.

>>> from commute.theory.axes import axis
>>> n, m, d = axis("n"), axis("m"), axis("d")
>>> scores = source("Q", (n, d)) @ source("K", (m, d)) >> contract((n, d), (m, d), d)
>>> scores >> over("softmax", (n, m), m)
Diagram(() -> ((n, m)))
>>> scores.term()
(Σ[d] Q[n, d]·K[m, d],)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

from commute.theory.axes import Axis
from commute.theory.messages import (
    UsageError,
    arrays_expected,
    axis_already_woven,
    axis_not_in_array,
    types_do_not_meet,
    unknown_operator,
)
from commute.theory.ops import COMPOSITES, PRIMITIVES, REDUCTIONS
from commute.theory.terms import Term, index, read, reduce, substitute

Array = tuple[Axis, ...]
Type = tuple[Array, ...]
Meaning = Callable[[tuple[Term, ...]], tuple[Term, ...]]


@dataclass(frozen=True)
class Diagram:
    """A map from arrays to arrays, made of boxes by `>>`, `@` and `weave`; boxes come from the functions below.

    `inner` holds every axis that the diagram mentions, at its ends or inside.
    """

    inputs: Type
    outputs: Type
    name: str
    parts: tuple[Diagram, ...] = ()
    meaning: Meaning | None = field(default=None, repr=False, compare=False)
    inner: frozenset[Axis] = frozenset()

    def __rshift__(self, other: Diagram) -> Diagram:
        """First `self`, then `other`; UsageError where the outputs of one are not the inputs of the other."""
        if self.outputs != other.inputs:
            raise UsageError(types_do_not_meet(show(self.outputs), show(other.inputs)))
        parts = (*self._chain(">>"), *other._chain(">>"))
        return Diagram(self.inputs, other.outputs, ">>", parts, None, self.axes | other.axes)

    def __matmul__(self, other: Diagram) -> Diagram:
        """`self` above `other`, on separate arrays."""
        parts = (*self._chain("@"), *other._chain("@"))
        return Diagram(
            self.inputs + other.inputs, self.outputs + other.outputs, "@", parts, None, self.axes | other.axes
        )

    def weave(self, axis: Axis) -> Diagram:
        """The same diagram at every index of one more axis: each array gains `axis` as its first wire.

        UsageError where the diagram already has that axis (name another copy: `Axis(size, 1)`).
        """
        if axis in self.axes:
            raise UsageError(axis_already_woven(str(axis), f"{show(self.inputs)} -> {show(self.outputs)}"))

        def put(arrays: Type) -> Type:
            return tuple((axis, *array) for array in arrays)

        return Diagram(put(self.inputs), put(self.outputs), "weave", (self,), None, self.axes | {axis})

    @property
    def axes(self) -> frozenset[Axis]:
        """Every axis that occurs."""
        return self.inner.union(*self.inputs, *self.outputs)

    def term(self, *arguments: Term | str) -> tuple[Term, ...]:
        """The outputs as terms; an argument is a term, or the name of an array to read.  Without any: x1, x2, ...

        >>> from commute.theory.axes import axis
        >>> (copy((axis("n"),)) >> elementwise("exp", (axis("n"),)) @ identity((axis("n"),))).term("s")
        (exp(s[n]), s[n])
        """
        given = arguments or tuple(f"x{i + 1}" for i in range(len(self.inputs)))
        if len(given) != len(self.inputs):
            raise UsageError(arrays_expected("term", show(self.inputs), len(given)))
        values = []
        for argument, array in zip(given, self.inputs, strict=True):
            named = isinstance(argument, str)
            plain = read(argument, map(index, array), (a.size for a in array)) if named else argument
            for axis in sorted(plain.free - set(array), key=lambda a: a.key):
                raise UsageError(axis_not_in_array(f"term: {plain}", str(axis), show((array,))))
            values.append(plain)
        return self._apply(tuple(values))

    def _chain(self, name: str) -> tuple[Diagram, ...]:
        return self.parts if self.name == name else (self,)

    def _apply(self, values: tuple[Term, ...]) -> tuple[Term, ...]:
        if self.meaning is not None:
            return self.meaning(values)
        if self.name == "@":
            rest = iter(values)
            return tuple(t for part in self.parts for t in part._apply(tuple(islice(rest, len(part.inputs)))))
        for part in self.parts:
            values = part._apply(values)
        return values

    def __repr__(self) -> str:
        return f"Diagram({show(self.inputs)} -> {show(self.outputs)})"


def show(arrays: Type) -> str:
    """A type in words: `((n, d), (m))`."""
    return f"({', '.join('(' + ', '.join(map(str, array)) + ')' for array in arrays)})"


def box(name: str, inputs: Iterable[Iterable[Axis]], outputs: Iterable[Iterable[Axis]], meaning: Meaning) -> Diagram:
    """A box of any meaning; the meaning must treat axes that it doesn't mention alike, so that it can be woven."""
    return Diagram(tuple(map(tuple, inputs)), tuple(map(tuple, outputs)), name, (), meaning)


# --- wires -----------------------------------------------------------------------------------------------------------


def identity(*arrays: Iterable[Axis]) -> Diagram:
    """The arrays as they are; `identity()` is the unit of `@`."""
    kept = tuple(map(tuple, arrays))
    return box("identity", kept, kept, lambda values: values)


def copy(array: Iterable[Axis], times: int = 2) -> Diagram:
    """One array, `times` over."""
    kept = tuple(array)
    return box("copy", (kept,), (kept,) * times, lambda values: values * times)


def drop(array: Iterable[Axis]) -> Diagram:
    """One array, deleted."""
    return box("drop", (tuple(array),), (), lambda values: ())


def swap(upper: Iterable[Axis], lower: Iterable[Axis]) -> Diagram:
    """Two arrays, the lower one above."""
    a, b = tuple(upper), tuple(lower)
    return box("swap", (a, b), (b, a), lambda values: (values[1], values[0]))


def arrange(array: Iterable[Axis], order: Iterable[Axis]) -> Diagram:
    """The same array with its wires in another order; axes have names, so its term is the term itself."""
    kept, wanted = tuple(array), tuple(order)
    for axis in (*kept, *wanted):
        if kept.count(axis) != wanted.count(axis):
            raise UsageError(axis_not_in_array("arrange", str(axis), show((kept if axis in wanted else wanted,))))
    return box("arrange", (kept,), (wanted,), lambda values: values)


def spread(array: Iterable[Axis], axis: Axis) -> Diagram:
    """The array repeated along one more axis, its last wire."""
    kept = tuple(array)
    if axis in kept:
        raise UsageError(axis_already_woven(str(axis), show((kept,))))
    return box("spread", (kept,), ((*kept, axis),), lambda values: values)


# --- boxes -----------------------------------------------------------------------------------------------------------


def source(name: str, array: Iterable[Axis]) -> Diagram:
    """The array called `name`: no input, one output."""
    axes = tuple(array)
    value = read(name, map(index, axes), (a.size for a in axes))
    return box("source", (), (axes,), lambda _: (value,))


def constant(value: Term, array: Iterable[Axis] = ()) -> Diagram:
    """A term without inputs: a number, a size, an index; its free axes are wires of the array."""
    axes = tuple(array)
    for axis in sorted(value.free - set(axes), key=lambda a: a.key):
        raise UsageError(axis_not_in_array("constant", str(axis), show((axes,))))
    return box("constant", (), (axes,), lambda _: (value,))


def elementwise(name: str, *arrays: Iterable[Axis]) -> Diagram:
    """A primitive or a composite number by number; axes of one name join, the result has every axis once."""
    given = tuple(map(tuple, arrays))
    row = PRIMITIVES.get(name) or COMPOSITES.get(name)
    if row is None or getattr(row, "carries", None) is not None:
        raise UsageError(unknown_operator("elementwise", name, [*PRIMITIVES, *COMPOSITES]))
    if row.arity != len(given):
        raise UsageError(arrays_expected(name, f"{row.arity} arrays", len(given)))
    return box(name, given, (joined(given),), lambda values: (Term(name, values),))


def over(name: str, array: Iterable[Axis], *axes: Axis) -> Diagram:
    """A reduction (sum, max, min, prod) or a composite (softmax, logsumexp ...) along axes of one array."""
    kept = tuple(array)
    if name not in REDUCTIONS and getattr(COMPOSITES.get(name), "carries", None) is None:
        raise UsageError(unknown_operator("over", name, [*REDUCTIONS, *COMPOSITES]))
    for axis in axes:
        if axis not in kept:
            raise UsageError(axis_not_in_array(name, str(axis), show((kept,))))
    stays = name not in REDUCTIONS and COMPOSITES[name].carries
    rest = kept if stays else tuple(a for a in kept if a not in axes)

    def meaning(values: tuple[Term, ...]) -> tuple[Term, ...]:
        value = values[0]
        if name not in REDUCTIONS:
            return (Term(name, (value,), axes),)
        for axis in reversed(axes):
            value = reduce(name, axis, value)
        return (value,)

    return box(name, (kept,), (rest,), meaning)


def contract(upper: Iterable[Axis], lower: Iterable[Axis], *axes: Axis) -> Diagram:
    """The product of two arrays, summed over the axes: a multiplication, then a sum."""
    a, b = tuple(upper), tuple(lower)
    return elementwise("mul", a, b) >> over("sum", joined((a, b)), *axes)


def reindex(array: Iterable[Axis], result: Iterable[Axis], mapping: Mapping[Axis, Term]) -> Diagram:
    """The array read at an index for each axis in `mapping`, an integer term in the axes of the result."""
    kept, new = tuple(array), tuple(result)
    for axis in mapping:
        if axis not in kept:
            raise UsageError(axis_not_in_array("reindex", str(axis), show((kept,))))
    read_at = {axis for term in mapping.values() for axis in term.free} | (set(kept) - set(mapping))
    for axis in sorted(read_at - set(new), key=lambda a: a.key):
        raise UsageError(axis_not_in_array("reindex", str(axis), show((new,))))
    fixed = dict(mapping)
    return box("reindex", (kept,), (new,), lambda values: (substitute(values[0], fixed),))


def joined(arrays: Iterable[Iterable[Axis]]) -> Array:
    """Every axis of the arrays once, in the order in which they appear.

    >>> from commute.theory.axes import axis
    >>> [str(a) for a in joined([(axis("n"), axis("d")), (axis("m"), axis("d"))])]
    ['n', 'd', 'm']
    """
    return tuple(dict.fromkeys(axis for array in arrays for axis in array))
