"""Equations in TASO's operators as pairs of Torch functions, and what each operator means here.

Tensors are real; images are (n, c, h, w), kernels (o, i, kh, kw); nothing is broadcast but the scalar of smul.

- `matmul([act,] a, b)`: the product of matrices, `act` as of conv2d.  `ewadd`, `ewmul`: sum and product of tensors of one
  shape.  `smul(x, s)`: x times a scalar s (a number, or a variable without dimensions).  `relu(x)`: max(x, 0).
- `transpose(x)`: of a matrix; `(transpose x 1_0 _)` gives the permutation.
- `concat(axis, [ndim,] a, b, ...)`: joined along an axis.  `split_0(axis, x)`, `split_1(axis, x)`, or `(split_0 (split axis
  x))`: the first or second part of x, split where it was last joined along that axis; operators carry that place on (matmul
  and conv2d give their output axis that of the weights); a variable may be split anywhere.
- `conv2d(sh, sw, pad, act, x, w)`: the cross-correlation in groups = c / i groups, where x has c channels; o is a multiple of
  groups.  pad 1 (valid): none.  pad 0 (same): zeros such that there are ceil(h / sh) outputs, (total // 2) of them before.
  act 0: none, 1: sigmoid, 2: relu, 3: tanh.
- `poolavg`, `poolmax` (kh, kw, sh, sw, pad, [act,] x): padding as of conv2d; the mean counts the zeros of the padding, the
  maximum doesn't.
- `enlarge(kh, kw, w)`: w with zeros around its kernel, so that it has kh x kw entries and its centre stays the centre.
- `Iconv(kh, kw)`: (c, c, kh, kw), 1 in the centre where both channels agree; `Cpool(kh, kw)`: (c, 1, kh, kw), all of it
  1 / (kh * kw), so that its convolution has c groups; both are 3 x 3 where no kernel is said.
- `Imatmul`: an identity matrix.  `Iewmul`: ones.

To add here: an operator's meaning.  Never here: syntax (`taso_rules.py`), shapes (`taso_shapes.py`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from commute.lowering.taso_rules import Node, Rule
from commute.lowering.taso_shapes import SAME, Shapes, Unshaped, Window
from commute.lowering.taso_sizes import CASES, Equation, NoSolution, Solution, solve
from commute.theory.axes import Size

ACTIVATIONS: dict[int, Callable[[Any], Any]] = {0: lambda x: x, 1: torch.sigmoid, 2: torch.relu, 3: torch.tanh}
WITNESS = "sizes_of_kernels"

Pads = tuple[Size, Size]


@dataclass(frozen=True)
class Posed:
    """A rule at symbolic sizes: its two sides as Torch functions, and what was asked of shapes to get there."""

    left: Callable[..., Any]
    right: Callable[..., Any]
    conditions: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """Shapes and numbers at which the two sides of a rule differ: their values at an index, or their shapes."""

    shapes: dict[str, list[int]]
    groups: list[int]
    inputs: dict[str, Any]
    index: list[int]
    left: float | list[int]
    right: float | list[int]

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return dict(vars(self))


def pose(shapes: Shapes, ungrouped: bool = False) -> list[Posed]:
    """Every case of a rule at symbolic sizes; with `ungrouped` every convolution has one group.

    Raises Unshaped where no sizes satisfy both sides, or not all that do can be said.
    """
    extra = [Equation(Size.symbol(g) - 1) for g in shapes.groups] if ungrouped else []
    try:
        solutions = solve([*extra, *shapes.equations], shapes.words)
    except NoSolution:
        raise Unshaped("no shapes give both sides a meaning") from None
    if any(s.left for s in solutions):
        raise Unshaped("the equations between sizes have no solution in closed form: " + str(solutions[0].left[0]) + " = 0")
    cases = [c for s in solutions for c in _enlargeable(shapes, s)]
    if not cases:
        raise Unshaped("no shapes give both sides a meaning")
    if len(cases) > CASES:
        raise Unshaped(f"{len(cases)} cases of sizes")
    return [_posed(shapes, each) for each in cases]


def _enlargeable(shapes: Shapes, solution: Solution) -> list[Solution]:
    """Cases in which every kernel that is enlarged has a fixed size, no larger than what it becomes."""
    found = [solution]
    for kernel, to in shapes.enlarged.values():
        cases: list[Solution] = []
        for each in found:
            for size in range(1, to + 1):
                own = each.copy()
                try:
                    own.add(Equation(kernel - size))
                except NoSolution:
                    continue
                if own.put(kernel).constant is None:
                    raise Unshaped("enlarge of a kernel whose size is a sum")
                cases.append(own)
        found = list({str(sorted((k, str(v)) for k, v in c.values.items())): c for c in cases}.values())
    return found


def _posed(shapes: Shapes, solution: Solution) -> Posed:
    pads: dict[tuple[Size, int], Pads] = {}
    conditions = [*shapes.notes, *solution.conditions]
    own = solution.copy()
    windows = [*shapes.windows.values(), *_constants(shapes)]
    for each in windows:
        if each.pad == SAME:
            _padding(own, each, pads, conditions)
    put: Callable[[Size], Size] = own.put
    table = {(put(k), s): tuple(put(p) for p in both) for (k, s), both in pads.items()}
    needed = sorted({s for both in table.values() for p in both for s in p.symbols} | _symbols_read(shapes, put))
    hints = {v: _annotation([put(s) for s in shape.sizes]) for v, shape in shapes.variables.items()}
    if needed:
        hints[WITNESS] = _annotation([Size.symbol(s) for s in needed])

    def side(node: Node) -> Callable[..., Any]:
        def program(*given: Any, **named: Any) -> Any:
            values = {**dict(zip(hints, given, strict=False)), **named}
            known = {s: values[WITNESS].shape[i] for i, s in enumerate(needed)}

            def size(formula: Size) -> Any:
                return _value(put(formula), known)

            def padding(window: Window) -> tuple[Any, Any]:
                before, after = table[put(window.kernel), window.stride]
                return _value(before, known), _value(after, known)

            return Evaluator(shapes, values, size, padding).of(node)

        program.__annotations__ = dict(hints)
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        program.__signature__ = inspect.Signature([inspect.Parameter(n, kind, annotation=h) for n, h in hints.items()])  # pyright: ignore[reportFunctionMemberAccess]
        program.__name__ = "left" if node is shapes.rule.left else "right"
        return program

    return Posed(side(shapes.rule.left), side(shapes.rule.right), tuple(dict.fromkeys(conditions)))


def _constants(shapes: Shapes) -> Iterator[Window]:
    """The kernels of Iconv, whose centre is where the padding of a convolution puts it."""
    for node in _nodes(shapes.rule):
        if node.op == "Iconv":
            yield from (Window(k, 1, SAME, k) for k in shapes.of_node[id(node)].sizes[2:])


def _nodes(rule: Rule) -> Iterator[Node]:
    waiting = [rule.left, rule.right]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.operands


def _symbols_read(shapes: Shapes, put: Callable[[Size], Size]) -> set[str]:
    nodes = [n for n in _nodes(shapes.rule) if n.op in ("Iconv", "Cpool", "Imatmul", "Iewmul")]
    sizes = [size for n in nodes for size in shapes.of_node[id(n)].sizes]
    sizes += [shapes.of_node[id(n)].sizes[n.numbers[0]] for n in _nodes(shapes.rule) if n.op in ("split_0", "split_1")]
    return {s for size in sizes for s in put(size).symbols}


def _padding(own: Solution, window: Window, pads: dict[tuple[Size, int], Pads], conditions: list[str]) -> None:
    """Before and after: numbers for a kernel of fixed size; else any two that add up to what the kernel needs."""
    kernel, stride = own.put(window.kernel), window.stride
    known = {(own.put(k), s) for k, s in pads}
    if (kernel, stride) in known:
        return
    if kernel.constant is not None:
        before, after = numbers_of_padding(kernel.constant, stride, stride)
        pads[kernel, stride] = (Size(before), Size(after))
        return
    if len(kernel.symbols) != 1 or kernel != Size.symbol(next(iter(kernel.symbols))):
        raise Unshaped(f"a kernel of size {kernel}")
    before, after = own.new(), own.new()
    own.set(str(kernel), before + after + (stride - 2))
    pads[own.put(window.kernel), stride] = (before - 1, after - 1)
    if stride > 1:
        conditions.append(f"kernels are at least as large as the stride {stride}")


def numbers_of_padding(kernel: int, stride: int, room: int) -> tuple[int, int]:
    """The padding before and after a dimension of size `room`, such that ceil(room / stride) windows fit."""
    total = max((-(-room // stride) - 1) * stride + kernel - room, 0)
    return total // 2, total - total // 2


def _annotation(sizes: Sequence[Size]) -> Any:
    return Float[Tensor, " ".join(str(s).replace(" ", "").replace("^", "**") for s in sizes)]


def _value(size: Size, known: Mapping[str, Any]) -> Any:
    """The value of a size, whatever stands for its symbols."""
    total: Any = 0
    for monomial, factor in size.terms:
        part: Any = factor
        for symbol, power in monomial:
            for _ in range(power):
                part = known[symbol] if isinstance(part, int) and part == 1 else part * known[symbol]
        total = part if isinstance(total, int) and total == 0 else total + part
    return total


class Evaluator:
    """A tree computed in Torch: `values` has the variables, `size` the value of a size, `padding` that of a window."""

    def __init__(
        self,
        shapes: Shapes,
        values: Mapping[str, Any],
        size: Callable[[Size], Any],
        padding: Callable[[Window], tuple[Any, Any]],
    ):
        self.shapes, self.values, self.size, self.padding = shapes, values, size, padding
        self.dtype = next((v.dtype for v in values.values()), torch.float64)

    def of(self, node: Node) -> Any:
        """The value of a tree."""
        if node.op == "var":
            return self.values[node.name]
        if node.op == "number":
            return float(node.name) if "." in node.name else int(node.name)
        return getattr(self, f"_{node.op}")(node, *(self.of(o) for o in node.operands))

    def _matmul(self, node: Node, a: Any, b: Any) -> Any:
        return ACTIVATIONS[(node.numbers or (0,))[0]](a @ b)

    def _ewadd(self, _: Node, a: Any, b: Any) -> Any:
        return a + b

    def _ewmul(self, _: Node, a: Any, b: Any) -> Any:
        return a * b

    _smul = _ewmul

    def _relu(self, _: Node, x: Any) -> Any:
        return torch.relu(x)

    def _transpose(self, node: Node, x: Any) -> Any:
        return x.permute(*(node.numbers or (1, 0)))

    def _concat(self, node: Node, *parts: Any) -> Any:
        return torch.cat(list(parts), node.numbers[0])

    def _split_0(self, node: Node, x: Any) -> Any:
        return x.narrow(node.numbers[0], 0, self._part(node))

    def _split_1(self, node: Node, x: Any) -> Any:
        axis = node.numbers[0]
        last = self._part(node)
        return x.narrow(axis, x.shape[axis] - last, last)

    def _part(self, node: Node) -> Any:
        return self.size(self.shapes.of_node[id(node)].sizes[node.numbers[0]])

    def _padded(self, node: Node, x: Any, value: float = 0.0) -> Any:
        windows = [self.shapes.windows[id(node), d] for d in (0, 1)]
        if windows[0].pad != SAME:
            return x
        (top, bottom), (left, right) = (self.padding(w) for w in windows)
        pads = (left, right, top, bottom)
        return x if all(isinstance(p, int) and p == 0 for p in pads) else F.pad(x, pads, value=value)

    def _conv2d(self, node: Node, x: Any, w: Any) -> Any:
        made = F.conv2d(self._padded(node, x), w, stride=node.numbers[:2], groups=x.shape[1] // w.shape[1])
        return ACTIVATIONS[node.numbers[3]](made)

    def _poolavg(self, node: Node, x: Any) -> Any:
        return _active(node, F.avg_pool2d(self._padded(node, x), node.numbers[:2], node.numbers[2:4]))

    def _poolmax(self, node: Node, x: Any) -> Any:
        made = F.max_pool2d(self._padded(node, x, float("-inf")), node.numbers[:2], node.numbers[2:4])
        return _active(node, made)

    def _enlarge(self, node: Node, w: Any) -> Any:
        pads: list[int] = []
        for d in (1, 0):
            kernel, to = self.size(self.shapes.enlarged[id(node), d][0]), node.numbers[d]
            before = (to - 1) // 2 - (int(kernel) - 1) // 2
            pads += [before, to - int(kernel) - before]
        return F.pad(w, pads)

    def _Iconv(self, node: Node) -> Any:
        sizes = self.shapes.of_node[id(node)].sizes
        (top, bottom), (left, right) = (self.padding(Window(k, 1, SAME, k)) for k in sizes[2:])
        unit = torch.eye(self.size(sizes[0]), dtype=self.dtype)[:, :, None, None]
        return F.pad(unit, (left, right, top, bottom))

    def _Cpool(self, node: Node) -> Any:
        c, one, kh, kw = (self.size(s) for s in self.shapes.of_node[id(node)].sizes)
        return torch.ones(c, one, kh, kw, dtype=self.dtype) / (kh * kw)

    def _Imatmul(self, node: Node) -> Any:
        return torch.eye(self.size(self.shapes.of_node[id(node)].sizes[0]), dtype=self.dtype)

    def _Iewmul(self, node: Node) -> Any:
        return torch.ones(*(self.size(s) for s in self.shapes.of_node[id(node)].sizes), dtype=self.dtype)


def _active(node: Node, pooled: Any) -> Any:
    return ACTIVATIONS[node.numbers[5]](pooled) if len(node.numbers) > 5 else pooled
