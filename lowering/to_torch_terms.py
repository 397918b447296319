"""Operators and reads in Torch's words: what the Torch backend writes for a term of indices, numbers and arrays.

To add here: the spelling of an operator.  Never here: steps or loops (`to_torch_kernel.py`), a choice of the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from commute.lowering.blocks import affine
from commute.lowering.registry import Unsupported
from commute.theory.axes import Axis, Size
from commute.theory.terms import BOOL, Term

FUNCTIONS = {
    "exp": "torch.exp({})", "log": "torch.log({})", "sqrt": "torch.sqrt({})", "sin": "torch.sin({})", "cos": "torch.cos({})",
    "tanh": "torch.tanh({})", "erf": "torch.erf({})", "sigmoid": "torch.sigmoid({})", "silu": "F.silu({})",
    "relu": "torch.relu({})", "abs": "torch.abs({})", "gelu": "F.gelu({})", "gelu_tanh": "F.gelu({}, approximate='tanh')",
    "softplus": "torch.logaddexp({0}, torch.zeros_like({0}))", "max": "torch.maximum({}, {})", "min": "torch.minimum({}, {})",
    "where": "torch.where({}, {}, {})", "recip": "1 / {}", "not": "~{}",
}  # fmt: skip
"""Operators on tensors."""

NUMBERS = {
    "exp": "math.exp({})", "log": "math.log({})", "sqrt": "math.sqrt({})", "sin": "math.sin({})", "cos": "math.cos({})",
    "tanh": "math.tanh({})", "erf": "math.erf({})", "recip": "1 / {}", "max": "max({}, {})", "min": "min({}, {})",
    "relu": "max({}, 0)", "abs": "abs({})", "not": "not {}",
}  # fmt: skip
"""Operators on Python's numbers."""

INFIX = {
    "add": "+", "mul": "*", "lt": "<", "le": "<=", "eq": "==", "and": "&", "or": "|", "floordiv": "//", "mod": "%",
}  # fmt: skip
BOUNDED = {"max": "{}.clamp(min={})", "min": "{}.clamp(max={})"}
"""The larger and the smaller of a tensor and a number."""


def wrapped(text: str) -> str:
    """In brackets, where the text isn't one piece."""
    depth, plain = 0, True
    for c in text:
        depth += (c in "([") - (c in ")]")
        plain = plain and not (c == " " and depth == 0)
    return text if plain and not text.startswith("-") else f"({text})"


def spelled(op: str, args: Sequence[str], numbers: Sequence[bool]) -> str:
    """An operator over texts; `numbers` says which of them are Python's numbers."""
    if op in INFIX:
        return f" {INFIX[op]} ".join(map(wrapped, args))
    if all(numbers) and op in NUMBERS:
        return NUMBERS[op].format(*(wrapped(a) if op in ("recip", "not") else a for a in args))
    if op in BOUNDED and any(numbers):
        tensor, number = args if numbers[1] else args[::-1]
        return BOUNDED[op].format(wrapped(tensor), number)
    if op in FUNCTIONS:
        return FUNCTIONS[op].format(*(wrapped(a) if op in ("recip", "not") else a for a in args))
    raise Unsupported(f"to_torch: no spelling of {op}")


def size_text(size: Size) -> str:
    """A size as Python."""
    text = str(size).replace("^", "**")
    return f"({text})" if len(size.terms) > 1 else text


class Reader:
    """Writes what is read, for tiles of some axes: `local` maps an axis to where its tile starts and ends.

    `like` names an array of real numbers, `renamed` gives size symbols that clash with other names another one.
    """

    def __init__(self, like: Callable[[], str], renamed: Mapping[str, str]):
        self.like = like
        self.renamed = {s: Size.symbol(name) for s, name in renamed.items()}
        self.local: dict[Axis, tuple[str, str]] = {}

    def size(self, size: Size) -> str:
        """A size as Python."""
        return size_text(size.put(self.renamed))

    def bounds(self, a: Axis) -> tuple[str, str]:
        """Where the indices of an axis start and end."""
        return self.local.get(a, ("0", self.size(a.size)))

    def extent(self, a: Axis) -> str:
        """How many indices of an axis there are."""
        return "{1} - {0}".format(*self.local[a]) if a in self.local else self.size(a.size)

    def slice(self, a: Axis) -> str:
        """The tile of an axis as a slice."""
        return "{}:{}".format(*self.local[a]) if a in self.local else ":"

    def natural(self, t: Term) -> tuple[Axis, ...] | None:
        """The axes of an array that is read at plain, different axes, in the array's own order."""
        if t.op != "input" or not all(i.op == "axis" for i in t.args):
            return None
        plain = tuple(i.attrs[0] for i in t.args)
        whole = all(i.attrs[0].size == n for i, n in zip(t.args, t.attrs[2], strict=True))
        return plain if len(set(plain)) == len(plain) and whole else None

    def cut(self, t: Term) -> str:
        """Such an array, cut to the tiles."""
        cuts = [self.slice(i.attrs[0]) for i in t.args]
        while cuts and cuts[-1] == ":":
            cuts.pop()
        return f"{t.attrs[0]}[{', '.join(cuts)}]" if cuts else t.attrs[0]

    def leaf(self, t: Term, axes: Sequence[Axis]) -> str:
        """What is read, with a dimension for each of the axes, in their order."""
        plain = self.natural(t)
        if plain is None:
            return self.term(t, axes)
        order = [plain.index(a) for a in axes]
        cut = self.cut(t)
        return cut if order == sorted(order) else f"{cut}.permute({', '.join(map(str, order))})"

    def term(self, t: Term, axes: Sequence[Axis]) -> str:
        """A term of indices, numbers and reads, broadcast over the axes."""
        if t.op == "axis":
            return self._arange(t.attrs[0], axes)
        if t.op == "const":
            value = t.attrs[0]
            return str(value.numerator) if value.denominator == 1 else repr(float(value))
        if t.op in ("size", "named"):
            return self.size(Size.symbol(t.attrs[0])) if t.op == "size" else f"math.{t.attrs[0]}"
        if t.op in ("ninf", "true", "false"):
            return "-torch.inf" if t.op == "ninf" else t.op.title()
        if t.op == "input":
            return self._gather(t, axes)
        args = [self.term(a, axes) for a in t.args]
        return spelled(t.op, args, [self.is_number(a) for a in t.args])

    def is_number(self, t: Term) -> bool:
        """Whether a term is a Python number."""
        return not t.free and not self._reads(t)

    def _reads(self, t: Term) -> bool:
        return t.op == "input" or any(self._reads(a) for a in t.args)

    def _arange(self, a: Axis, axes: Sequence[Axis]) -> str:
        start, end = self.bounds(a)
        whole = f"torch.arange({start}, {end}, device={self.like()}.device)"
        shape = ", ".join("-1" if b == a else "1" for b in axes)
        return whole if len(axes) == 1 else f"{whole}.view({shape})"

    def _gather(self, t: Term, axes: Sequence[Axis]) -> str:
        """An array at computed indices; out of range it reads 0."""
        name, shape = t.attrs[0], t.attrs[2]
        if not t.args:
            return name
        indices, outside = [], []
        for i, n in zip(t.args, shape, strict=True):
            text = self.term(i, axes)
            if not inside(i, n):
                outside.append(f"({wrapped(text)} >= 0) & ({wrapped(text)} < {self.size(n)})")
                text = f"{self._tensor(i, text)}.clamp(0, {self.size(n)} - 1)"
            indices.append(text)
        read = f"{name}[{', '.join(indices)}]"
        return f"torch.where({' & '.join(outside)}, {read}, {'False' if t.sort == BOOL else '0'})" if outside else read

    def _tensor(self, t: Term, text: str) -> str:
        return f"torch.as_tensor({text}, device={self.like()}.device)" if self.is_number(t) else wrapped(text)


def inside(i: Term, n: Size) -> bool:
    """Whether an index is surely in range(n): an affine one by its ends, an integer input by its bound."""
    if i.op == "input":
        return i.attrs[3] is not None and (n - i.attrs[3]).provably_nonnegative()
    form = affine(i)
    if form is None:
        return False
    slopes, rest = form
    low = sum(((a.size - 1) * s for a, s in slopes.items() if s < 0), rest)
    high = sum(((a.size - 1) * s for a, s in slopes.items() if s > 0), rest)
    return low.provably_nonnegative() and (n - high).provably_positive()
