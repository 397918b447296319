"""What stands in for Python and Torch names while a program is traced, because they don't ask `__torch_function__`.

`torch.zeros(d, 3)` has no symbolic argument that Torch would ask, `math.sqrt(d)` wants a float, `range(0, n, w)` wants ints.
Their stand-ins are put into the modules `torch` and `math` and into the globals of the user's functions, and taken out after.
To add here: a name that has to be stood in for.  Never here: its meaning (`torch_create.py`, `symbols.py`).
"""

from __future__ import annotations

import builtins
import math
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch

from commute.lowering import locate
from commute.lowering.active import ACTIVE, active
from commute.lowering.loops import over_range
from commute.lowering.reals import MATH_FUNCTIONS, SymReal, on_reals
from commute.lowering.registry import Unsupported
from commute.lowering.symbols import SymInt, integer
from commute.lowering.tensors import SymTensor

FACTORIES = (
    "zeros ones empty full arange eye linspace tensor as_tensor scalar_tensor meshgrid cat stack "
    "rand randn randint randperm normal bernoulli multinomial"
).split()


def _factory(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def make(*args: Any, **kwargs: Any) -> Any:
        if not ACTIVE:
            return original(*args, **kwargs)
        for name in ("device", "layout", "pin_memory", "requires_grad", "generator", "memory_format"):
            kwargs.pop(name, None)
        return active().dispatch(original, args, kwargs)

    return make


def _math(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def call(value: Any, *rest: Any) -> Any:
        if isinstance(value, SymTensor):
            return original(float(value), *rest)
        if not isinstance(value, SymInt | SymReal):
            if name == "log" and rest and isinstance(rest[0], SymInt | SymReal):
                return original(value) / on_reals("log")(SymReal.of(rest[0]))
            return original(value, *rest)
        result = on_reals(name)(SymReal.of(value))
        if name == "log" and rest:
            return result / on_reals("log")(SymReal.of(rest[0]))
        return result

    return call


def _math_pow(original: Callable[..., Any]) -> Callable[..., Any]:
    def call(base: Any, exponent: Any) -> Any:
        if isinstance(base, SymInt | SymReal) or isinstance(exponent, SymInt | SymReal):
            return SymReal.of(base) ** exponent
        return original(base, exponent)

    return call


def _math_prod(original: Callable[..., Any]) -> Callable[..., Any]:
    def call(values: Any, *, start: Any = 1) -> Any:
        result = start
        for v in values:
            result = result * v
        return result

    return call


def _rounding(original: Callable[..., Any], up: bool) -> Callable[..., Any]:
    def call(value: Any) -> Any:
        return (
            integer(value.rounded(up))
            if isinstance(value, SymReal)
            else value
            if isinstance(value, SymInt)
            else original(value)
        )

    return call


class _Kind(type):
    """A stand-in for a builtin type, which it is for isinstance."""

    original: type
    symbolic: tuple[type, ...]

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, (cls.original, *cls.symbolic))

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, (cls.original, *cls.symbolic))

    def __getattr__(cls, name: str) -> Any:
        return getattr(type.__getattribute__(cls, "original"), name)

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is cls.original

    def __hash__(cls) -> int:
        return hash(cls.original)

    def __or__(cls, other: Any) -> Any:
        return cls.original | (other.original if isinstance(other, _Kind) else other)

    __ror__ = __or__


class Int(metaclass=_Kind):
    """int, which leaves sizes as they are."""

    original = int
    symbolic = (SymInt,)

    def __new__(cls, value: Any = 0, *args: Any) -> Any:
        if isinstance(value, SymInt):
            return value
        return integer(value.rounded(False)) if isinstance(value, SymReal) else int(value, *args)


class Float(metaclass=_Kind):
    """float, which makes sizes symbolic reals."""

    original = float
    symbolic = (SymReal,)

    def __new__(cls, value: Any = 0.0) -> Any:
        return SymReal.of(value) if isinstance(value, SymInt | SymReal) else float(value)


class Range(metaclass=_Kind):
    """range, whose ends may be sizes; where the number of steps isn't fixed, it is a loop to be folded."""

    original = range
    symbolic = ()

    def __new__(cls, *args: Any) -> Any:
        if not any(isinstance(a, SymInt) for a in args):
            return range(*args)
        start, stop, step = (0, args[0], 1) if len(args) == 1 else (*args, 1)[:3]
        inside = f"range({', '.join(map(str, args))})"
        try:
            count = (stop - start + step - 1) // step
        except Unsupported:
            raise Unsupported(
                f"{inside}: the number of steps has no form for all sizes; "
                "annotate the axis as a multiple, such as 4*w, or fix it by sizes={...}"
            ) from None
        if not isinstance(count, int):
            return over_range(start, count.size, step, inside)
        return [start + i * step for i in range(count)]


def _length(value: Any) -> Any:
    return value.shape[0] if isinstance(value, SymTensor) and value.ndim else builtins.len(value)


def _no_gradient(*_: Any, **__: Any) -> Any:
    raise Unsupported("torch.autograd.grad: gradients are not followed; write them out")


STAND_INS: dict[str, Any] = {"int": Int, "float": Float, "range": Range, "len": _length}


def _replacements() -> dict[tuple[Any, str], Any]:
    """(module, name) -> what stands in."""
    table: dict[tuple[Any, str], Any] = {(torch, name): _factory(getattr(torch, name)) for name in FACTORIES}
    table |= {(math, name): _math(name, getattr(math, name)) for name in MATH_FUNCTIONS if hasattr(math, name)}
    table[math, "pow"] = _math_pow(math.pow)
    table[math, "prod"] = _math_prod(math.prod)
    table[math, "ceil"] = _rounding(math.ceil, True)
    table[math, "floor"] = _rounding(math.floor, False)
    table[torch.autograd, "grad"] = _no_gradient
    return table


def users_globals(program: Callable[..., Any]) -> list[dict[str, Any]]:
    """The global names of the program and of every function of the user's that it can reach by name."""
    found: dict[int, dict[str, Any]] = {}
    waiting: list[Any] = [program]
    seen: set[int] = set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        waiting += _inside(value)
        names = getattr(value, "__globals__", None)
        code = getattr(value, "__code__", None)
        if isinstance(names, dict) and code and locate.is_users(code.co_filename) and id(names) not in found:
            found[id(names)] = names
            waiting += [v for v in names.values() if callable(v) or isinstance(v, types.ModuleType)]
    return list(found.values())


def _inside(value: Any) -> list[Any]:
    """What a value leads to: a module's forward, a wrapper's function, closures, the names of a user's module."""
    if isinstance(value, torch.nn.Module):
        return [type(m).forward for m in value.modules()]
    if isinstance(value, types.ModuleType):
        own = getattr(value, "__file__", None)
        return list(vars(value).values()) if own and locate.is_users(own) else []
    if isinstance(value, types.MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, type):
        return [v for v in vars(value).values() if isinstance(v, types.FunctionType)]
    cells = getattr(value, "__closure__", None) or ()
    inner = [c.cell_contents for c in cells if _filled(c)]
    inner += [f for f in (getattr(value, "__wrapped__", None), getattr(value, "func", None)) if f is not None]
    return [v for v in inner if callable(v)]


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


@contextmanager
def stand_ins(program: Callable[..., Any]) -> Iterator[None]:
    """Put the stand-ins in place while the body runs, and take them out again."""
    undo: list[Callable[[], None]] = []
    try:
        by_original: dict[int, Any] = {}
        scopes = users_globals(program)
        for (module, name), new in _replacements().items():
            old = getattr(module, name)
            by_original[id(old)] = new
            undo.append(lambda m=module, n=name, o=old: setattr(m, n, o))
            setattr(module, name, new)
        for scope in scopes:
            for name, value in list(scope.items()):
                if id(value) in by_original:
                    undo.append(lambda s=scope, n=name, o=value: s.__setitem__(n, o))
                    scope[name] = by_original[id(value)]
            for name, new in STAND_INS.items():
                if name not in scope:
                    undo.append(lambda s=scope, n=name: s.pop(n, None))
                    scope[name] = new
        # Arguments that torch.distributions would refuse are left to the runs in Torch, which see it raise.
        checked = torch.distributions.Distribution._validate_args
        undo.append(lambda: torch.distributions.Distribution.set_default_validate_args(checked))
        torch.distributions.Distribution.set_default_validate_args(False)
        yield
    finally:
        for step in reversed(undo):
            step()
