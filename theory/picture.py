"""The graph of a picture: symbols, and which wire of which symbol goes on into which.

A `Node` has the axes that come out of it; a `Use` says under which names a later node takes them, so that a value that
occurs twice up to the names of its axes (x at n, x at n') is one node that forks.
To add here: facts about the graph.  Never here: positions, SVG, or what a term looks like (`recognise.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain

from commute.theory.axes import Axis, first_free
from commute.theory.recognise import Seen, own_places, plain, recognise, signature
from commute.theory.terms import Term, index, instantiate, postorder, read


@dataclass(frozen=True)
class Use:
    """A value that enters a symbol: the node it comes from, and the names of that node's axes here."""

    node: int
    axes: tuple[Axis, ...]


@dataclass(frozen=True)
class Node:
    """A symbol: what enters it, the axes of what leaves it, the axes that it touches, and its board notation.

    `level` is where what leaves it lives ("" outside, "shared", "near", "away"); `tinted` marks what a
    step has made ("made") or will change ("next").
    """

    kind: str
    label: str = ""
    title: str = ""
    uses: tuple[Use, ...] = ()
    out: tuple[Axis, ...] = ()
    touched: tuple[Axis, ...] = ()
    level: str = ""
    tinted: str = ""
    term: Term | None = field(default=None, compare=False, repr=False)


@dataclass
class Picture:
    """Nodes, arguments before the node that uses them, the last of kind `out`; and the axes woven past all of them."""

    nodes: list[Node] = field(default_factory=list)
    woven: tuple[Axis, ...] = ()


def picture_of(terms: Iterable[Term], unused: Iterable[Term] = (), learned: bool = True) -> Picture:
    """The graph of the terms; `unused` are arrays that nothing reads; weights have wires where they aren't `learned`."""
    builder = _Builder(learned)
    outputs = tuple(builder.use(t) for t in terms)
    for term in unused:
        if term.op == "input" and term.attrs[0] not in builder.arrays:
            builder.nodes.append(Node("drop", "", "deleted", (builder.use(term),)))
    builder.nodes.append(Node("out", "", "", outputs))
    return Picture(builder.nodes, woven(builder.nodes))


HOLE = "⟨⟩"
"""What stands around the name of an array that is a hole of a law."""


def scopes(*terms: Term) -> dict[str, frozenset[Axis]]:
    """Hole -> the axes that it can depend on: in scope at every one of its occurrences."""
    found: dict[str, frozenset[Axis]] = {}
    stack = [(t, t.free) for t in terms]
    while stack:
        term, scope = stack.pop()
        if term.op == "hole":
            found[term.attrs[0]] = found.get(term.attrs[0], scope) & scope
        inside = scope | ({a for a in term.attrs if isinstance(a, Axis)} if term.op != "axis" else set())
        stack.extend((a, inside) for a in term.args)
    return found


def filled(term: Term, holes: Mapping[str, Iterable[Axis]]) -> Term:
    """The term with an array in place of each hole, over the axes that the hole carries."""
    arrays = {}
    for t in postorder(term):
        if t.op == "hole":
            axes = sorted(holes.get(t.attrs[0], ()), key=lambda a: a.key)
            name = f"{HOLE[0]}{t.attrs[0]}{HOLE[1]}"
            arrays[t.attrs[0]] = read(name, map(index, axes), (a.size for a in axes), t.attrs[1])
    return instantiate(term, arrays, {}) if arrays else term


def wire_name(axis: Axis) -> str:
    """What is written on a wire: `n`, `n'`, `64`, `4w`."""
    name = axis.name.removeprefix("#")
    return _short(name)


def _short(text: str) -> str:
    """Names of product axes without brackets and signs: (4*w) as 4w; differences as people write them."""
    text = re.sub(r"(\w+?)_less_(\d+)", r"\1−\2", text).replace("#", "")
    return re.sub(r"[(]([^ ()]*)[)]", r"\1", text).replace("*", "")


class _Builder:
    def __init__(self, learned: bool = True) -> None:
        self.learned = learned
        self.nodes: list[Node] = []
        self.arrays: dict[str, int] = {}
        self.known: dict[object, tuple[int, tuple[Axis, ...]]] = {}

    def use(self, root: Term) -> Use:
        """The node of a term, and its names here; deep terms are walked with a stack of their own."""
        stack = [root]
        while stack:
            term = stack[-1]
            missing = [a for a in self._needs(term) if self._find(a) is None]
            if missing:
                stack.extend(reversed(missing))
                continue
            stack.pop()
            if self._find(term) is None:
                self._add(term, recognise(term, self.learned))
        found = self._find(root)
        assert found is not None
        return found

    def _needs(self, term: Term) -> tuple[Term, ...]:
        seen = recognise(term, self.learned)
        return seen.args[1:] if seen.kind == "map" else seen.args

    def _find(self, term: Term) -> Use | None:
        if plain(term):
            axes = tuple(a.attrs[0] for a in term.args)
            return self._array(term, axes)
        key, names = signature(term)
        if key not in self.known:
            return None
        node, own = self.known[key]
        move = dict(zip(own, names, strict=True))
        return Use(node, tuple(move.get(a, a) for a in self.nodes[node].out))

    def _array(self, term: Term, axes: tuple[Axis, ...]) -> Use:
        name = term.attrs[0]
        if name not in self.arrays:
            shape = ", ".join(str(s) for s in term.attrs[2])
            self.arrays[name] = len(self.nodes)
            title = f"{name.strip(HOLE)}: {shape or 'a number'}"
            self.nodes.append(Node("hole" if name[0] in HOLE else "array", name.strip(HOLE), title, (), axes, term=term))
        return Use(self.arrays[name], axes)

    def _add(self, term: Term, seen: Seen) -> None:
        label = seen.label
        if seen.kind == "map":
            first, label = self._mapped(seen.args[0], term)
            uses = (first, *map(self._use_known, seen.args[1:]))
        else:
            uses = tuple(map(self._use_known, seen.args))
        before = dict.fromkeys(chain(*(u.axes for u in uses)))
        moved = [a for a in uses[0].axes if a not in term.free] if seen.kind == "map" else []
        touched = tuple(dict.fromkeys((*moved, *seen.touched)))
        fresh = [a for a in touched if a not in before and a in term.free]
        out = (*(a for a in before if a in term.free or a not in touched), *fresh)
        key, names = signature(term)
        self.known[key] = (len(self.nodes), names)
        self.nodes.append(Node(seen.kind, label, _title(term), uses, out, touched, term=term))

    def _use_known(self, term: Term) -> Use:
        found = self._find(term)
        assert found is not None
        return found

    def _mapped(self, read: Term, term: Term) -> tuple[Use, str]:
        """The array of a read at computed indices, under names of its own where they are computed; and the map."""
        taken = list(term.free)
        axes: list[Axis] = []
        texts = []
        for argument, size, own in zip(read.args, read.attrs[2], own_places(read), strict=True):
            if own:
                axes.append(argument.attrs[0])
                continue
            axes.append(first_free(size, taken))
            taken.append(axes[-1])
            texts.append(f"{wire_name(axes[-1])} = {_short(str(argument))}")
        return self._array(read, tuple(axes)), ", ".join(texts)


def _title(term: Term) -> str:
    text = re.sub(HOLE[0] + r"|" + HOLE[1] + r"(\[[^]]*])?", "", str(term))
    sizes = ", ".join(str(a) for a in sorted(term.free, key=lambda a: a.key))
    short = text if len(text) <= 160 else f"{text[:100]} … {text[-50:]}"
    return f"{short}   ({sizes})" if sizes else short


def woven(nodes: list[Node]) -> tuple[Axis, ...]:
    """The axes that every array carries from the left to the right under one name, and that no symbol touches."""
    inner = [n for n in nodes if n.kind not in ("out", "const")]
    uses = [u for n in nodes for u in n.uses if nodes[u.node].kind != "const"]
    result = []
    for axis in dict.fromkeys(chain(*(n.out for n in inner))):
        everywhere = all(axis in n.out and axis not in n.touched for n in inner if n.kind != "drop")
        unmoved = all(axis in u.axes and nodes[u.node].out.index(axis) == u.axes.index(axis) for u in uses)
        if everywhere and unmoved:
            result.append(axis)
    return tuple(result)
