"""Two programs at numbers for all their sizes, written out for Z3: every element of every result, for all values of the inputs.

It serves integers, comparisons, selects, gathers, piecewise-linear code and polynomials.  What has no value somewhere (a
division by a computed value, log, root, minus infinity) is left to others: nothing is said where a program is undefined.  exp
and the like are functions of which nothing is known, fine for `unsat`; a model is only a hint, to be confirmed in float64.
To add here: the meaning of a primitive at concrete indices.  Never here: a claim about other sizes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import isfinite
from typing import Any

import numpy as np
import z3

from commute.theory.axes import Axis
from commute.theory.terms import BOOL, INT, REAL, Term
from commute.verify.draws import Array
from commute.verify.inputs import Assume, InputSpec, limits
from commute.verify.unroll import BudgetExceeded, opened, unroll

VERSION = ".".join(map(str, z3.get_version()[:3]))
EQUAL, UNEQUAL, OPEN = "equal", "unequal", "unknown"
NODES, ELEMENTS, READS = 30_000, 256, 256
"""The most nodes written out, elements of the results, and elements that a read at a computed place may choose from."""

_DTYPES: dict[str, Any] = {BOOL: bool, INT: np.int64}
Value = Any
"""A Fraction or a bool where it is known, a Z3 expression where it depends on the inputs."""


class OutOfReach(Exception):
    """The programs have something that isn't said to Z3."""


@dataclass(frozen=True)
class Outcome:
    """What Z3 says: `kind` is equal (for all values), unequal (the values of `inputs` are a model) or unknown (`reason`)."""

    kind: str
    reason: str = ""
    inputs: Mapping[str, Array] = field(default_factory=dict)


def decide(
    reference: Sequence[Term],
    candidate: Sequence[Term],
    axes: Sequence[Sequence[Axis]],
    specs: Sequence[InputSpec],
    sizes: Mapping[str, int],
    *,
    assume: Assume | None = None,
    seconds: float = 5.0,
) -> Outcome:
    """Whether the results are equal at `sizes` for all values of the inputs that `specs` and `assume` allow."""
    deadline = time.monotonic() + seconds
    try:
        unrolled = Unrolled(specs, sizes, assume, deadline)
        terms = opened(unroll(opened([*reference, *candidate]), sizes, 2000))
        pairs = unrolled.pairs(terms[: len(reference)], terms[len(reference) :], axes)
        return _asked(unrolled, pairs, deadline)
    except (OutOfReach, BudgetExceeded, RecursionError, z3.Z3Exception) as error:
        return Outcome(OPEN, str(error) if not isinstance(error, RecursionError) else "too deep for Z3")


def _asked(unrolled: Unrolled, pairs: list[tuple[Value, Value]], deadline: float) -> Outcome:
    solver = z3.Solver()
    solver.add(*unrolled.known)
    for a, b in pairs:
        left, right = _alike(a, b)
        if not z3.is_expr(left) and not z3.is_expr(right) and left == right:
            continue
        solver.push()
        solver.add(_expr(left) != _expr(right))
        said = _check(solver, deadline)
        if said == z3.sat:
            return Outcome(UNEQUAL, inputs=unrolled.values(_telling(solver, unrolled, left, right, deadline)))
        if said != z3.unsat:
            return Outcome(OPEN, "Z3 gives no answer in time")
        solver.pop()
    return Outcome(EQUAL)


def _check(solver: z3.Solver, deadline: float, *more: Any) -> z3.CheckSatResult:
    left = int(1000 * (deadline - time.monotonic()))
    if left <= 0:
        return z3.unknown
    solver.set("timeout", left)
    return solver.check(*more)


def _telling(solver: z3.Solver, unrolled: Unrolled, a: Value, b: Value, deadline: float) -> z3.ModelRef:
    """A model with small inputs and a gap that floats show, where there is one."""
    model = solver.model()
    small = [z3.And(v >= -64, v <= 64) for v in unrolled.elements.values() if z3.is_arith(v)]
    apart = [] if z3.is_bool(_expr(a)) else [z3.Or(_expr(a) - _expr(b) >= z3.Q(1, 8), _expr(b) - _expr(a) >= z3.Q(1, 8))]
    solver.push()
    solver.add(*small, *apart)
    if _check(solver, deadline) == z3.sat:
        model = solver.model()
    solver.pop()
    return model


@dataclass
class Unrolled:
    """Terms written out at concrete sizes and indices; `elements` are the inputs' variables, `known` what holds of them."""

    specs: Sequence[InputSpec]
    sizes: Mapping[str, int]
    assume: Assume | None
    deadline: float
    known: list[Any] = field(default_factory=list)
    elements: dict[tuple[str, tuple[int, ...]], Any] = field(default_factory=dict)
    memo: dict[tuple[Term, tuple[tuple[Axis, int], ...]], Value] = field(default_factory=dict)

    def pairs(
        self, reference: Sequence[Term], candidate: Sequence[Term], axes: Sequence[Sequence[Axis]]
    ) -> list[tuple[Value, Value]]:
        """The two values of every element of every result."""
        found: list[tuple[Value, Value]] = []
        for a, b, over in zip(reference, candidate, axes, strict=True):
            for place in product(*(range(k.size.at(self.sizes)) for k in over)):
                if len(found) >= ELEMENTS:
                    raise OutOfReach(f"results of more than {ELEMENTS} elements")
                at = dict(zip(over, place, strict=True))
                found.append((self.of(a, at), self.of(b, at)))
        return found

    def of(self, t: Term, at: Mapping[Axis, int]) -> Value:
        """The value of a term at concrete indices of its free axes."""
        key = (t, tuple(sorted(((k, at[k]) for k in t.free), key=lambda p: p[0].key)))
        if key not in self.memo:
            if len(self.memo) >= NODES or time.monotonic() > self.deadline:
                raise OutOfReach("too large to be written out for Z3")
            self.memo[key] = self._node(t, at)
        return self.memo[key]

    def _node(self, t: Term, at: Mapping[Axis, int]) -> Value:
        if t.op == "reduce":
            kind, axis = t.attrs
            parts = [self.of(t.args[0], {**at, axis: i}) for i in range(axis.size.at(self.sizes))]
            return _folded(_BINARY[_COMBINE[kind]], parts)
        if t.op == "where":
            return self._where(t, at)
        if t.op == "input":
            return self._read(t, [self.of(a, at) for a in t.args])
        if t.op in ("const", "size", "axis", "true", "false"):
            return self._known_leaf(t, at)
        args = [self.of(a, at) for a in t.args]
        if t.op in _BINARY:
            return _BINARY[t.op](*_alike(*args))
        if t.op in ("floordiv", "mod"):
            return _quotient(t.op, *args)
        if t.op == "not":
            return z3.Not(args[0]) if z3.is_expr(args[0]) else not args[0]
        if t.op == "recip" and isinstance(args[0], Fraction) and args[0]:
            return 1 / args[0]
        if t.op in ("exp", "sin", "cos", "tanh", "erf"):
            return z3.Function(t.op, z3.RealSort(), z3.RealSort())(_real(_expr(args[0])))
        raise OutOfReach(f"{t.op} isn't said to Z3")

    def _known_leaf(self, t: Term, at: Mapping[Axis, int]) -> Value:
        if t.op == "const":
            return t.attrs[0]
        if t.op == "size":
            return Fraction(self.sizes[t.attrs[0]])
        return Fraction(at[t.attrs[0]]) if t.op == "axis" else t.op == "true"

    def _where(self, t: Term, at: Mapping[Axis, int]) -> Value:
        condition = self.of(t.args[0], at)
        if not z3.is_expr(condition):
            return self.of(t.args[1 if condition else 2], at)
        a, b = _alike(self.of(t.args[1], at), self.of(t.args[2], at))
        return z3.If(condition, _expr(a), _expr(b))

    # --- inputs ------------------------------------------------------------------------------------------------------

    def _read(self, t: Term, places: list[Value]) -> Value:
        name, sort, shape = t.attrs[0], t.attrs[1], t.attrs[2]
        dims = [size.at(self.sizes) for size in shape]
        nothing: Value = False if sort == BOOL else Fraction(0)
        choices = [[int(p)] if isinstance(p, Fraction) else range(d) for p, d in zip(places, dims, strict=True)]
        value = nothing
        for count, place in enumerate(product(*choices)):
            if count >= READS:
                raise OutOfReach(f"a read that chooses from more than {READS} elements")
            if not all(0 <= i < d for i, d in zip(place, dims, strict=True)):
                continue
            here = [_expr(p) == i for p, i in zip(places, place, strict=True) if z3.is_expr(p)]
            a, b = _alike(self._element(name, sort, place), value)
            value = z3.If(z3.And(*here), _expr(a), _expr(b)) if here else a
        return value

    def _element(self, name: str, sort: str, place: tuple[int, ...]) -> Any:
        if (name, place) not in self.elements:
            make: dict[str, Callable[[str], Any]] = {BOOL: z3.Bool, INT: z3.Int, REAL: z3.Real}
            if sort not in make:
                raise OutOfReach(f"an input of sort {sort}")
            it = self.elements[name, place] = make[sort](f"{name}{list(place)}")
            spec = next(s for s in self.specs if s.name == name)
            if sort != BOOL:
                self.known += _within(it, spec, self.assume, self.sizes)
        return self.elements[name, place]

    def values(self, model: z3.ModelRef) -> dict[str, Array]:
        """The inputs of a model as arrays; what the model leaves open is any allowed value."""
        found: dict[str, Array] = {}
        for spec in self.specs:
            dims = spec.dims(self.sizes)
            array = np.zeros(dims, dtype=_DTYPES.get(spec.sort, np.float64))
            for place in product(*map(range, dims)):
                array[place] = _number(model.eval(self._element(spec.name, spec.sort, place), model_completion=True))
            found[spec.name] = array
        return found


def _within(it: Any, spec: InputSpec, assume: Assume | None, sizes: Mapping[str, int]) -> list[Any]:
    """What holds of an element of an input: no more than what is said of it, read as generously as its floats allow."""
    said = limits(spec, assume, sizes)
    facts = []
    if isfinite(said.low):
        low = _rational(min(Fraction(said.low), Fraction(str(said.low))))
        facts.append(it > low if said.open_low else it >= low)
    if isfinite(said.high):
        facts.append(it <= _rational(max(Fraction(said.high), Fraction(str(said.high)))))
    return [*facts, it != 0] if said.nonzero else facts


def _number(value: Any) -> float | int | bool:
    if z3.is_bool(value):
        return z3.is_true(value)
    if z3.is_int_value(value):
        return int(value.as_long())
    if z3.is_algebraic_value(value):
        value = value.approx(40)
    return float(value.as_fraction())


# --- arithmetic ------------------------------------------------------------------------------------------------------


def _rational(value: Fraction) -> Any:
    return z3.Q(value.numerator, value.denominator)


def _expr(value: Value) -> Any:
    """A value as a Z3 expression; whole numbers are integers, which Z3 lifts where they meet reals."""
    if z3.is_expr(value):
        return value
    if isinstance(value, bool):
        return z3.BoolVal(value)
    return z3.IntVal(int(value)) if value.denominator == 1 else _rational(value)


def _real(a: Any) -> Any:
    return z3.ToReal(a) if z3.is_int(a) else a


def _alike(a: Value, b: Value) -> tuple[Value, Value]:
    """Two values that may meet in one operation."""
    if not z3.is_expr(a) and not z3.is_expr(b):
        return a, b
    x, y = _expr(a), _expr(b)
    return (x, y) if z3.is_bool(x) or z3.is_int(x) == z3.is_int(y) else (_real(x), _real(y))


def _folded(op: Callable[[Value, Value], Value], parts: list[Value]) -> Value:
    value = parts[0]
    for part in parts[1:]:
        value = op(*_alike(value, part))
    return value


def _pick(larger: bool) -> Callable[[Value, Value], Value]:
    def pick(a: Value, b: Value) -> Value:
        if not z3.is_expr(a):
            return max(a, b) if larger else min(a, b)
        return z3.If(a >= b, a, b) if larger else z3.If(a <= b, a, b)

    return pick


def _quotient(op: str, a: Value, b: Value) -> Value:
    if not isinstance(b, Fraction) or b <= 0:
        raise OutOfReach(f"{op} by what is not a positive number")
    if isinstance(a, Fraction):
        return Fraction(a // b) if op == "floordiv" else a % b
    if z3.is_int(a) and b.denominator == 1:
        return a / z3.IntVal(int(b)) if op == "floordiv" else a % z3.IntVal(int(b))
    down = z3.ToReal(z3.ToInt(_real(a) / _rational(b)))
    return down if op == "floordiv" else _real(a) - _rational(b) * down


_COMBINE = {"sum": "add", "prod": "mul", "max": "max", "min": "min"}
_BINARY: dict[str, Callable[[Value, Value], Value]] = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "max": _pick(True),
    "min": _pick(False),
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "eq": lambda a, b: a == b,
    "and": lambda a, b: z3.And(a, b) if z3.is_expr(a) else a and b,
    "or": lambda a, b: z3.Or(a, b) if z3.is_expr(a) else a or b,
}
