"""The tracer: runs a Torch function once on symbolic tensors and hands every Torch call to its handler.

`__torch_function__` brings each call here; arguments are unwrapped (tensor -> Array, size -> Size, real scalar -> Term), the
handler answers in arrays, and the results go back as tensors that know what they share memory with.
To add here: rules that hold for every operator (in place, out=, views, errors).  Never here: the meaning of one operator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import torch
import torch.nn.functional as F

from commute.lowering import locate
from commute.lowering.active import ACTIVE
from commute.lowering.aliasing import MAYBE_VIEWS, VIEWS, write_through
from commute.lowering.arrays import Array, Layouts
from commute.lowering.constants import Reading, read_float
from commute.lowering.families import load_handlers
from commute.lowering.indexing import get_item, set_item, writable
from commute.lowering.made import constant_array, ruled_array
from commute.lowering.opaque import Opaques
from commute.lowering.paths import Facts, Fork, Question
from commute.lowering.reals import SymReal
from commute.lowering.registry import HANDLERS, Handler, Unsupported, Unusable
from commute.lowering.symbols import SymInt, SymShape, integer
from commute.lowering.tensors import SymTensor, dtype_of
from commute.theory.axes import Size
from commute.theory.terms import NINF, Term, const, size_value

RANDOM = frozenset(
    "rand randn randint randperm rand_like randn_like randint_like bernoulli multinomial normal poisson uniform_ normal_ "
    "random_ bernoulli_ exponential_ log_normal_ cauchy_ geometric_ rrelu gumbel_softmax manual_seed".split()
)
SPACES = (torch.Tensor, torch, F, torch.special, torch.linalg)
LARGEST_CONSTANT = 64


@dataclass
class Trace:
    """One run of one program: what it noted on sizes, which constants it read, and where it is."""

    layouts: Layouts
    facts: Facts
    constants: dict[float, Reading] = field(default_factory=dict)
    indexed: list[tuple[Array, Size, str | None]] = field(default_factory=list)
    opaques: Opaques | None = None
    _tensors: dict[int, tuple[torch.Tensor, Array]] = field(default_factory=dict)

    # --- services to handlers ---

    def number(self, value: Any, single: bool = False) -> Term:
        """A number as an exact term; how a float was read is noted."""
        if isinstance(value, Term):
            return value
        if isinstance(value, Size | SymInt):
            return size_value(value if isinstance(value, Size) else value.size)
        if isinstance(value, SymReal):
            return value.term
        if isinstance(value, bool | int | Fraction):
            return const(Fraction(value))
        if not isinstance(value, float):
            raise Unsupported(f"a number of type {type(value).__name__}")
        if math.isnan(value):
            raise Unsupported("nan as a constant")
        if math.isinf(value):
            if value > 0:
                raise Unsupported("+inf as a constant")
            return NINF
        reading = read_float(value, single)
        if reading.guessed:
            self.constants.setdefault(value, reading)
        return reading.term

    def ask(self, question: Question) -> bool:
        """The answer to a question about sizes on this path; an open one forks it."""
        answer = self.facts.answer(question)
        if answer is None:
            raise Fork(question)
        return answer

    def equal(self, size: Size | int, other: Size | int) -> bool:
        """Whether two sizes are equal, on this path."""
        left, right = Size.of(size), Size.of(other)
        return self.ask(Question("zero", left - right, f"{left} = {right}", f"{left} != {right}"))

    def indexes(self, array: Array, size: Size) -> None:
        """Note that the integers of `array` index an axis of `size`: an integer argument is in that range."""
        self.indexed.append((array, size, self.place()))

    def place(self) -> str | None:
        """The user's line that runs now."""
        return locate.here()

    # --- calls ---

    def __enter__(self) -> Trace:
        ACTIVE.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        ACTIVE.pop()

    def dispatch(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One Torch call with at least one symbolic argument, or one that makes a tensor."""
        name = getattr(func, "__name__", str(func))
        return self._call(name, func, args, kwargs)

    def call_method(self, name: str, tensor: SymTensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A method of a tensor."""
        return self._call(name, getattr(torch.Tensor, name), (tensor, *args), kwargs)

    def _call(self, name: str, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        spoken = _spoken(name, func)
        if name in RANDOM:
            raise Unsupported(f"{spoken}: a random operator", self.place())
        out, kwargs = kwargs.get("out"), {k: v for k, v in kwargs.items() if k != "out"}
        inplace = bool(kwargs.pop("inplace", False))
        handler = find_handler(func, name)
        if name.endswith("_") and not name.startswith("__"):
            inplace = True
            base = getattr(torch.Tensor, name[:-1], None) or getattr(F, name[:-1], None)
            handler = handler or (base and find_handler(base, name[:-1]))
        kept = self.opaques is not None and not inplace and out is None
        if handler is None:
            if kept:
                return self._kept(spoken, func, args, kwargs)
            raise Unsupported(f"{spoken} is not lifted", self.place())
        place = self.place()
        try:
            result = handler(self, *map(self.unwrap, args), **{k: self.unwrap(v) for k, v in kwargs.items()})
        except (Unsupported, Unusable) as error:
            if kept and isinstance(error, Unsupported):
                return self._kept(spoken, func, args, kwargs)
            raise error.at(place, spoken) from None
        except (ValueError, ZeroDivisionError) as error:
            raise Unusable(str(error), place, spoken) from error
        except (TypeError, AssertionError, AttributeError, IndexError, KeyError) as error:
            raise Unsupported(f"these arguments ({error})", place, spoken) from error
        if inplace or out is not None:
            return self._store(args[0] if inplace else out, result, spoken)
        floats = self._floats((*args, *kwargs.values()), kwargs.get("dtype"))
        wrapped = self._wrap(result, floats, place, spoken)
        return self._alias(name, handler, wrapped, args, kwargs)

    def _kept(self, spoken: str, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call that stays as it is; its results may share memory with its first argument."""
        assert self.opaques is not None
        place, words = self.place(), {k: self.unwrap(v) for k, v in kwargs.items()}
        result = self.opaques.call(spoken, func, tuple(map(self.unwrap, args)), words, place)
        wrapped = self._wrap(result, self._floats((*args, *kwargs.values()), kwargs.get("dtype")), place, spoken)
        base = next((a for a in (*args, *kwargs.values()) if isinstance(a, SymTensor)), None)
        for each in wrapped if isinstance(wrapped, tuple) else (wrapped,):
            if base is not None:
                each.sharing(base, None)
        return wrapped

    def _store(self, target: Any, result: Any, spoken: str) -> Any:
        if isinstance(target, tuple | list):
            return type(target)(self._store(t, r, spoken) for t, r in zip(target, result, strict=True))
        if not isinstance(target, SymTensor) or not isinstance(result, Array):
            raise Unsupported("a change in place of something that is not traced", self.place(), spoken)
        return target.write(result)

    def _floats(self, args: Iterable[Any], dtype: Any) -> torch.dtype:
        if isinstance(dtype, torch.dtype) and dtype.is_floating_point:
            return dtype
        found = [a.dtype for a in args if isinstance(a, SymTensor | torch.Tensor)]
        found += [t.dtype for a in args if isinstance(a, list | tuple) for t in a if isinstance(t, SymTensor)]
        found = [d for d in found if d.is_floating_point]
        result = found[0] if found else torch.get_default_dtype()
        for other in found[1:]:
            result = torch.promote_types(result, other)
        return result

    def _wrap(self, result: Any, floats: torch.dtype, place: str | None, spoken: str) -> Any:
        if isinstance(result, Array):
            return SymTensor(_placed(result, place, spoken), dtype_of(result, floats))
        if isinstance(result, Size):
            return integer(result)
        if isinstance(result, Term):
            return SymReal(result)
        if isinstance(result, tuple | list):
            parts = [self._wrap(r, floats, place, spoken) for r in result]
            return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
        return result

    def _alias(self, name: str, handler: Handler, wrapped: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        base = next((a for a in (*args, *kwargs.values()) if isinstance(a, SymTensor)), None)
        if base is None or name not in VIEWS | MAYBE_VIEWS:
            return wrapped
        rest, words = [self.unwrap(a) for a in args[1:]], {k: self.unwrap(v) for k, v in kwargs.items()}

        def derive(array: Array, part: int | None) -> Array:
            result = handler(self, array, *rest, **words)
            return result if part is None else result[part]

        sure = name in VIEWS and args and args[0] is base
        parts = list(wrapped) if isinstance(wrapped, tuple | list) else None
        for part, view in enumerate(parts) if parts is not None else ((None, wrapped),):
            if isinstance(view, SymTensor):
                write = write_through(self, name, (rest, words), base, parts, part) if sure else None
                view.sharing(base, (lambda a, p=part: derive(a, p)) if sure else None, write)
        return wrapped

    # --- indexing ---

    def getitem(self, tensor: SymTensor, key: Any) -> Any:
        """tensor[key]"""
        place, inner = self.place(), self.unwrap(key)
        try:
            array = get_item(self, tensor.current(), inner)
        except (Unsupported, Unusable) as error:
            raise error.at(place, "indexing") from None
        except ValueError as error:
            raise Unusable(str(error), place, "indexing") from error
        view = SymTensor(_placed(array, place, "indexing"), tensor.dtype)
        if not writable(inner):
            return view
        return view.sharing(
            tensor,
            lambda base: get_item(self, base, inner),
            lambda base, new: set_item(self, base, inner, new),
            key,
        )

    def setitem(self, tensor: SymTensor, key: Any, value: Any) -> None:
        """tensor[key] = value"""
        if isinstance(value, SymTensor) and value.is_same_view(tensor, key):
            return
        place = self.place()
        try:
            tensor.write(_placed(set_item(self, tensor.current(), self.unwrap(key), self.unwrap(value)), place, "indexing"))
        except (Unsupported, Unusable) as error:
            raise error.at(place, "assignment to a part") from None
        except ValueError as error:
            raise Unusable(str(error), place, "assignment to a part") from error

    # --- values in and out ---

    def unwrap(self, value: Any) -> Any:
        """A value as handlers see it."""
        if isinstance(value, SymTensor):
            return value.current()
        if isinstance(value, SymInt):
            return value.size
        if isinstance(value, SymReal):
            return value.term
        if isinstance(value, torch.Tensor):
            return self.tensor(value)
        if isinstance(value, SymShape | torch.Size):
            return tuple(self.unwrap(v) for v in value)
        if isinstance(value, tuple | list):
            parts = [self.unwrap(v) for v in value]
            return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
        if isinstance(value, slice):
            return slice(self.unwrap(value.start), self.unwrap(value.stop), self.unwrap(value.step))
        return value

    def tensor(self, value: torch.Tensor) -> Array:
        """A real tensor as constants."""
        if id(value) not in self._tensors:
            single = value.dtype in (torch.float32, torch.float16, torch.bfloat16)
            real = value.detach().cpu()
            array = ruled_array(real, lambda v: self.number(v, single))
            if array is None and value.numel() > LARGEST_CONSTANT:
                shape = tuple(value.shape)
                raise Unsupported(f"a constant tensor of shape {shape}: make it an argument", self.place())
            array = array or constant_array(real, lambda v: self.number(v, single))
            self._tensors[id(value)] = (value, array)
        return self._tensors[id(value)][1]


def find_handler(func: Any, name: str) -> Handler | None:
    """The handler of a Torch function: its own, or that of the same function spelled otherwise (Tensor.x, torch.x, F.x)."""
    load_handlers()
    if isinstance(func, Callable) and func in HANDLERS:
        return HANDLERS[func]
    plain = name.strip("_") if name.startswith("__") and name.endswith("__") else name
    for space in SPACES:
        other = getattr(space, plain, None)
        if other is not None and callable(other) and other in HANDLERS:
            return HANDLERS[other]
    return None


def _spoken(name: str, func: Any) -> str:
    for space, prefix in ((torch, "torch"), (F, "F"), (torch.Tensor, "Tensor"), (torch.linalg, "torch.linalg")):
        short = name.removeprefix("linalg_")
        known = getattr(space, short, None)
        if known is not None and func in (known, getattr(known, "__wrapped__", known)):
            return f"{prefix}.{short}"
    return name


def _placed(array: Array, place: str | None, spoken: str) -> Array:
    """The array, whose late errors say where it was made."""

    def at(indices: tuple[Term, ...]) -> Term:
        try:
            return array.at(indices)
        except (Unsupported, Unusable) as error:
            raise error.at(place, spoken) from None

    return Array(array.shape, at, array.sort)
