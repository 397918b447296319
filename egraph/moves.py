"""The moves between forms: what an equal way to compute a class is made of.

Each move is a family of laws at once, over n-ary sums and products: bringing products together, taking them apart along a cut,
distributing, factoring, sliding, opening composites in their safe form.  Nothing rests on a move being right: the chosen form
is proved equal to the reference afterwards.  To add here: a move.  Never here: costs, or the name of an algorithm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from time import monotonic

from commute.egraph.cuts import components, cuts
from commute.egraph.forms import NONE, Axes, Forms, Move, Node
from commute.theory.axes import Axis, first_free
from commute.theory.ops import COMPOSITES, definition, exp, log, recip, sub
from commute.theory.terms import MINUS_ONE, ONE, ZERO, Term, reduce

FLATTEN = Move("bring products together", ("sum_scale", "sum_swap"))
SPLIT = Move("sum a part first", ("sum_scale", "sum_swap"))
SLIDE = Move("slide out what does not vary", ("sum_scale",))
ATTACH = Move("scale one factor", ("mul_associates",))
DISTRIBUTE = Move("distribute", ("distribute", "sum_add"))
FACTOR = Move("factor", ("distribute", "sum_add"))
SHIFT = Move("shift by the maximum", ("exp_sum", "sum_scale"))
OPEN = Move("open the definition", ("definition",))
MASK = Move("a mask is a factor", ("where_by_indicator", "mul_where"))
TURN = Move("reciprocal of a product", ("recip_product",))
UNLOG = Move("exp of a logarithm", ("exp_of_log", "exp_sum", "exp_neg"))

MOST_FACTORS = 64
MOST_TERMS = 6
LONG = 8
"""Products of so many factors are explored by their cuts alone."""
MOST_FORMS = 24
"""The most nodes that one class is given, cuts apart."""


class Explorer:
    """Fills a space with equal forms, in rounds, until nothing is new or a budget is spent."""

    def __init__(self, forms: Forms, *, most: int = 6000, seconds: float = 5.0):
        self.forms = forms
        self.most = most
        self.deadline = monotonic() + seconds
        self.done: set[tuple[Node, int]] = set()
        self.stopped = ""
        self.left_out = False

    def run(self, rounds: int = 12) -> str:
        """Explore; returns why it stopped: "complete", or the budget that was spent."""
        for _ in range(rounds):
            before = self.forms.size
            for c in self.forms.classes():
                for node in list(self.forms.of(c)) if c in self.forms.nodes else ():
                    if self._spent():
                        return self.stopped
                    self._visit(c, node)
            if self.forms.size == before:
                return f"{MOST_FORMS} forms of a class" if self.left_out else "complete"
        return "rounds"

    def _spent(self) -> bool:
        if self.forms.size > self.most:
            self.stopped = f"{self.most} nodes"
        elif monotonic() > self.deadline:
            self.stopped = "time"
        return bool(self.stopped)

    def _visit(self, c: int, node: Node) -> None:
        """Every move that applies to a node; again when the classes below it have changed."""
        f = self.forms
        node = f.canonical(node)
        state = sum(len(f.of(a)) for a in node.args)
        if (node, state) in self.done:
            return
        self.done.add((node, state))
        room = MOST_FORMS - sum(move is not SPLIT for move in f.of(c).values())
        for move, new, *inner in _MOVES.get(node.op, _OTHERS)(f, c, node):
            if move is not SPLIT and room <= 0:
                self.left_out = True
                continue
            room -= f.put(c, new, move, node, inner[0] if inner else None) and move is not SPLIT


Found = Iterator[tuple[Move, Node] | tuple[Move, Node, tuple[int, Node]]]
"""Moves with the node that each gives, and the class below that has to be computed by a certain node first, if any."""


def _con_moves(f: Forms, c: int, node: Node) -> Found:
    yield from _flatten(f, c, node)
    yield from _split(f, c, node)
    yield from _distribute(f, node)


def _flatten(f: Forms, c: int, node: Node) -> Found:
    """Σ_K x·(Σ_L y) -> Σ_{K,L} x·y, with L renamed where it would capture."""
    bound = node.bound
    if f.of(c).get(node) is SPLIT and max(len(n.args) for n in f.of(c)) >= LONG:
        return  # a cut comes from a product that holds all of it already
    for i, a in enumerate(node.args):
        for inner in _flattest(f, a):
            if len(inner.args) + len(node.args) > MOST_FACTORS:
                continue
            rest = node.args[:i] + node.args[i + 1 :]
            taken = bound.union(f.free[c], *(f.free[f.find(r)] for r in rest))
            args, axes = list(inner.args), set(inner.bound)
            for axis in sorted(inner.bound & taken, key=lambda x: x.key):
                fresh = first_free(axis.size, taken | axes | f.free[f.find(a)])
                args = [f.renamed(f.find(x), axis, fresh) for x in args]
                axes = axes - {axis} | {fresh}
            yield FLATTEN, Node("con", (*rest, *args), (bound | axes,)), (a, inner)


def _flattest(f: Forms, c: int) -> list[Node]:
    """The products of a class with the most factors: those with fewer come back as cuts of these."""
    found = [n for n, move in f.of(c).items() if n.op == "con" and move not in (SPLIT, SLIDE, ATTACH)]
    most = max((len(n.args) for n in found), default=0)
    return [n for n in found if len(n.args) == most]


def _split(f: Forms, c: int, node: Node) -> Found:
    """Σ_K of a product: independent parts apart (sliding), or two parts along a cut, each summed on its own first."""
    factors = [f.find(a) for a in node.args]
    carries = [f.free[a] & node.bound for a in factors]
    parts = components(carries)
    if len(parts) > 1:
        summed = [_part(f, node.bound, [factors[i] for i in part], SLIDE) for part in parts]
        if node.bound:
            yield SLIDE, Node("con", tuple(summed), (NONE,))
            yield from _attach(f, node.bound, factors, carries)
        return
    for left, right in cuts(carries):
        cut = frozenset().union(*(carries[i] for i in left)) & frozenset().union(*(carries[i] for i in right))
        sides = [_part(f, node.bound - cut, [factors[i] for i in side], SPLIT) for side in (left, right)]
        yield SPLIT, Node("con", tuple(sides), (cut,))


def _part(f: Forms, bound: Axes, factors: list[int], move: Move) -> int:
    """The sum over the axes that only these factors carry of their product."""
    own = frozenset().union(*(f.free[a] for a in factors)) & bound
    return f.add(Node("con", tuple(factors), (own,)), move)


def _attach(f: Forms, bound: Axes, factors: list[int], carries: list[Axes]) -> Found:
    """Σ_K c·x·y = Σ_K (c·x)·y where x carries all axes of c."""
    loose = [a for a, own in zip(factors, carries, strict=True) if not own]
    for i, (a, own) in enumerate(zip(factors, carries, strict=True)):
        here = [b for b in loose if f.free[b] <= f.free[a]]
        if not own or not here:
            continue
        rest = list((Counter(factors[:i] + factors[i + 1 :]) - Counter(here)).elements())
        scaled = f.add(Node("con", (a, *here), (NONE,)), ATTACH)
        yield ATTACH, Node("con", (*rest, scaled), (bound,))


def _distribute(f: Forms, node: Node) -> Found:
    """Σ_K x·(y + z) = Σ_K x·y + Σ_K x·z"""
    for i, a in enumerate(node.args):
        for inner, move in list(f.of(a).items()):
            if inner.op == "sum" and len(inner.args) <= MOST_TERMS and move is not DISTRIBUTE:
                rest = node.args[:i] + node.args[i + 1 :]
                terms = [
                    f.add(Node("con", (*rest, t), (node.bound,)), DISTRIBUTE) for t in inner.args if _carried(f, node, rest, t)
                ]
                if len(terms) == len(inner.args):
                    yield DISTRIBUTE, Node("sum", tuple(terms), ()), (a, inner)


def _carried(f: Forms, node: Node, rest: tuple[int, ...], t: int) -> bool:
    """Whether every axis of a sum is carried by some factor (a sum of a constant is left alone)."""
    return node.bound <= f.free[f.find(t)].union(*(f.free[f.find(r)] for r in rest))


def _sum_moves(f: Forms, c: int, node: Node) -> Found:
    """Flatten nested sums; factor out what two terms have in common."""
    for i, a in enumerate(node.args):
        for inner in list(f.of(a)):
            if inner.op == "sum" and len(inner.args) + len(node.args) <= 2 * MOST_TERMS:
                yield FLATTEN, Node("sum", node.args[:i] + node.args[i + 1 :] + inner.args), (a, inner)
    if len(node.args) > MOST_TERMS:
        return
    for i, a in enumerate(node.args):
        for j in range(i + 1, len(node.args)):
            rest = node.args[:i] + node.args[i + 1 : j] + node.args[j + 1 :]
            for joined in _common(f, f.find(a), f.find(node.args[j])):
                yield FACTOR, Node("sum", (*rest, joined))


def _common(f: Forms, a: int, b: int) -> list[int]:
    """Classes equal to a + b with a common factor taken out."""
    found: list[int] = []
    for first in _products(f, a):
        for second in _products(f, b):
            common = Counter(first.args) & Counter(second.args)
            if not common or _only_numbers(f, common):
                continue
            carried = frozenset().union(*(f.free[f.find(x)] for x in common))
            outer = first.bound & second.bound & carried
            if (first.bound | second.bound) & carried != outer:
                continue
            rests = [
                f.add(Node("con", tuple((Counter(p.args) - common).elements()) or (_one(f),), (p.bound - outer,)), FACTOR)
                for p in (first, second)
            ]
            inside = f.add(Node("sum", tuple(rests)), FACTOR)
            found.append(f.add(Node("con", (*common.elements(), inside), (outer,)), FACTOR))
    return found


def _only_numbers(f: Forms, common: Counter[int]) -> bool:
    return all(f.term[f.find(x)].op == "const" for x in common)


def _products(f: Forms, c: int) -> list[Node]:
    nodes = [n for n, m in f.of(c).items() if n.op == "con" and m not in (SPLIT, SLIDE, ATTACH)]
    return [*nodes, Node("con", (c,), (NONE,))][:4]


def _one(f: Forms) -> int:
    return f.insert(ONE)


# --- other operators -------------------------------------------------------------------------------------------------


def _other_moves(f: Forms, c: int, node: Node) -> Found:
    if node.op in _SAFE:
        safe = _SAFE[node.op](f.term[f.find(node.args[0])], node.attrs)
        yield from _same(f, c, SHIFT, safe)
    elif node.op in _OPENED:
        yield from _same(f, c, OPEN, definition(Term(node.op, tuple(f.term[f.find(a)] for a in node.args), node.attrs)))
    if node.op == "where":
        yield from _mask(f, node)
    if node.op in ("recip", "exp"):
        for inner in list(f.of(node.args[0])):
            for move, new, *_ in _turned(f, inner) if node.op == "recip" else _unlogged(f, inner):
                yield move, new, (node.args[0], inner)


def _same(f: Forms, c: int, move: Move, term: Term) -> Found:
    """A whole term that is equal to the class."""
    other = f.insert(term)
    if other != f.find(c):
        yield move, f.first[other]


def _mask(f: Forms, node: Node) -> Found:
    """where(c, x, 0) = [c]·x and where(c, 0, x) = [not c]·x for masks that cost nothing."""
    condition, a, b = (f.find(x) for x in node.args)
    mask = f.term[condition]
    for kept, other, test in ((a, b, mask), (b, a, Term("not", (mask,)))):
        if f.term[other] is ZERO and f.term[kept] is not ONE:
            factor = f.insert(Term("where", (test, ONE, ZERO)))
            yield MASK, Node("con", (factor, kept), (NONE,))


def _turned(f: Forms, inner: Node) -> Found:
    """1/(x·y) = 1/x · 1/y"""
    if inner.op == "con" and not inner.bound and len(inner.args) <= 4:
        yield TURN, Node("con", tuple(f.add(Node("recip", (a,)), TURN) for a in inner.args), (NONE,))


def _unlogged(f: Forms, inner: Node) -> Found:
    """exp(x - log z) = exp(x)/z; z is positive, for its logarithm is meant."""
    if inner.op != "sum":
        return
    for i, a in enumerate(inner.args):
        z = _minus_log(f, f.find(a))
        if z is not None:
            rest = f.add(Node("sum", inner.args[:i] + inner.args[i + 1 :]), UNLOG)
            yield UNLOG, Node("con", (f.add(Node("exp", (rest,)), UNLOG), f.add(Node("recip", (z,)), UNLOG)), (NONE,))


def _minus_log(f: Forms, c: int) -> int | None:
    """z where the class is -log z."""
    for node in f.of(c):
        if node.op == "con" and not node.bound and len(node.args) == 2:
            terms = [f.term[f.find(a)] for a in node.args]
            if MINUS_ONE in terms:
                other = f.find(node.args[1 - terms.index(MINUS_ONE)])
                for inner in f.of(other):
                    if inner.op == "log":
                        return f.find(inner.args[0])
    return None


def _top(x: Term, axes: tuple[Axis, ...]) -> Term:
    for axis in axes:
        x = reduce("max", axis, x)
    return x


def _weights(x: Term, axes: tuple[Axis, ...]) -> tuple[Term, Term]:
    """exp(x - max x), and its sum."""
    weight = below = exp(sub(x, _top(x, axes)))
    for axis in axes:
        below = reduce("sum", axis, below)
    return weight, below


def _safe_softmax(x: Term, axes: tuple[Axis, ...]) -> Term:
    from commute.theory.ops import mul

    weight, below = _weights(x, axes)
    return mul(weight, recip(below))


def _safe_logsumexp(x: Term, axes: tuple[Axis, ...]) -> Term:
    from commute.theory.ops import add

    return add(_top(x, axes), log(_weights(x, axes)[1]))


_SAFE: dict[str, Callable[[Term, tuple[Axis, ...]], Term]] = {
    "softmax": _safe_softmax,
    "logsumexp": _safe_logsumexp,
    "log_softmax": lambda x, axes: sub(x, _safe_logsumexp(x, axes)),
}
"""Composites of exp, with the largest argument taken out: the form that can't overflow."""

_OPENED = {name for name in COMPOSITES if name in ("softmax_or_zero",)}

_MOVES = {"con": _con_moves, "sum": _sum_moves, "leaf": lambda f, c, node: iter(())}
_OTHERS = _other_moves
