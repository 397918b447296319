"""From Torch functions to terms: several programs lifted together, over one set of axes.

`lift` reads the annotations, traces every program on symbolic tensors (once for each answer to a question about sizes),
and only then reads the output arrays, block by block of the common refinement, so that equal algorithms get equal names.
To add here: what a lifted program carries.  Never here: tracing (`tracing.py`), the meaning of operators (`torch_*.py`).
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from commute.lowering import locate
from commute.lowering.annotations import Signature, name_of, signature_of
from commute.lowering.arguments import Arguments, Binding, assumed_bound, call, join
from commute.lowering.arrays import Array, Layouts
from commute.lowering.constants import Reading
from commute.lowering.families import load_handlers
from commute.lowering.lifted import Block, Lifted, Output, Path, Program
from commute.lowering.made import joined_blocks
from commute.lowering.opaque import OpaqueCall, Opaques
from commute.lowering.patching import stand_ins
from commute.lowering.paths import LIMIT, Facts, Fork
from commute.lowering.reals import SymReal
from commute.lowering.registry import Unsupported, Unusable
from commute.lowering.state import replaced
from commute.lowering.symbols import SymInt
from commute.lowering.tensors import SymTensor
from commute.lowering.tracing import Trace
from commute.theory.axes import Axis, Size, first_free
from commute.theory.index import simplify
from commute.theory.messages import UsageError, one_line
from commute.theory.terms import BOOL, INT, ZERO, Term, index, read
from commute.verify.inputs import SCALAR, STATE, InputSpec, size_rows


def lift(
    functions: Sequence[Callable[..., Any]],
    *,
    sizes: Mapping[str, int] | None = None,
    assume: Mapping[str, Any] | None = None,
    opaque: bool = False,
) -> Lifted:
    """Lift programs together; Unsupported where one can't be, UsageError where one is wrong.

    With `opaque`, for one program, operators that aren't lifted are kept: see `Lifted.opaque`.
    """
    load_handlers()
    arguments = join([signature_of(f) for f in functions], sizes)
    _known_arguments(arguments, assume)
    bounds = {s.name: b for s in arguments.specs if (b := assumed_bound(s, assume)) is not None}
    paths: list[Path] = []
    excluded: list[str] = []
    raising: list[tuple[Path, str]] = []
    layouts: list[Layouts] = []
    kept: list[tuple[OpaqueCall, ...]] = []
    constants: dict[float, Reading] = {}
    waiting = [Facts()]
    followed = 0
    while waiting:
        facts = waiting.pop()
        followed += 1
        run = _Run(arguments, facts, bounds, opaque)
        try:
            path = run.lift(assume)
        except Fork as fork:
            waiting += reversed(facts.branches(fork.question))
            if followed + len(waiting) > 3 * LIMIT or len(paths) + len(waiting) > LIMIT:
                raise Unsupported(f"more than {LIMIT} paths by questions about sizes, such as {fork.question.yes}") from None
            continue
        except _Excluded as out:
            excluded.append(f"{' and '.join(facts.words)}: {out}")
            continue
        except _Raises as out:
            raising.append((run.bare(), str(out)))
            continue
        constants |= run.constants
        layouts.append(run.layouts)
        kept.append(tuple(run.kept))
        paths.append(path)
    if not paths:
        raise UsageError((excluded or [f"{text} where {' and '.join(path.conditions)}" for path, text in raising])[0])
    places = sorted(range(len(paths)), key=lambda i: -len(paths[i].symbols))
    first = kept[places[0]]
    paths = [paths[i] for i in places]
    callables = tuple(_runner(b) for b in arguments.bindings)
    source = tuple(digest_of(f) for f in functions)
    return Lifted(
        tuple(paths), arguments.sizes, tuple(excluded), tuple(constants.values()), callables, source, tuple(layouts),
        tuple(raising), first,
    )  # fmt: skip


def lift_one(function: Callable[..., Any], sizes: Mapping[str, int] | None = None, opaque: bool = False) -> Lifted:
    """Lift one program, to draw, explore or optimize it."""
    return lift([function], sizes=sizes, opaque=opaque)


def _known_arguments(arguments: Arguments, assume: Mapping[str, Any] | None) -> None:
    names = [s.name for s in arguments.specs]
    for name in assume or {}:
        if name not in names:
            raise UsageError(f"assume: no argument {name}; there are {', '.join(names)}")


class _Excluded(Exception):
    """The reference itself raises on this path, so nothing is asked of the candidate there."""


class _Raises(Exception):
    """A candidate raises on this path, where the reference doesn't."""


class _Run:
    """One path: all programs traced over one `Layouts`, then read."""

    def __init__(self, arguments: Arguments, facts: Facts, bounds: Mapping[str, Size], opaque: bool = False):
        self.arguments = arguments
        self.opaque = opaque
        self.kept: list[OpaqueCall] = []
        self.facts = facts
        self.bounds = dict(bounds)
        self.layouts = Layouts()
        self.constants: dict[float, Reading] = {}

    def lift(self, assume: Mapping[str, Any] | None) -> Path:
        """The path with its programs; traced twice where integer arguments have to learn their range."""
        traced, indexed = self._trace_all()
        if any(s.sort == INT for s in self.arguments.specs):
            found = self._bounds_from(indexed)
            if found != self.bounds:
                self.bounds, self.layouts = found, Layouts()
                traced, _ = self._trace_all()
        self._as_annotated(traced)
        self._same_shapes(traced)
        arguments = [a for call in self.kept for a in call.arguments]
        programs = tuple(map(self._program, range(len(traced)), [[*arrays, *arguments] for arrays in traced]))
        inputs = tuple(self._spec(s) for s in self.arguments.specs)
        return Path(self.facts.words, self.facts.fixed, self.facts, inputs, programs)

    def _program(self, place: int, arrays: list[Array]) -> Program:
        """A program read off what it returned; what only reading shows (a maximum of no elements) is judged like any error."""
        binding = self.arguments.bindings[place]
        try:
            return Program(binding.signature.name, tuple(map(self._output, arrays)))
        except Unusable as error:
            raise self._judged(error, binding, place) from error

    def bare(self) -> Path:
        """The path without its programs."""
        return Path(self.facts.words, self.facts.fixed, self.facts, tuple(map(self._spec, self.arguments.specs)), ())

    def _spec(self, spec: InputSpec) -> InputSpec:
        shape = tuple(s.put(self.facts.fixed) for s in spec.shape)
        bound = self.bounds.get(spec.name)
        return replace(spec, shape=shape, bound=None if bound is None else bound.put(self.facts.fixed))

    # --- tracing ---

    def _trace_all(self) -> tuple[list[list[Array]], list[Any]]:
        results, indexed = [], []
        for place, binding in enumerate(self.arguments.bindings):
            trace = Trace(self.layouts, self.facts, opaques=Opaques() if self.opaque else None)
            results.append(self._trace(trace, binding, place))
            self.kept = trace.opaques.calls if trace.opaques else []
            indexed += trace.indexed
            self.constants |= trace.constants
        return results, indexed

    def _trace(self, trace: Trace, binding: Binding, place: int) -> list[Array]:
        values = {s.name: self._value(self._spec(s)) for s in self.arguments.specs}
        program = binding.signature.program
        shared: dict[int, Any] = {}

        def state(tensor: torch.Tensor) -> Any:
            if id(tensor) not in shared:
                name = binding.state.get(id(tensor))
                shared[id(tensor)] = SymTensor(trace.tensor(tensor), tensor.dtype) if name is None else values[name]
            return shared[id(tensor)]

        arguments = {p: values[name] for p, name in binding.inputs.items()} | binding.defaults
        try:
            with trace, stand_ins(program), replaced(binding.modules, state), torch.no_grad():
                result = program(**arguments)
            return [_result(trace, binding.signature, r) for r in _flat(result)]
        except Unsupported as error:
            raise error.at(locate.line_of(error.__traceback__)) from None
        except UsageError:
            raise
        except Exception as error:
            raise self._judged(error, binding, place) from error

    def _value(self, spec: InputSpec) -> Any:
        if spec.passing == SCALAR:
            return SymReal(read(spec.name, (), ()))
        bound = spec.bound if spec.sort == INT else None
        array = Array(spec.shape, lambda idx: read(spec.name, idx, spec.shape, spec.sort, bound), spec.sort)
        dtype = torch.float64 if spec.passing == STATE else getattr(torch, spec.dtype)
        return SymTensor(array, dtype)

    def _judged(self, error: Exception, binding: Binding, place: int) -> Exception:
        """Whose fault an exception is: the program's, if it raises on real tensors too, else the lifter's."""
        name = binding.signature.name
        line = locate.line_of(error.__traceback__)
        real = self._on_real_tensors(binding)
        if real is None:
            text = str(error) if isinstance(error, Unusable) else f"{type(error).__name__}: {one_line(error)}"
            return Unsupported(f"{name} runs in Torch, but not on symbolic sizes: {text}", line)
        if self.facts.words and place == 0:
            return _Excluded(f"{name} raises {real[0]}")
        hint = f" ({error.text})" if isinstance(error, Unusable) else ""
        text = f"{name} raises {real[0]}{hint}"
        return _Raises(text) if self.facts.words else UsageError(f"{real[1] or line or name}: {text}")

    def _on_real_tensors(self, binding: Binding) -> tuple[str, str | None] | None:
        """What the program raises on ones of small sizes, and where; None where it runs at every row tried."""
        path = self.bare()
        specs = path.inputs
        for sizes in size_rows(path.symbols, specs, constraints=path.holds, count=5):
            found = [self._raised(binding, specs, sizes, dtype) for dtype in (torch.float32, torch.float64)]
            if None not in found:
                return found[0]
        return None

    def _raised(
        self, binding: Binding, specs: Sequence[InputSpec], sizes: Mapping[str, int], dtype: torch.dtype
    ) -> tuple[str, str | None] | None:
        try:
            call(binding, {s.name: _ones(s, sizes, dtype) for s in specs})
        except Exception as error:
            return f"{type(error).__name__}: {one_line(error)}", locate.line_of(error.__traceback__)
        return None

    # --- reading ---

    def _as_annotated(self, traced: list[list[Array]]) -> None:
        """A result must have as many axes as its annotation says, and the reference's the sizes too."""
        for place, (binding, arrays) in enumerate(zip(self.arguments.bindings, traced, strict=True)):
            said, name = binding.signature.returns, binding.signature.name
            if said is None or len(arrays) != 1 or self.facts.words:
                continue
            known = self.arguments.sizes
            sizes = [s.put(known) if s.symbols <= set(known) and place == 0 else None for s in said]
            shape = arrays[0].shape
            if len(said) != len(shape) or any(a is not None and a != b for a, b in zip(sizes, shape, strict=True)):
                raise UsageError(f"{name} says that it returns {_shown(said)}, and returns {_shown(shape)}")

    def _same_shapes(self, traced: list[list[Array]]) -> None:
        names = [b.signature.name for b in self.arguments.bindings]
        for name, arrays in zip(names[1:], traced[1:], strict=True):
            if len(arrays) != len(traced[0]):
                raise UsageError(f"{names[0]} returns {len(traced[0])} tensors, {name} returns {len(arrays)}")
            for a, b in zip(traced[0], arrays, strict=True):
                if a.shape != b.shape:
                    raise UsageError(f"different result axes: {_shown(a.shape)} in {names[0]}, {_shown(b.shape)} in {name}")

    def _output(self, array: Array) -> Output:
        blocks = []
        for place, axes in _walk(self.layouts, array.shape):
            blocks.append(Block(simplify(array.at(place)), axes, place))
        try:
            whole = _whole(array)
        except Unsupported:
            whole = _whole(joined_blocks(self.layouts, array, blocks))
        return Output(array.shape, array.sort, tuple(blocks), whole)

    def _bounds_from(self, indexed: list[tuple[Array, Size, str | None]]) -> dict[str, Size]:
        """The range of every integer argument that is used as it is to index an axis."""
        result = dict(self.bounds)
        for array, size, place in indexed:
            for where, _ in _walk(Layouts(), array.shape):
                try:
                    term = simplify(array.at(where))
                except (Unsupported, Unusable):
                    continue
                if term.op == "input" and term.attrs[1] == INT:
                    name = term.attrs[0]
                    known = result.get(name, size)
                    if not (known - size).provably_nonnegative() and not (size - known).provably_nonnegative():
                        raise Unsupported(f"integer argument {name} indexes axes of sizes {known} and {size}", place)
                    result[name] = size if (known - size).provably_nonnegative() else known
        return result


def _walk(layouts: Layouts, shape: Sequence[Size]) -> Iterator[tuple[tuple[Term, ...], tuple[Axis, ...]]]:
    """Every block of an array: its index terms and its axes, chosen from left to right."""

    def go(rest: Sequence[Size], place: tuple[Term, ...], axes: tuple[Axis, ...]) -> Iterator[Any]:
        if not rest:
            yield place, axes
            return
        for position, own in layouts.walk(rest[0], axes):
            yield from go(rest[1:], (*place, position), (*axes, *own))

    return go(list(shape), (), ())


def _whole(array: Array) -> Block:
    """An array over one axis a dimension."""
    if any(not s.terms for s in array.shape):
        return Block(ZERO, (), (ZERO,) * array.rank)
    axes: list[Axis] = []
    for size in array.shape:
        axes.append(first_free(size, axes))
    place = tuple(index(a) for a in axes)
    return Block(simplify(array.at(place)), tuple(axes), place)


def _flat(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple | list) else [result]


def _result(trace: Trace, signature: Signature, value: Any) -> Array:
    if isinstance(value, SymInt | SymReal | float | int) and not isinstance(value, bool):
        kind = "a number"
    elif isinstance(value, SymTensor | torch.Tensor):
        return value.current() if isinstance(value, SymTensor) else trace.tensor(value)
    else:
        kind = f"a {type(value).__name__}"
    raise UsageError(f"{signature.name} returns {kind}; it must return a tensor or a tuple of tensors")


def _ones(spec: InputSpec, sizes: Mapping[str, int], dtype: torch.dtype) -> Any:
    if spec.passing == SCALAR:
        return 1.0
    shape = spec.dims(sizes)
    if spec.sort == BOOL:
        return torch.ones(shape, dtype=torch.bool)
    return torch.zeros(shape, dtype=torch.int64) if spec.sort == INT else torch.ones(shape, dtype=dtype)


def _runner(binding: Binding) -> Callable[..., tuple[torch.Tensor, ...]]:
    def run(**inputs: Any) -> tuple[torch.Tensor, ...]:
        return tuple(_flat(call(binding, inputs)))

    run.__name__ = name_of(binding.signature.program)
    return run


def digest_of(function: Callable[..., Any]) -> str:
    """The sha256 of a program's source text, or of its name where there is none."""
    subject = type(function) if isinstance(function, torch.nn.Module) else inspect.unwrap(getattr(function, "func", function))
    try:
        text = inspect.getsource(subject)
    except (OSError, TypeError):
        text = name_of(function)
    return hashlib.sha256(text.encode()).hexdigest()


def _shown(shape: Sequence[Size]) -> str:
    return "(" + ", ".join(map(str, shape)) + ")"
