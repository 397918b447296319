"""Whether a program can be streamed along an axis: a decision with its reason, in the words that a person would use.

An axis that the result carries can be streamed where everything that is read carries it too, position by position; one that is
summed or reduced away, where some equal form takes it in one pass as one kernel (`streams.py` says which).
To add here: another reason.  Never here: the schedule, or a cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from commute.egraph.cost import Region
from commute.egraph.forms import Cyclic, Forms, Node
from commute.egraph.kernels import Target
from commute.egraph.moves import Explorer
from commute.egraph.planning import Search
from commute.egraph.streams import Passes, Scheduler
from commute.theory import messages
from commute.theory.axes import Axis
from commute.theory.machines import MACHINES
from commute.theory.messages import UsageError
from commute.theory.ops import COMPOSITES
from commute.theory.terms import Term, postorder

LONG, SHORT = 4096, 32
"""The size of the axis in question and of all others, while forms are looked for."""


@dataclass(frozen=True)
class Streamable:
    """Streaming is legal: `form` takes the axis in one pass; `states` are kept from chunk to chunk (none for a map),
    `corrected` of them are corrected as what they depend on moves."""

    axis: Axis
    form: Term
    states: tuple[Term, ...] = ()
    corrected: int = 0

    def __bool__(self) -> bool:
        return True


@dataclass(frozen=True)
class Refused:
    """Streaming is not legal, and why."""

    axis: str
    reason: str

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True)
class Reading:
    """An input read at an axis: its name and place, and the operator that reads the axis whole (None: position by position)."""

    name: str
    place: int
    whole: str | None


def streamable(term: Term, axis: str, *, seconds: float = 10.0) -> Streamable | Refused:
    """Whether `term` can be streamed along the axis named `axis`; for one that reduces it, within `seconds` of search."""
    woven = [a for a in term.free if a.name == axis]
    if woven:
        return _woven(term, min(woven, key=lambda a: a.key))
    bound = {a for t in postorder(term) for a in _over(t) if a.name == axis}
    if not bound:
        known = sorted({a.name for t in postorder(term) for a in (*t.free, *_over(t))})
        raise UsageError(messages.unknown_choice("axis", axis, known))
    return _reduced(term, axis, seconds)


def _over(t: Term) -> tuple[Axis, ...]:
    """The axes that a reduction or a composite works along."""
    if t.op in ("reduce", "fold"):
        return tuple(a for a in t.attrs if isinstance(a, Axis))
    return t.attrs if t.op in COMPOSITES and COMPOSITES[t.op].carries is not None else ()


# --- axes that the result carries ------------------------------------------------------------------------------------


def _woven(term: Term, axis: Axis) -> Streamable | Refused:
    readings = set(_readings(term, axis, None))
    here = {(r.name, r.place) for r in readings if r.whole is None}
    for r in sorted(readings, key=lambda r: (r.name, r.place, r.whole or "")):
        if r.whole is not None and r.whole.startswith("reading "):
            return Refused(axis.name, f"{r.whole} is not position by position along {axis.name}: not streamable")
        if r.whole is not None and ((r.name, r.place) in here or r.whole in COMPOSITES):
            return Refused(axis.name, f"{r.whole} reads the whole axis {axis.name}: not streamable")
    inputs = {t.attrs[0]: t for t in postorder(term) if t.op == "input" and t.args}
    without = sorted(name for name in inputs if not any(name == n for n, _ in here))
    if without:
        several = len(without) > 1
        return Refused(
            axis.name,
            f"axis {axis.name} is woven and {', '.join(without)} {'do' if several else 'does'}n't carry it: group it instead",
        )
    return Streamable(axis, term)


def _readings(t: Term, axis: Axis, whole: str | None) -> Iterator[Reading]:
    """How inputs are read at axes of this size, on the way down from the result."""
    if t.op == "input":
        for place, i in enumerate(t.args):
            if axis in i.free:
                elsewhere = f"reading {t.attrs[0]} at {i}" if i.op != "axis" else None
                yield Reading(t.attrs[0], place, whole or elsewhere)
            elif any(a.size == axis.size for a in i.free):
                yield Reading(t.attrs[0], place, "a reduction")
        return
    if axis in _over(t):
        whole = {"reduce": f"the {t.attrs[0]}", "fold": "a loop"}.get(t.op, t.op)
    for a in t.args:
        yield from _readings(a, axis, whole)


# --- axes that are reduced away --------------------------------------------------------------------------------------


def _reduced(term: Term, axis: str, seconds: float) -> Streamable | Refused:
    forms = Forms()
    root = forms.insert(term)
    Explorer(forms, seconds=seconds / 2).run()
    root = forms.find(root)
    best: tuple[int, Passes, dict[int, Node]] | None = None
    symbols = {s for c in forms.classes() for n in forms.of(c) for a in forms.free[c] | n.bound for s in a.size.symbols}
    sizes = {s: LONG if s == axis else SHORT for s in symbols}
    search = Search(forms, [root], sizes, Target(MACHINES["toy"], objective="traffic"), seconds=seconds / 2)
    for planned in search.run():
        for passes in _schedules(forms, planned.choice, root, axis):
            if best is None or passes.count < best[0]:
                best = (passes.count, passes, planned.choice)
    if best is None:
        return Refused(axis, f"no form takes the axis {axis} in one kernel")
    count, passes, choice = best
    if count <= 1:
        states = tuple(forms.term[c] for ops in passes.loop.values() for c in ops if passes.axis in choice[c].bound)
        return Streamable(passes.axis, forms.build(choice, root), states, len(passes.corrected))
    return Refused(axis, _blocked(forms, passes))


def _schedules(forms: Forms, choice: dict[int, Node], root: int, axis: str) -> Iterator[Passes]:
    """The schedules of a whole form along each copy of the axis; of several copies, each is gone over apart."""
    try:
        order = forms.order(choice, [root])
    except Cyclic:
        return
    inner = tuple(c for c in order if choice[c].op != "leaf")
    leaves = tuple(c for c in order if choice[c].op == "leaf")
    region = Region((root,), inner, leaves, choice)
    found = [
        Scheduler(forms, choice, inner, (root,), a).schedule() for a in sorted(region.axes(forms), key=lambda a: a.key)
        if a.name == axis and a not in forms.free[root]
    ]  # fmt: skip
    if len(found) == 1:
        yield found[0]


def _blocked(forms: Forms, passes: Passes) -> str:
    """Which reduction waits for which."""
    for late, early in passes.blocks.items():
        return (
            f"{forms.term[late]} waits for {forms.term[early]}, which reads the whole axis {passes.axis.name}: "
            f"{passes.count} passes, not streamable"
        )
    return f"{passes.count} passes over {passes.axis.name}: not streamable"
