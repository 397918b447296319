"""The tensor that a traced program holds: an `Array`, a dtype, and what it shares its memory with.

Operators, methods and `torch.*` functions all end in the running trace's `dispatch`.  Changes in place rebind the array;
a view knows how it is derived from its base and how a write goes through it, and where that isn't known, reading the
other alias later is `Unsupported` rather than wrong.
To add here: what a tensor object can be asked.  Never here: what an operator means (`torch_*.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from commute.lowering.active import Symbolic, active
from commute.lowering.arrays import Array
from commute.lowering.registry import Unsupported
from commute.lowering.symbols import SymInt, SymShape, integer
from commute.theory.terms import BOOL, INT

Change = Callable[[Array], Array]
Write = Callable[[Array, Array], Array]


class Storage:
    """The memory that aliases share: a version that every write counts up, and the line after which it isn't known."""

    __slots__ = ("lost", "version")

    def __init__(self) -> None:
        self.version = 0
        self.lost: str | None = None


class SymTensor(Symbolic):
    """A tensor of symbolic shape in a traced program."""

    __slots__ = ("_array", "_base", "_derive", "_key", "_put", "_seen", "_storage", "dtype", "is_leaf", "requires_grad")

    def __init__(self, array: Array, dtype: torch.dtype):
        self._array = array
        self.dtype = dtype
        self._storage = Storage()
        self._seen = 0
        self._base: SymTensor | None = None
        self._derive: Change | None = None
        self._put: Write | None = None
        self._key: Any = None
        self.requires_grad = False
        self.is_leaf = True

    # --- sharing memory ---

    def sharing(self, base: SymTensor, derive: Change | None, put: Write | None = None, key: Any = None) -> SymTensor:
        """This tensor as a view of `base` (`derive` re-reads it, `put` writes through), or as a possible one (neither)."""
        self._storage, self._seen, self._base = base._storage, base._storage.version, base
        self._derive, self._put, self._key = derive, put, key
        return self

    def current(self) -> Array:
        """The array as it is now; Unsupported where an alias was changed in a way that isn't followed."""
        if self._storage.lost:
            raise Unsupported(f"a tensor that shares memory with one changed in place at {self._storage.lost}")
        if self._seen != self._storage.version:
            if self._base is None or self._derive is None:
                raise Unsupported("a tensor that may share memory with one that was changed in place since")
            self._array = self._derive(self._base.current())
            self._seen = self._storage.version
        return self._array

    def write(self, array: Array, dtype: torch.dtype | None = None) -> SymTensor:
        """Put other values in place, and through to the base of a view."""
        old = self.current()
        if array.shape != old.shape:
            raise Unsupported(f"a change in place from shape {_show(old.shape)} to {_show(array.shape)}")
        if self._base is not None and self._put is not None:
            self._base.write(self._put(self._base.current(), array))
        elif self._base is not None:
            self._storage.lost = active().place()
            self._storage, self._base, self._derive = Storage(), None, None
        else:
            self._storage.version += 1
        self._array, self._seen = array, self._storage.version
        self.dtype = dtype or self.dtype
        return self

    def is_same_view(self, base: SymTensor, key: Any) -> bool:
        """Whether this is `base[key]`, already written through: `x[k] += 1` ends by storing it once more."""
        fresh = self._base is base and self._put is not None and self._seen == self._storage.version
        return fresh and _same_key(self._key, key)

    # --- what it can be asked ---

    @property
    def shape(self) -> SymShape:
        """The sizes, plain integers where they are fixed."""
        return SymShape(integer(s) for s in self._array.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or one size."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """The number of dimensions."""
        return self._array.rank

    ndimension = dim

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._array.rank

    def numel(self) -> Any:
        """The number of elements."""
        return self.shape.numel()

    nelement = numel

    @property
    def device(self) -> torch.device:
        """The processor's memory: terms have no place."""
        return torch.device("cpu")

    layout = torch.strided
    is_cuda = is_sparse = is_quantized = is_nested = is_meta = False
    grad = grad_fn = None

    @property
    def data(self) -> Any:
        """The tensor without its history."""
        return self.detach()

    def is_floating_point(self) -> bool:
        """Whether the elements are reals."""
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """Never: complex numbers aren't lifted."""
        return False

    def is_contiguous(self, *_: Any, **__: Any) -> bool:
        """Always: terms have no strides."""
        return True

    def element_size(self) -> int:
        """Bytes per element."""
        return self.dtype.itemsize

    def requires_grad_(self, requires_grad: bool = True) -> SymTensor:
        """The tensor itself: gradients are not followed."""
        return self

    @property
    def T(self) -> Any:
        """All dimensions reversed."""
        return self.permute(*reversed(range(self.ndim)))

    @property
    def mT(self) -> Any:
        """The last two dimensions swapped."""
        return self.transpose(-2, -1)

    H = mH = mT

    @property
    def real(self) -> SymTensor:
        """The tensor itself."""
        return self

    # --- what Python asks ---

    def __len__(self) -> int:
        first = self.shape[0] if self.ndim else None
        if isinstance(first, int):
            return first
        raise Unsupported(f"len() of a tensor with {first} rows, as a Python integer")

    def __iter__(self) -> Iterator[Any]:
        first = self.shape[0] if self.ndim else None
        if isinstance(first, SymInt):
            from commute.lowering.loops import Loop

            return iter(Loop(first.size, lambda i: self[i], f"iteration over axis {first}"))
        return iter(self.unbind(0))

    def _data(self, what: str) -> Any:
        raise Unsupported(f"data-dependent Python control flow: {what} of a tensor's values")

    def __bool__(self) -> bool:
        return self._data("the truth")

    def __float__(self) -> float:
        return self._data("float()")

    def __int__(self) -> int:
        return self._data("int()")

    def __index__(self) -> int:
        return self._data("a Python index")

    def item(self) -> Any:
        """Not lifted: Python would compute with data."""
        return self._data("item()")

    def tolist(self) -> Any:
        """Not lifted: Python would compute with data."""
        return self._data("tolist()")

    def numpy(self, *_: Any, **__: Any) -> Any:
        """Not lifted: NumPy is not followed."""
        raise Unsupported("numpy(): only Torch is lifted")

    __array__ = numpy

    def __contains__(self, _: Any) -> bool:
        return self._data("membership")

    def __repr__(self) -> str:
        return f"tensor{_show(self._array.shape)}"

    def __format__(self, spec: str) -> str:
        return repr(self)

    __hash__ = object.__hash__

    def __getitem__(self, key: Any) -> Any:
        return active().getitem(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        active().setitem(self, key, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(torch.Tensor, name):
            raise AttributeError(f"'Tensor' object has no attribute '{name}'")
        return lambda *args, **kwargs: active().call_method(name, self, args, kwargs)


def _operator(name: str, swap: bool = False) -> Callable[[SymTensor, Any], Any]:
    def call(self: SymTensor, other: Any) -> Any:
        if not isinstance(other, Symbolic | torch.Tensor | int | float):
            return NotImplemented
        args = (other, self) if swap else (self, other)
        return active().dispatch(getattr(torch, name), args, {})

    return call


def _in_place(name: str) -> Callable[[SymTensor, Any], Any]:
    def call(self: SymTensor, other: Any) -> Any:
        return active().call_method(name + "_", self, (other,), {})

    return call


_OPERATORS = {
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "pow",
    "matmul": "matmul",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
}
_COMPARISONS = {"eq": "eq", "ne": "ne", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge"}
for _python, _torch in _OPERATORS.items():
    setattr(SymTensor, f"__{_python}__", _operator(_torch))
    setattr(SymTensor, f"__r{_python}__", _operator(_torch, swap=True))
    setattr(SymTensor, f"__i{_python}__", _in_place(_torch))
for _python, _torch in _COMPARISONS.items():
    setattr(SymTensor, f"__{_python}__", _operator(_torch))
for _python, _torch in {"neg": "neg", "abs": "abs", "invert": "bitwise_not", "pos": "positive"}.items():
    setattr(SymTensor, f"__{_python}__", lambda self, _f=_torch: active().dispatch(getattr(torch, _f), (self,), {}))


def _same_key(a: Any, b: Any) -> bool:
    if isinstance(a, slice) and isinstance(b, slice):
        return all(_same_key(x, y) for x, y in ((a.start, b.start), (a.stop, b.stop), (a.step, b.step)))
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_same_key, a, b))
    if isinstance(a, SymInt) and isinstance(b, SymInt):
        return a.size == b.size
    plain = (int, str, type(None), type(Ellipsis))
    return isinstance(a, plain) and isinstance(b, plain) and type(a) is type(b) and a == b


def _show(shape: Any) -> str:
    return "(" + ", ".join(map(str, shape)) + ")"


def dtype_of(array: Array, floats: torch.dtype) -> torch.dtype:
    """The dtype of a result: by its sort, reals as `floats`."""
    return torch.bool if array.sort == BOOL else torch.int64 if array.sort == INT else floats
