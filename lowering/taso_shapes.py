"""The shapes of equations in TASO's operators: ranks and sizes of the variables, by unification over both sides.

`Shapes` gives every operand a rank and every dimension a size over symbols, and collects the equations between sizes that
the two sides need to have a meaning; `solve` solves them, by cases where one formula can't say all solutions.
To add here: what an operator asks of shapes.  Never here: what it computes (`lift_taso.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from commute.lowering.taso_rules import Node, Rule
from commute.lowering.taso_sizes import Equation, spoken
from commute.theory.axes import Size

SAME, VALID = 0, 1


class Unshaped(Exception):
    """An equation that no shapes give a meaning, or none that are understood here."""


@dataclass(frozen=True)
class Split:
    """Where a dimension was joined: what the first part is made of, its size, the size of the second, what that is made of."""

    first: Split | None
    left: Size
    right: Size
    second: Split | None


@dataclass
class Shape:
    """The sizes of a tensor and, for each dimension, where it was last joined."""

    sizes: list[Size]
    splits: list[Split | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.splits = self.splits or [None] * len(self.sizes)


@dataclass(frozen=True)
class Window:
    """A kernel that slides along one dimension: its size, stride, padding and the size that it slides over."""

    kernel: Size
    stride: int
    pad: int
    room: Size


class Shapes:
    """Ranks, shapes and equations of one rule; `groups` has the group count of each convolution, by its symbol."""

    def __init__(self, rule: Rule):
        self.rule = rule
        self.ranks = _Ranks(rule)
        self.equations: list[Equation] = []
        self.notes: list[str] = []
        self.words: dict[str, str] = {}
        self.groups: list[str] = []
        self.windows: dict[tuple[int, int], Window] = {}
        self.enlarged: dict[tuple[int, int], tuple[Size, int]] = {}
        self.of_node: dict[int, Shape] = {}
        self.variables: dict[str, Shape] = {}
        self.right = False
        left = self.infer(rule.left)
        self.right = True
        right = self.infer(rule.right)
        if len(left.sizes) != len(right.sizes):
            raise Unshaped(f"the left has {len(left.sizes)} dimensions, the right {len(right.sizes)}")
        self.results = [self.equation(a, b) for a, b in zip(left.sizes, right.sizes, strict=True)]

    def symbol(self, kind: str, words: str = "") -> Size:
        """A size of its own, and how to say it."""
        name = f"{kind}{len(self.words)}"
        self.words[name] = words or name
        return Size.symbol(name)

    def said(self, size: Size) -> str:
        """A size in the user's words."""
        return spoken(str(size), self.words)

    def equation(self, left: Size, right: Size, words: str = "") -> Equation:
        """Note that two sizes have to be equal."""
        words = words or f"{self.said(left)} = {self.said(right)}"
        made = Equation(left - right, words, self.right)
        self.equations.append(made)
        return made

    def infer(self, node: Node) -> Shape:
        """The shape of a tree, noted for every node in it."""
        if node.op == "var":
            found = self._variable(node)
        elif node.op == "number":
            found = Shape([])
        else:
            inner = [self.infer(o) for o in node.operands]
            found = getattr(self, f"_{node.op}", self._elementwise)(node, *inner)
        self.of_node[id(node)] = found
        return found

    def _variable(self, node: Node) -> Shape:
        if node.name not in self.variables:
            rank = self.ranks.of(node)
            self.variables[node.name] = Shape([self.symbol("d", f"{node.name}[{d}]") for d in range(rank)])
        return self.variables[node.name]

    def _together(self, first: Shape, second: Shape, skip: int = -1) -> list[Split | None]:
        """Equal sizes but for one dimension; where each was joined."""
        splits: list[Split | None] = []
        for d, (a, b) in enumerate(zip(first.sizes, second.sizes, strict=True)):
            if d != skip:
                self.equation(a, b)
            one, two = first.splits[d], second.splits[d]
            splits.append(one if two is None or one == two else two if one is None else None)
        return splits

    def _elementwise(self, _: Node, first: Shape, second: Shape | None = None) -> Shape:
        if second is None:
            return first
        return Shape(list(first.sizes), self._together(first, second))

    def _smul(self, _: Node, first: Shape, second: Shape) -> Shape:
        if first.sizes and second.sizes:
            raise Unshaped("smul without a scalar")
        return first if first.sizes else second

    def _matmul(self, node: Node, first: Shape, second: Shape) -> Shape:
        self._activation((node.numbers or (0,))[0])
        self.equation(first.sizes[-1], second.sizes[-2])
        for a, b in zip(first.sizes[:-2], second.sizes[:-2], strict=True):
            self.equation(a, b)
        return Shape([*first.sizes[:-1], second.sizes[-1]], [*first.splits[:-1], second.splits[-1]])

    def _transpose(self, node: Node, inner: Shape) -> Shape:
        perm = node.numbers or (1, 0)
        if sorted(perm) != list(range(len(inner.sizes))):
            raise Unshaped(f"transpose by {perm}, which is no permutation of {len(inner.sizes)} dimensions")
        return Shape([inner.sizes[p] for p in perm], [inner.splits[p] for p in perm])

    def _concat(self, node: Node, *inner: Shape) -> Shape:
        axis, whole = self._axis(node, inner[0]), inner[0]
        for each in inner[1:]:
            splits = self._together(whole, each, skip=axis)
            a, b = whole.sizes[axis], each.sizes[axis]
            splits[axis] = Split(whole.splits[axis], a, b, each.splits[axis])
            whole = Shape([a + b if d == axis else s for d, s in enumerate(whole.sizes)], splits)
        if len(inner) > 2:
            whole.splits[axis] = None
        return whole

    def _axis(self, node: Node, inner: Shape) -> int:
        axis = node.numbers[0]
        if not 0 <= axis < len(inner.sizes):
            raise Unshaped(f"{node.op} along axis {axis} of an operand with {len(inner.sizes)} dimensions")
        return axis

    def _split(self, node: Node, inner: Shape) -> Split:
        axis = self._axis(node, inner)
        found = inner.splits[axis]
        if found is None:
            size = inner.sizes[axis]
            if node.operands[0].op != "var":
                raise Unshaped(f"no place to split at: nothing was joined along dimension {axis} of {node.operands[0]}")
            name = node.operands[0].name
            first, second = (self.symbol("s", f"the {w} part of {name}[{axis}]") for w in ("first", "second"))
            found = inner.splits[axis] = Split(None, first, second, None)
            self.equation(size, first + second, f"{name}[{axis}] is at least 2")
        return found

    def _split_0(self, node: Node, inner: Shape) -> Shape:
        return self._part(node, inner, 0)

    def _split_1(self, node: Node, inner: Shape) -> Shape:
        return self._part(node, inner, 1)

    def _part(self, node: Node, inner: Shape, which: int) -> Shape:
        found, axis = self._split(node, inner), node.numbers[0]
        sizes, splits = list(inner.sizes), list(inner.splits)
        sizes[axis], splits[axis] = (found.left, found.first) if which == 0 else (found.right, found.second)
        return Shape(sizes, splits)

    def _conv2d(self, node: Node, x: Shape, w: Shape) -> Shape:
        self._activation(node.numbers[3])
        number = len(self.groups) + 1
        group = self.symbol("g", f"groups{number}")
        [name] = group.symbols
        self.groups.append(name)
        channels, inner, out = x.sizes[1], w.sizes[1], w.sizes[0]
        self.equation(channels, group * inner, f"{self.said(channels)} is a multiple of {self.said(inner)}")
        per_group = self.symbol("p", f"outputs of a group of convolution {number}")
        self.equation(out, group * per_group, f"{self.said(out)} is a multiple of the group count {self.said(group)}")
        spatial = [self._window(node, d, w.sizes[2 + d], node.numbers[d], node.numbers[2], x.sizes[2 + d]) for d in (0, 1)]
        return Shape([x.sizes[0], out, *spatial], [x.splits[0], w.splits[0], None, None])

    def _activation(self, code: int) -> None:
        if code not in (0, 1, 2, 3):
            raise Unshaped(f"activation {code}; there are 0 (none), 1 (sigmoid), 2 (relu), 3 (tanh)")

    def _pool(self, node: Node, x: Shape) -> Shape:
        kh, kw, sh, sw, pad = node.numbers[:5]
        self._activation((*node.numbers, 0)[5])
        spatial = [self._window(node, d, Size(k), s, pad, x.sizes[2 + d]) for d, (k, s) in enumerate(((kh, sh), (kw, sw)))]
        return Shape([*x.sizes[:2], *spatial], [*x.splits[:2], None, None])

    _poolavg = _poolmax = _pool

    def _window(self, node: Node, d: int, kernel: Size, stride: int, pad: int, room: Size) -> Size:
        if stride < 1 or pad not in (SAME, VALID):
            raise Unshaped(f"stride {stride} and padding {pad}; strides are positive, padding is 0 (same) or 1 (valid)")
        self.windows[id(node), d] = Window(kernel, stride, pad, room)
        if pad == SAME and stride == 1:
            return room
        out = self.symbol("e", f"windows along {self.said(room)}")
        if pad == SAME:
            self.notes.append(f"{self.said(room)} is a multiple of the stride {stride}")
            self.equation(room, stride * out, self.notes[-1])
        else:
            words = f"{self.said(room)} is at least the kernel's {self.said(kernel)}"
            if stride > 1:
                self.notes.append(f"{self.said(room)} - {self.said(kernel)} is a multiple of the stride {stride}")
                words = self.notes[-1]
            self.equation(room, kernel + stride * (out - 1), words)
        return out

    def _enlarge(self, node: Node, w: Shape) -> Shape:
        for d, to in enumerate(node.numbers):
            self.enlarged[id(node), d] = (w.sizes[2 + d], to)
            if w.sizes[2 + d].constant is None:
                self.notes.append(f"{self.said(w.sizes[2 + d])} is at most {to}")
        return Shape([*w.sizes[:2], *map(Size, node.numbers)], [*w.splits[:2], None, None])

    def _kernel(self, node: Node) -> list[Size]:
        if not node.numbers:
            self.notes.append(f"{node.op} is 3 x 3")
        numbers = node.numbers or (3,)
        return [Size(k) for k in (numbers * 2)[:2]]

    def _Iconv(self, node: Node) -> Shape:
        channels = self.symbol("c", "the channels of Iconv")
        return Shape([channels, channels, *self._kernel(node)])

    def _Cpool(self, node: Node) -> Shape:
        return Shape([self.symbol("c", "the channels of Cpool"), Size(1), *self._kernel(node)])

    def _Imatmul(self, _: Node) -> Shape:
        size = self.symbol("c", "the size of Imatmul")
        return Shape([size, size])

    def _Iewmul(self, node: Node) -> Shape:
        return Shape([self.symbol("c", f"the size {d} of Iewmul") for d in range(self.ranks.of(node))])


FIXED: dict[str, tuple[int, tuple[int, ...]]] = {
    "conv2d": (4, (4, 4)), "poolavg": (4, (4,)), "poolmax": (4, (4,)), "enlarge": (4, (4,)),
    "Iconv": (4, ()), "Cpool": (4, ()), "Imatmul": (2, ()),
}  # fmt: skip
"""The rank of an operator's result and those of its operands, where it fixes them."""


class _Ranks:
    """How many dimensions each variable has: classes of nodes of equal rank, most of which an operator fixes."""

    def __init__(self, rule: Rule):
        self.parent: dict[Any, Any] = {}
        self.known: dict[Any, int] = {}
        self.least: dict[Any, int] = {}
        self.joined: set[Any] = set()
        self.places: list[Any] = []
        self.scalars: list[Node] = []
        self._visit(rule.left)
        self._visit(rule.right)
        for node in self.scalars:
            self._scalar(node)
        self.same(self.key(rule.left), self.key(rule.right))
        self.guessed = {self.find(k) for k in self.places if self.find(k) not in self.known}

    def key(self, node: Node) -> Any:
        return ("var", node.name) if node.op == "var" else id(node)

    def find(self, key: Any) -> Any:
        while self.parent.get(key, key) != key:
            key = self.parent[key]
        return key

    def of(self, node: Node) -> int:
        """The rank of a node; 2, or what its axes ask for, where nothing fixes it."""
        root = self.find(self.key(node))
        return self.known.get(root, max(2, self.least.get(root, 2)))

    def same(self, a: Any, b: Any) -> None:
        a, b = self.find(a), self.find(b)
        if a == b:
            return
        if a in self.known and b in self.known and self.known[a] != self.known[b]:
            raise Unshaped(f"an operand with {self.known[a]} dimensions where {self.known[b]} are wanted")
        self.parent[a] = b
        if a in self.known:
            self.known[b] = self.known[a]
        self.least[b] = max(self.least.get(a, 0), self.least.get(b, 0))

    def fix(self, key: Any, rank: int) -> None:
        root = self.find(key)
        if self.known.setdefault(root, rank) != rank:
            raise Unshaped(f"an operand with {self.known[root]} dimensions where {rank} are wanted")

    def _visit(self, node: Node) -> None:
        for each in node.operands:
            self._visit(each)
        own, inner = self.key(node), [self.key(o) for o in node.operands]
        self.places.append(own)
        if node.op in FIXED:
            rank, wanted = FIXED[node.op]
            self.fix(own, rank)
            for key, each in zip(inner, wanted, strict=True):
                self.fix(key, each)
        elif node.op == "number":
            self.fix(own, 0)
        elif node.op == "smul":
            self.scalars.append(node)
        elif node.op != "var":
            self._like(node, own, inner)

    def _like(self, node: Node, own: Any, inner: Sequence[Any]) -> None:
        """An operator whose result has the rank of its operands."""
        if node.op in ("matmul", "transpose"):
            wanted = len(node.numbers) if node.op == "transpose" and node.numbers else 2
            self.fix(own, wanted)
        if node.op == "concat" and len(node.numbers) == 2:
            self.fix(own, node.numbers[1])
        for key in inner:
            self.same(key, own)
        if node.op in ("concat", "split_0", "split_1"):
            root = self.find(own)
            self.joined.add(own)
            self.least[root] = max(self.least.get(root, 0), node.numbers[0] + 1)

    def _scalar(self, node: Node) -> None:
        """smul: the scalar is the second operand, unless only the first can be one."""
        first, second = (self.key(o) for o in node.operands)
        tensor = self.known.get(self.find(second), 0) > 0 or self.known.get(self.find(first)) == 0
        if tensor and self.known.get(self.find(second)) != 0:
            first, second = second, first
        self.fix(second, 0)
        self.same(first, self.key(node))
