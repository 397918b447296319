"""The arguments of several programs as one list of inputs: who corresponds to whom, and sizes that satisfy all annotations.

Parameters with the same names correspond by name, else by position.  The axis names of the first program stand; those of
the others are tied to them by the shapes, and where one annotation says more (`4*w` against `n`), it restricts both.
To add here: ways in which annotations may differ.  Never here: reading one annotation (`annotations.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import gcd
from typing import Any

import torch

from commute.lowering.annotations import MISSING, Parameter, Signature, size_of
from commute.lowering.paths import solve
from commute.lowering.state import Owned, modules_of, replaced, tensors_of
from commute.theory.axes import Size
from commute.theory.messages import UsageError, nearest
from commute.theory.terms import BOOL, INT, REAL
from commute.verify.inputs import ARGUMENT, SCALAR, STATE, InputSpec


@dataclass(frozen=True)
class Binding:
    """How one program gets its arguments: parameter -> the input's name, or a fixed value.

    `state` says by identity which input each tensor of its `modules` is.
    """

    signature: Signature
    inputs: dict[str, str]
    defaults: dict[str, Any]
    modules: tuple[Owned, ...] = ()
    state: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Arguments:
    """The inputs of all programs, and what each name of an axis in an annotation stands for."""

    specs: tuple[InputSpec, ...]
    bindings: tuple[Binding, ...]
    sizes: dict[str, Size]


def join(signatures: Sequence[Signature], sizes: Mapping[str, int] | None) -> Arguments:
    """One list of inputs for all programs; UsageError where their annotations contradict each other."""
    first = signatures[0]
    order = {id(s): i for i, s in enumerate(signatures)}
    partners = [_partners(first, s) for s in signatures]
    solution = _Sizes([_names(s) for s in signatures])
    waiting = [(s, own, theirs, i) for i, s in enumerate(signatures) if i for own, theirs in partners[i]]
    for rigid in (False, False, True):
        waiting = [w for w in waiting if not _unify(solution, first, w[2], w[0], w[1], w[3], rigid)]
    for name, value in (sizes or {}).items():
        solution.fix(name, value)
    specs: list[InputSpec] = []
    bindings = []
    for place, (signature, partner) in enumerate(zip(signatures, partners, strict=True)):
        bindings.append(_bind(solution, signature, place, partner, [dict(_pairs(p)) for p in partners], signatures, specs))
    owners: dict[int, str] = {}
    bindings = [_with_state(b, specs, owners) for b in sorted(bindings, key=lambda b: not _is_module(b))]
    bindings.sort(key=lambda b: order[id(b.signature)])
    return Arguments(tuple(specs), tuple(bindings), solution.named())


def _is_module(binding: Binding) -> bool:
    return isinstance(binding.signature.program, torch.nn.Module)


def _pairs(partner: list[tuple[Parameter, Parameter]]) -> list[tuple[str, Parameter]]:
    return [(theirs.name, own) for own, theirs in partner]


def _given(signature: Signature) -> list[Parameter]:
    return [p for p in signature.parameters if p.kind != "default" and (p.default is MISSING or p.shape is not None)]


def _partners(first: Signature, other: Signature) -> list[tuple[Parameter, Parameter]]:
    """(parameter, the first program's parameter that it corresponds to), by name or else by position."""
    theirs, own = _given(first), _given(other)
    names = {p.name: p for p in theirs}
    if {p.name for p in own} == set(names):
        return [(p, names[p.name]) for p in own]
    if len(own) != len(theirs):
        left, right = (", ".join(p.name for p in ps) for ps in (theirs, own))
        raise UsageError(f"{first.name} takes ({left}) and {other.name} takes ({right}): the arguments don't correspond")
    return list(zip(own, theirs, strict=True))


def _names(signature: Signature) -> set[str]:
    return set().union(*(s.symbols for p in signature.parameters for s in p.shape or ()))


class _Sizes:
    """Size symbols of every program, told apart by a prefix until they are tied to those of the first."""

    def __init__(self, names: Sequence[set[str]]):
        self.names = names
        self.values: dict[str, Size] = {}

    def own(self, size: Size, place: int) -> Size:
        """A size of program `place` in the symbols told apart, as far as it is solved."""
        apart = size.put({s: Size.symbol(f"{place}:{s}") for s in size.symbols})
        return self.reduce(apart)

    def reduce(self, size: Size) -> Size:
        """A size with all that is solved put in."""
        while size.symbols & self.values.keys():
            size = size.put(self.values)
        return size

    def tie(self, left: Size, right: Size) -> bool:
        """Make two sizes equal; False where that can't be."""
        difference = _primitive(self.reduce(left) - self.reduce(right))
        if not difference.terms:
            return True
        later = tuple(sorted(difference.symbols, key=lambda s: (-int(s.split(":")[0]), s)))
        solved = solve(difference, later)
        if solved is not None:
            self.values[solved[0]] = solved[1]
            return True
        return self._multiples(difference)

    def _multiples(self, difference: Size) -> bool:
        """a*s = b*t is solved by s = (b/g)*u, t = (a/g)*u."""
        if len(difference.terms) != 2 or any(sum(e for _, e in m) != 1 for m, _ in difference.terms):
            return False
        ((m1, a), (m2, b)) = difference.terms
        if a * b >= 0:
            return False
        s, t = m1[0][0], m2[0][0]
        common = gcd(a, b)
        unit = Size.symbol(min(s, t) + "_")
        self.values[s], self.values[t] = unit * (abs(b) // common), unit * (abs(a) // common)
        return True

    def tie_names(self, size: Size, place: int) -> None:
        """Take the names of one expression that two programs use to mean the same."""
        for name in size.symbols:
            self.tie(Size.symbol(f"0:{name}"), Size.symbol(f"{place}:{name}"))

    def fix(self, name: str, value: int) -> None:
        """Give an axis a size."""
        places = [i for i, names in enumerate(self.names) if name in names]
        if not places:
            raise UsageError(f"sizes: no axis {name} in the annotations{nearest(name, set().union(*self.names))}")
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UsageError(f"sizes: {name}={value!r}: a size is a positive whole number")
        for i in places:
            if not self.tie(Size.symbol(f"{i}:{name}"), Size(value)):
                found = self.pretty(Size.symbol(f"{i}:{name}"))
                raise UsageError(f"sizes: {name}={value} can't be: the annotations say that {name} is {found}")

    def pretty(self, size: Size) -> Size:
        """A size in the names that people read."""
        size = self.reduce(size)
        return size.put({s: Size.symbol(self._plain(s)) for s in size.symbols})

    def _plain(self, symbol: str) -> str:
        place, name = symbol.split(":")
        taken = [i for i, names in enumerate(self.names) if name in names and f"{i}:{name}" not in self.values]
        earlier = [i for i in taken if i < int(place)]
        return f"{name}_{place}" if earlier else name

    def named(self) -> dict[str, Size]:
        """Every name of an annotation and the size that it stands for; the first program's names go first."""
        result: dict[str, Size] = {}
        for i, names in enumerate(self.names):
            for name in sorted(names):
                result.setdefault(name, self.pretty(Size.symbol(f"{i}:{name}")))
        return result


def _primitive(difference: Size) -> Size:
    """A difference without the symbols that all its terms share: sizes are positive, so it is 0 in the same cases."""
    if not difference.terms:
        return difference
    shared = dict(difference.terms[0][0])
    for powers, _ in difference.terms[1:]:
        own = dict(powers)
        shared = {s: min(e, own.get(s, 0)) for s, e in shared.items()}
    common = Size({tuple(sorted((s, e) for s, e in shared.items() if e)): 1})
    return difference.divided_by(common) or difference


def _unify(
    solution: _Sizes, first: Signature, theirs: Parameter, other: Signature, own: Parameter, place: int, rigid: bool
) -> bool:
    """Tie the shapes of two parameters; False where that has to wait for others, UsageError if `rigid` and it can't be."""
    if "float" in (own.kind, theirs.kind) or own.shape is None or theirs.shape is None:
        return True
    both = f"{theirs.name} is {_shown(theirs)} in {first.name}, {own.name} is {_shown(own)} in {other.name}"
    if len(own.shape) != len(theirs.shape):
        raise UsageError(f"{both}: the numbers of axes differ")
    if own.sort != theirs.sort:
        raise UsageError(f"{both}: one holds {_kind(theirs.sort)}, the other {_kind(own.sort)}")
    done = True
    for a, b in zip(theirs.shape, own.shape, strict=True):
        if rigid and a == b:
            solution.tie_names(a, place)
        if not solution.tie(solution.own(a, 0), solution.own(b, place)):
            done = False
            if rigid:
                raise UsageError(f"{both}: {a} and {b} can't be one size")
    return done


def _shown(p: Parameter) -> str:
    return '"' + " ".join(str(s).replace(" ", "") for s in p.shape or ()) + '"'


def _kind(sort: str) -> str:
    return {REAL: "reals", INT: "integers", BOOL: "truth values"}[sort]


def _bind(
    solution: _Sizes,
    signature: Signature,
    place: int,
    partner: list[tuple[Parameter, Parameter]],
    all_partners: list[dict[str, Parameter]],
    signatures: Sequence[Signature],
    specs: list[InputSpec],
) -> Binding:
    inputs: dict[str, str] = {}
    defaults = {p.name: p.default for p in signature.parameters if p.kind == "default"}
    matched = {own.name: theirs for own, theirs in partner}
    for p in signature.parameters:
        if p.kind == "default":
            continue
        if p.name not in matched:
            defaults[p.name] = p.default
            continue
        name = matched[p.name].name
        inputs[p.name] = name
        if all(s.name != name for s in specs):
            specs.append(_spec(solution, name, all_partners, signatures))
    return Binding(signature, inputs, defaults)


def _spec(solution: _Sizes, name: str, all_partners: list[dict[str, Parameter]], signatures: Sequence[Signature]) -> InputSpec:
    """The input of that name, as the first program describes it: its annotations serve the others, not the other way round."""
    for place, partners in enumerate(all_partners):
        p = partners[name]
        if p.kind == "float":
            return InputSpec(name, (), REAL, passing=SCALAR)
        if p.shape is None and place == 0:
            break
        if p.shape is not None:
            shape = tuple(solution.pretty(solution.own(s, place)) for s in p.shape)
            return InputSpec(name, shape, p.sort, dtype=p.dtype, passing=ARGUMENT)
    raise UsageError(
        f'{signatures[0].name}: argument {name} has no annotation; say its axes, as in {name}: Float[Tensor, "b n d"]'
    )


def _with_state(binding: Binding, specs: list[InputSpec], owners: dict[int, str]) -> Binding:
    """Add the parameters and buffers of the program's modules as inputs, named by their paths.

    Two modules that are compared share what has one path; a function shares what is one tensor.
    """
    program = binding.signature.program
    modules = modules_of(program)
    state: dict[int, str] = {}
    for path, value in tensors_of(modules):
        name = owners.get(id(value), path)
        shape = tuple(Size(s) for s in value.shape)
        known = next((s for s in specs if s.name == name), None)
        if known is not None and id(value) not in owners and not _is_module(binding):
            name, known = f"{name}_{len(specs)}", None
        if known is not None and known.shape != shape:
            sizes = [" ".join(map(str, s)) for s in (shape, known.shape)]
            raise UsageError(f"{binding.signature.name}: parameter {name} has shape ({sizes[0]}), another has ({sizes[1]})")
        if known is None:
            specs.append(InputSpec(name, shape, REAL, dtype=str(value.dtype).removeprefix("torch."), passing=STATE))
        owners[id(value)] = state[id(value)] = name
    return Binding(binding.signature, binding.inputs, binding.defaults, tuple(modules), state)


def assumed_bound(spec: InputSpec, assume: Mapping[str, Any] | None) -> Size | None:
    """The bound of an integer input that is assumed to lie in range(bound)."""
    said = (assume or {}).get(spec.name)
    if spec.sort != INT or not isinstance(said, tuple) or len(said) != 2 or str(said[0]) != "0":
        return None
    return size_of(str(said[1]), f"assume: {spec.name}: {said[1]}")


def call(binding: Binding, values: Mapping[str, Any]) -> Any:
    """Run a program on values by the names of inputs; those of parameters are put into its modules."""
    arguments = {p: values[name] for p, name in binding.inputs.items()} | binding.defaults
    with replaced(binding.modules, lambda t: values[binding.state[id(t)]] if id(t) in binding.state else t):
        return binding.signature.program(**arguments)
