"""Loops over an axis of any size: `for i in range(n)` and `for row in x` become folds.

The body runs as it stands for the first step.  Then it runs on a symbolic index to see which variables it changes, and once
more with a state in the place of each: what they are after that are the steps.  The variables are those of the user's frame,
which this file reads and writes between two steps.  To add here: kinds of values that a loop may carry.
Never here: what the fold is equal to.
"""

from __future__ import annotations

import ctypes
import opcode
import sys
from collections.abc import Callable
from itertools import count
from types import FrameType
from typing import Any

import torch

from commute.lowering.active import active
from commute.lowering.arrays import Array
from commute.lowering.folded import Folding
from commute.lowering.locate import is_users
from commute.lowering.paths import Question
from commute.lowering.reals import SymReal
from commute.lowering.registry import Unsupported
from commute.lowering.symbols import SymInt
from commute.lowering.tensors import SymTensor
from commute.theory.axes import Axis, Size
from commute.theory.index import simplify
from commute.theory.ops import add, eq, le, lnot, lt, mul, sub
from commute.theory.terms import FALSE, INT, REAL, TRUE, Term, const, index, size_value

_ROUNDS = 4
"""How often the body runs to find all variables that it changes."""

_COPIES = count(1_000_000)
_FOR_ITER = opcode.opmap["FOR_ITER"]


class Loop:
    """What a `for` statement runs over: a number of steps that isn't fixed, and what each step is given."""

    def __init__(self, steps: Size, item: Callable[[Any], Any], spoken: str):
        self.steps, self.item, self.spoken = steps, item, spoken

    def __iter__(self) -> _Run:
        return _Run(self)


def over_range(start: Any, steps: Size, stride: Any, spoken: str) -> Loop:
    """The loop over start, start + stride, ..."""

    def item(k: Any) -> Any:
        return k * stride + start

    return Loop(steps, item, spoken)


class LoopIndex(SymTensor):
    """The number of a step: an integer tensor without dimensions, whose comparisons with sizes are decided if they can be."""

    __slots__ = ()

    def __init__(self, term: Term):
        super().__init__(Array((), lambda _: term, INT), torch.int64)

    def _decided(self, make: Callable[[Term, Term], Term], other: Any) -> bool | None:
        if not isinstance(other, int | SymInt):
            return None
        said = simplify(make(self.current().at(()), size_value(_size(other))))
        return said is TRUE if said in (TRUE, FALSE) else None

    def __repr__(self) -> str:
        return str(self.current().at(()))

    __hash__ = object.__hash__


def _comparison(name: str, make: Callable[[Term, Term], Term]) -> Callable[[LoopIndex, Any], Any]:
    def compare(self: LoopIndex, other: Any) -> Any:
        found = self._decided(make, other)
        return getattr(SymTensor, name)(self, other) if found is None else found

    return compare


def _moved(name: str, make: Callable[[Term, Term], Term]) -> Callable[[LoopIndex, Any], Any]:
    def move(self: LoopIndex, other: Any) -> Any:
        if not isinstance(other, int | SymInt) or isinstance(other, bool):
            return getattr(SymTensor, name)(self, other)
        return LoopIndex(simplify(make(self.current().at(()), size_value(_size(other)))))

    return move


def _size(value: int | SymInt) -> Size:
    return value.size if isinstance(value, SymInt) else Size(value)


_COMPARED: dict[str, Callable[[Term, Term], Term]] = {
    "__eq__": eq,
    "__ne__": lambda a, b: lnot(eq(a, b)),
    "__lt__": lt,
    "__le__": le,
    "__gt__": lambda a, b: lt(b, a),
    "__ge__": lambda a, b: le(b, a),
}
_MOVED: dict[str, Callable[[Term, Term], Term]] = {
    "__add__": add,
    "__radd__": add,
    "__sub__": sub,
    "__rsub__": lambda a, b: sub(b, a),
    "__mul__": mul,
    "__rmul__": mul,
}
for _name, _make in _COMPARED.items():
    setattr(LoopIndex, _name, _comparison(_name, _make))
for _name, _make in _MOVED.items():
    setattr(LoopIndex, _name, _moved(_name, _make))


class _Run:
    """One run of a loop: the user's frame, the variables before each step, and how far it is."""

    def __init__(self, loop: Loop):
        self.loop = loop
        self.stage = 0
        self.changed: set[str] = set()
        self.written: dict[int, SymTensor] = {}

    def __iter__(self) -> _Run:
        return self

    def __next__(self) -> Any:
        frame = sys._getframe(1)
        if self.stage == 0:
            return self._first(frame)
        if self.stage == 1:
            return self._second(frame)
        return self._further(frame)

    # --- the first step ---

    def _first(self, frame: FrameType) -> Any:
        code = frame.f_code
        if code.co_code[frame.f_lasti] != _FOR_ITER or code.co_name.startswith("<") or not is_users(code.co_filename):
            raise Unsupported(f"{self.loop.spoken}, whose length isn't fixed, outside a for statement", active().place())
        self.frame = frame
        if not _at_least(self.loop.steps, 1):
            raise StopIteration
        self.stage = 1
        return self.loop.item(LoopIndex(const(0)))

    def _second(self, frame: FrameType) -> Any:
        if not _at_least(self.loop.steps, 2):
            raise StopIteration
        size = self.loop.steps - 1
        if not size.provably_positive():
            raise Unsupported(f"{self.loop.spoken}: {self.loop.steps} can't be seen to be 2 or more", active().place())
        self.axis = Axis(size, next(_COPIES))
        self.place = active().place()
        self.start = _Variables(frame)
        self.stage = 2
        return self._item()

    def _item(self) -> Any:
        return self.loop.item(LoopIndex(add(index(self.axis), const(1))))

    # --- the symbolic steps ---

    def _further(self, frame: FrameType) -> Any:
        before = self.start if self.stage == 2 else self.given
        after = _Variables(frame)
        changed, written = after.changes(before)
        new = changed - self.changed or written.keys() - self.written.keys()
        self.changed |= changed
        self.written |= written
        if self.stage == 2 or (new and self.stage < 2 + _ROUNDS):
            self.stage += 1
            self._put_states(frame)
            return self._item()
        if new:
            raise Unsupported("a loop that changes other variables each time", self.place)
        self._put_results(frame, after)
        raise StopIteration

    def _put_states(self, frame: FrameType) -> None:
        self.folding = Folding(self.axis, self.place)
        values = {}
        for name in sorted(self.changed):
            found = self.start.values.get(name)
            values[name] = self._state(f"variable {name}", found, self.start.arrays.get(name))
        for key, tensor in self.written.items():
            self.folding.begin(key, self.start.contents[key])
            tensor.write(self.folding.state(key))
        _assign(frame, values)
        self.given = _Variables(frame)

    def _state(self, spoken: str, value: Any, array: Array | None) -> Any:
        if isinstance(value, tuple) and array is None:
            return tuple(self._state(f"{spoken}, part {i}", v, _as_array(v)) for i, v in enumerate(value))
        if array is None:
            return _Lost(spoken, self.place)
        self.folding.begin(spoken, array, not isinstance(value, SymTensor | torch.Tensor))
        carried = self.folding.state(spoken)
        return SymTensor(carried, value.dtype) if isinstance(value, SymTensor | torch.Tensor) else SymReal(carried.at(()))

    def _put_results(self, frame: FrameType, after: _Variables) -> None:
        for key in self.written:
            self.folding.end(key, after.contents[key])
        names = sorted(self.changed)
        for name in names:
            self._end(f"variable {name}", after.values.get(name))
        self.folding.close()
        values = {name: self._result(f"variable {name}", after.values.get(name)) for name in names}
        for key, tensor in self.written.items():
            tensor.write(self.folding.result(key))
        _assign(frame, values)

    def _end(self, spoken: str, value: Any) -> None:
        for i, v in enumerate(value if isinstance(value, tuple) else ()):
            self._end(f"{spoken}, part {i}", v)
        array = _as_array(value)
        if array is not None and self.folding.knows(spoken):
            self.folding.end(spoken, array)

    def _result(self, spoken: str, value: Any) -> Any:
        if type(value) is tuple:
            return tuple(self._result(f"{spoken}, part {i}", v) for i, v in enumerate(value))
        if _as_array(value) is None or not self.folding.knows(spoken):
            return _Lost(spoken, self.place)
        result = self.folding.result(spoken)
        return SymTensor(result, value.dtype) if isinstance(value, SymTensor | torch.Tensor) else SymReal(result.at(()))


def _at_least(size: Size, low: int) -> bool:
    question = Question("nonnegative", size - low, f"{size} >= {low}", f"{size} < {low}")
    return (size - low).provably_nonnegative() or active().ask(question)


class _Lost:
    """A variable that a loop changes and that can't be followed: an error where it is read."""

    def __init__(self, spoken: str, place: str | None):
        self._said = (f"{spoken}: a loop over an axis of any size changes it", place)

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise Unsupported(*self._said)

    __getattr__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __getitem__ = _refuse
    __bool__ = __iter__ = __len__ = __call__ = __index__ = __float__ = __int__ = __torch_function__ = _refuse


class _Variables:
    """The variables of a frame between two steps: their values, and what the tensors among them hold."""

    def __init__(self, frame: FrameType):
        self.values: dict[str, Any] = dict(frame.f_locals)
        self.arrays: dict[str, Array] = {}
        self.contents: dict[int, Array] = {}
        self.tensors: dict[int, SymTensor] = {}
        self.lists: dict[str, list[Any]] = {n: list(v) for n, v in self.values.items() if type(v) is list}
        for name, value in self.values.items():
            array = _as_array(value)
            if array is not None:
                self.arrays[name] = array
            for tensor in value if type(value) in (tuple, list) else (value,):
                if isinstance(tensor, SymTensor) and not isinstance(tensor, LoopIndex):
                    self.tensors[id(tensor)] = tensor
                    self.contents[id(tensor)] = tensor.current()

    def changes(self, before: _Variables) -> tuple[set[str], dict[int, SymTensor]]:
        """The names that stand for other values than before, and the tensors that hold other numbers than before."""
        names = {n for n, v in self.values.items() if n not in before.values or not _same(v, before.values[n])}
        for name in names & before.lists.keys() | {n for n, v in before.lists.items() if self.lists.get(n) != v}:
            raise Unsupported(f"variable {name}: a list that grows in a loop over an axis of any size", active().place())
        written = {}
        for key, tensor in before.tensors.items():
            if tensor.current() is not before.contents[key]:
                written[key] = tensor
                self.contents[key] = tensor.current()
        return names, written


def _same(left: Any, right: Any) -> bool:
    if left is right:
        return True
    return type(left) is type(right) and isinstance(left, int | float | str | bool | SymInt) and repr(left) == repr(right)


def _as_array(value: Any) -> Array | None:
    """A value that a state may stand for, as an array of reals."""
    if isinstance(value, SymTensor) and not isinstance(value, LoopIndex):
        return value.current() if value.current().sort == REAL or value.dtype.is_floating_point else None
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        return active().tensor(value)
    if isinstance(value, SymReal | SymInt | float | int) and not isinstance(value, bool):
        term = active().number(value)
        return Array((), lambda _: term)
    return None


def _assign(frame: FrameType, values: dict[str, Any]) -> None:
    """Put values into local variables of a frame that is waiting for its next step."""
    names = frame.f_locals
    names.update(values)
    if sys.version_info < (3, 13):
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
