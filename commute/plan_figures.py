"""A kernel's H and M as sums of products: what each array moves in the whole run, what each column holds in a tile.

The products are those of `egraph/cost.py`, written with the names of sizes, `g_n` for the tile of a grouped axis n and
`s_m` for the chunk of a streamed one; each is held against the model's number, which is shown alone where they differ.
To add here: another figure in symbols.  Never here: the cost model, or how figures are painted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isclose, prod

from commute.egraph.cost import Costing
from commute.egraph.forms import Forms
from commute.egraph.plan import KernelPlan
from commute.theory.axes import Axis
from commute.theory.picture import wire_name
from commute.theory.terms import Term, postorder


@dataclass(frozen=True)
class Product:
    """A product of sizes over a product of tiles, and its value; no names where the model's number has no such form."""

    value: float
    over: tuple[str, ...] = ()
    under: tuple[str, ...] = ()
    times: float = 1.0

    @property
    def text(self) -> str:
        """`b h n m d ∕ g_n`."""
        if not self.over:
            return f"{self.value:,.0f}"
        low = f" ∕ {' '.join(self.under)}" if self.under else ""
        times = self.times * prod(int(n) for n in self.over if n.isdigit())
        names = [f"({n})" if "−" in n and "_" not in n else n for n in self.over if not n.isdigit()]
        return " ".join(([] if times == 1 and names else [f"{times:.3g}"]) + names) + low


def summed(products: Iterable[Product]) -> tuple[str, ...]:
    """The terms of a sum, equal ones counted: `2 b h n d`, `+ ...`."""
    texts = Counter(p.text for p in products)
    terms = [t if n == 1 else f"{n} {t}" for t, n in texts.items()]
    return tuple(t if not i else f"+ {t}" for i, t in enumerate(terms))


def size_name(axis: Axis) -> str:
    """The name of an axis' size: `n`, `4w`, `h−2`."""
    text = str(axis.size).replace("_less_", "−").replace("-", "−")
    return "".join(c for c in text if c not in "()* _")


class KernelFigures:
    """The figures of one kernel of a plan."""

    def __init__(self, forms: Forms, plan: KernelPlan):
        self.forms, self.plan, self.kernel = forms, plan, plan.kernel
        k = self.kernel
        self.full, self.tiles = k.full, k.tiles
        split = k.split if k.split in k.tiles else None
        self.costing = Costing(forms, k.region, k.full, k.passes, k.share, split)
        self.parts = 1 if split is not None else k.parts
        self.held: dict[Axis, float] = {a: float(n) for a, n in k.full.items()} | {a: float(t) for a, t in k.tiles.items()}
        if k.stream is not None:
            self.held[k.stream] = float(k.chunk)
        self.terms = self._terms()
        order = dict.fromkeys(
            a for c in k.region.leaves for i in self.terms[c].args for a in sorted(i.free, key=lambda a: a.key)
        )
        self.rank: Mapping[Axis, int] = {a: i for i, a in enumerate(order)}

    def _terms(self) -> dict[int, Term]:
        """The term of each class of the kernel, over arrays."""
        region, terms = self.kernel.region, dict(self.plan.arrays)
        for c in region.leaves:
            terms.setdefault(c, self.forms.term[c])
        for c in region.inner:
            terms[c] = self.forms.term_of(region.node[c], terms)
        return terms

    # --- names

    def label(self, axis: Axis) -> str:
        """How an axis is parted, as it is written on its wire: `n / 64` grouped, `m ~ 128` streamed."""
        if axis in self.tiles:
            return f"{wire_name(axis)} / {self.tiles[axis]}" if self.tiles[axis] < self.full[axis] else wire_name(axis)
        return f"{wire_name(axis)} ~ {self.kernel.chunk}" if axis == self.kernel.stream else wire_name(axis)

    @property
    def labels(self) -> dict[Axis, str]:
        """The labels of all axes that are parted."""
        parted = (*self.tiles, *([self.kernel.stream] if self.kernel.stream else []))
        return {a: self.label(a) for a in parted}

    def _tile(self, axis: Axis) -> str:
        if self.held[axis] == 1:
            return ""
        if self.held[axis] == self.full[axis]:
            return size_name(axis)
        return f"{'g' if axis in self.tiles else 's'}_{size_name(axis)}"

    # --- H

    def reads(self, name: str) -> list[Product]:
        """What an array moves inwards in the whole run, for each way in which the kernel reads it."""
        return [self._leaf(c) for c in self.leaves(name)]

    def leaves(self, name: str) -> list[int]:
        """The classes by which the kernel reads an array."""
        region = self.kernel.region
        return [c for c in region.leaves if any(t.op == "input" and t.attrs[0] == name for t in postorder(self.terms[c]))]

    def _leaf(self, c: int) -> Product:
        k, axes = self.kernel, self.forms.free[c]
        groups = prod(self.full[a] / self.tiles[a] for a in self.tiles)
        amount = float(self.costing.volume(c, self.held)) * groups  # type: ignore[arg-type]
        again = self.parts * 1.0
        if k.stream is not None and k.stream in axes and k.passes is not None:
            steps = self.full[k.stream] / k.chunk
            used = max(1, sum(any(c in k.region.node[o].args for o in ops) for ops in k.passes.loop.values()))
            amount *= steps
            again = (used if steps > 1 else 1) * k.share
        repeated = [a for a in self.tiles if a not in axes and self.tiles[a] < self.full[a]]
        over = tuple(size_name(a) for a in self._ordered((*axes, *repeated)) if self.full[a] > 1)
        under = tuple(self._tile(a) for a in repeated if self.tiles[a] > 1)
        value = prod(self.full[a] for a in axes) * prod(self.full[a] / self.tiles[a] for a in repeated)
        fits = isclose(value, amount, rel_tol=1e-9)
        return Product(amount * again, over if fits else (), under, again)

    def writes(self, index: int) -> Product:
        """What a result moves outwards in the whole run."""
        axes = self.plan.makes[index].axes
        return Product(
            float(prod(self.full[a] for a in axes)), tuple(size_name(a) for a in self._ordered(axes) if self.full[a] > 1)
        )

    def traffic(self) -> list[Product]:
        """The terms of H; partial states that a second kernel merges are one term."""
        terms = [self._leaf(c) for c in self.kernel.region.leaves if self.is_read(c)]
        terms += [self.writes(i) for i in range(len(self.plan.makes))]
        rest = self.kernel.traffic - sum(t.value for t in terms)
        return terms if rest < 1e-6 * self.kernel.traffic else [*terms, Product(rest)]

    def is_read(self, c: int) -> bool:
        """Whether a class is read from an array; numbers and index arithmetic are not."""
        return any(t.op == "input" for t in postorder(self.terms[c]))

    # --- M

    def columns(self) -> list[tuple[int, list[Product]]]:
        """Each operation in the order of work, with what is held then."""
        return [(op, [self.holds(c) for c in then]) for op, then in self.costing.columns(self.tiles)]

    def holds(self, c: int) -> Product:
        """How many values of a class a tile holds."""
        axes = self.forms.free[c]
        amount = float(self.costing.volume(c, self.held))  # type: ignore[arg-type]
        names = tuple(sorted((n for a in self._ordered(axes) if (n := self._tile(a))), key=lambda n: "_" not in n))
        fits = isclose(amount, prod(self.held[a] for a in axes), rel_tol=1e-9)
        return Product(amount, names if fits else ())

    def widest(self) -> list[Product]:
        """The column that holds most."""
        return max((p for _, p in self.columns()), key=lambda ps: sum(p.value for p in ps), default=[])

    def _ordered(self, axes: Iterable[Axis]) -> list[Axis]:
        """The axes as the arrays that are read have them."""
        return sorted(axes, key=lambda a: (self.rank.get(a, len(self.rank)), a.key))
