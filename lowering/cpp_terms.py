"""Terms of indices and elementary operators as C++ expressions.

To add here: the spelling of an operator.  Never here: loops, tiles, memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from commute.lowering.registry import Unsupported
from commute.theory.axes import Axis, Size
from commute.theory.terms import Term

CALLS = {
    "exp": "fexp", "log": "std::log", "sqrt": "std::sqrt", "sin": "std::sin", "cos": "std::cos", "tanh": "ftanh",
    "erf": "std::erf", "sigmoid": "fsigmoid", "relu": "frelu", "abs": "std::abs", "max": "fmax2", "min": "fmin2",
}  # fmt: skip
INFIX = {"add": "+", "mul": "*", "lt": "<", "le": "<=", "eq": "==", "and": "&&", "or": "||"}


class Spelling:
    """Spells terms; `name` gives an axis its identifier."""

    def __init__(self, shapes: Mapping[str, Sequence[Size]], name: Callable[[Axis], str]):
        self.shapes, self.name = shapes, name

    def size(self, size: Size) -> str:
        """A size as an expression over its symbols."""
        parts = []
        for powers, coefficient in size.terms:
            factors = [s for s, e in powers for _ in range(e)]
            parts.append("*".join([*([str(coefficient)] if coefficient != 1 or not factors else []), *factors]))
        return parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"

    def term(self, t: Term, at: Callable[[Axis], str]) -> str:
        """A term; `at` gives the index of an axis."""
        if t.op == "axis":
            return at(t.attrs[0])
        if t.op == "const":
            value = t.attrs[0]
            return str(value.numerator) if value.denominator == 1 and t.op != "real" else f"{float(value)!r}f"
        if t.op == "size":
            return t.attrs[0]
        if t.op == "ninf":
            return "-INFINITY"
        if t.op in ("true", "false"):
            return t.op
        if t.op == "named":
            return {"pi": "3.14159265f", "e": "2.71828183f"}[t.attrs[0]]
        if t.op == "input":
            return f"{t.attrs[0]}[{self._offset(t, at)}]"
        return self.operator(t.op, [self.term(a, at) for a in t.args])

    def operator(self, op: str, args: Sequence[str]) -> str:
        """An operator over expressions."""
        if op in INFIX:
            return f"({f' {INFIX[op]} '.join(args)})"
        if op in CALLS:
            return f"{CALLS[op]}({', '.join(args)})"
        if op == "recip":
            return f"(1.0f / {args[0]})"
        if op == "where":
            return f"({args[0]} ? {args[1]} : {args[2]})"
        if op == "not":
            return f"!({args[0]})"
        if op in ("floordiv", "mod"):
            return f"({args[0]} {'/' if op == 'floordiv' else '%'} {args[1]})"
        if op == "silu":
            return f"({args[0]} * fsigmoid({args[0]}))"
        if op == "gelu":
            return f"(0.5f * {args[0]} * (1.0f + std::erf({args[0]} * 0.70710678f)))"
        raise Unsupported(f"to_cpp: no spelling of {op}")

    def _offset(self, t: Term, at: Callable[[Axis], str]) -> str:
        offset = "0"
        for i, n in zip(t.args, t.attrs[2], strict=True):
            here = self.term(i, at)
            offset = here if offset == "0" else f"({offset}) * {self.size(n)} + {here}"
        return offset

    def address(self, t: Term, at: Callable[[Axis], str]) -> str:
        """A pointer to the element that a read gives."""
        return f"{t.attrs[0]} + {self._offset(t, at)}"

    @staticmethod
    def plain(t: Term) -> bool:
        """Whether a read has one axis, or none, in each place."""
        return t.op == "input" and all(i.op in ("axis", "const") for i in t.args) and len({*t.args}) == len(t.args)

    def stride(self, t: Term, axis: Axis) -> str:
        """How far apart neighbours along an axis lie in an array."""
        place = next((k for k, i in enumerate(t.args) if i.op == "axis" and i.attrs[0] == axis), None)
        if place is None:
            return "0"
        return " * ".join(self.size(n) for n in t.attrs[2][place + 1 :]) or "1"
