"""The picture of a plan: each kernel with its levels as colours, its labels on the wires, and H and M under its columns.

To add here: another remark about a kernel that its picture shows.  Never here: figures that the plan doesn't hold, symbols.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from commute.egraph.plan import KernelPlan, Plan
from commute.plan_figures import KernelFigures, Product, summed
from commute.plan_words import amount
from commute.theory.annotating import Notes, Row
from commute.theory.canvas import Drawing
from commute.theory.draw import stacked
from commute.theory.layout import Layout, layout_of
from commute.theory.levels import levelled
from commute.theory.machines import DTYPES
from commute.theory.painting import paint
from commute.theory.picture import Node, picture_of, wire_name
from commute.theory.recognise import signature


def kernel_drawings(plan: Plan) -> list[Drawing]:
    """One picture for each kernel of a plan that was made in this process."""
    if plan.forms is None:
        return []
    return [_drawing(KernelFigures(plan.forms, k), k, DTYPES[plan.dtype]) for k in plan.kernels]


def plan_svg(plan: Plan) -> str:
    """The kernels of a plan, one under the other, as one SVG text."""
    return stacked(kernel_drawings(plan), f"{plan.name} on {plan.machine}")


def _drawing(figures: KernelFigures, kernel: KernelPlan, bytes_each: int) -> Drawing:
    """The picture of one kernel."""
    outputs = {f"out {i}": c for i, c in enumerate(kernel.kernel.region.outputs)}

    def size(name: str) -> str:
        classes = [outputs[name]] if name in outputs else figures.leaves(name)
        return byte_size(max((figures.holds(c).value for c in classes), default=0.0) * bytes_each)

    terms = [figures.terms[c] for c in kernel.kernel.region.outputs]
    picture = levelled(picture_of(terms, learned=False), frozenset(kernel.grid), size)
    layout = layout_of(picture)
    places = _places(layout)
    rows = (_moved(figures, layout, places), _held(figures, layout, places))
    return paint(layout, Notes(figures.labels, rows, _brackets(figures, layout, places)))


def byte_size(size: float) -> str:
    """Bytes in a unit that a person reads.

    >>> byte_size(65536), byte_size(12)
    ('64 KiB', '12 B')
    """
    for unit, name in ((1024.0**3, "GiB"), (1024.0**2, "MiB"), (1024.0, "KiB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size:.0f} B"


def _places(layout: Layout) -> dict[int, int]:
    """Node -> its column."""
    return {n: i for i, column in enumerate(layout.columns) for stands, n in column.items if stands}


def _moved(figures: KernelFigures, layout: Layout, places: Mapping[int, int]) -> Row:
    """H: what each transfer moves in the whole run."""
    under: dict[int, list[Product]] = {}
    nodes, done = layout.picture.nodes, 0
    for n, node in enumerate(nodes):
        if node.kind == "transfer" and node.level:
            source = nodes[node.uses[0].node]
            under.setdefault(places[n], []).extend(figures.reads(source.label))
        elif node.kind == "transfer":
            under.setdefault(places[n], []).append(figures.writes(done))
            done += 1
    total = (f"{amount(figures.kernel.traffic)}", "values moved")
    return Row("H", {c: summed(p) for c, p in under.items()}, total)


def _held(figures: KernelFigures, layout: Layout, places: Mapping[int, int]) -> Row:
    """M: what a group holds while the operations of a column run."""
    at = _columns_of(figures, layout.picture.nodes, places)
    under: dict[int, list[Product]] = {}
    for op, products in figures.columns():
        column = at.get(op)
        if column is not None:
            before = under.get(column, [])
            under[column] = max(before, products, key=lambda ps: sum(p.value for p in ps))
    texts = {c: summed(p) for c, p in under.items()}
    repeated = [
        c for c in sorted(texts) if any(texts[b] == texts[c] for b in [max((x for x in texts if x < c), default=-1)] if b >= 0)
    ]
    return Row(
        "M", {c: t if c not in repeated else ("″",) for c, t in texts.items()}, (amount(figures.kernel.memory), "values held")
    )


def _columns_of(figures: KernelFigures, nodes: Sequence[Node], places: Mapping[int, int]) -> dict[int, int]:
    """Class -> the column in which it is computed, for those that have a symbol."""
    known = {signature(n.term)[0]: places[i] for i, n in enumerate(nodes) if n.term is not None and n.kind != "transfer"}
    found = {c: known.get(signature(figures.terms[c])[0]) for c in figures.kernel.region.inner}
    return {c: column for c, column in found.items() if column is not None}


def _brackets(figures: KernelFigures, layout: Layout, places: Mapping[int, int]) -> tuple[tuple[int, int, str], ...]:
    """A bracket over the columns of each pass over the streamed axis."""
    kernel, nodes = figures.kernel, layout.picture.nodes
    if kernel.stream is None or kernel.passes is None or kernel.chunk >= figures.full[kernel.stream]:
        return ()
    at = _columns_of(figures, nodes, places)
    found = []
    for p, ops in sorted(kernel.passes.loop.items()):
        reads = {a for c in ops for a in kernel.region.node[c].args if a in kernel.region.leaves}
        arrays = {
            figures.terms[a].attrs[0]
            for a in reads
            if kernel.stream in figures.forms.free[a] and figures.terms[a].op == "input"
        }
        loads = [
            places[n] for n, x in enumerate(nodes) if x.kind == "transfer" and x.level and nodes[x.uses[0].node].label in arrays
        ]
        columns = [*(at[c] for c in ops if c in at), *loads]
        if columns:
            which = "" if len(kernel.passes.loop) == 1 else f", pass {p}"
            found.append((min(columns), max(columns), f"for each {kernel.chunk} of {wire_name(kernel.stream)}{which}"))
    return tuple(found)
