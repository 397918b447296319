"""What a kernel moves and holds as formulae: H and M in the size symbols and the tiles, with the optimum where it has one.

Tiles are written g_q (axis q is grouped), chunks s_x (axis x is streamed), parts p_x (axis x is split).  The numbers are those
of `cost.py`; a test holds the two together.  sympy is imported here only, where a formula is asked for.
To add here: another closed form.  Never here: a figure that `cost.py` doesn't have, or a search.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import sympy
from sympy import Expr, Rational, Symbol

from commute.egraph.cost import Costing, Region
from commute.egraph.forms import Forms
from commute.egraph.kernels import Kernel
from commute.theory.axes import Axis, Size

MEMORY = Symbol("M", positive=True)


@dataclass(frozen=True)
class Formulae:
    """Formulae of one kernel, in values.

    `traffic` is H and `memory` M (the widest column at the kernel's sizes) over sizes and tiles; `optimum` is H where the
    tiles are best for a capacity M and the chunk is small, or None where there is no closed form, `tiles` those tiles;
    `exponents` lists for each term of it that falls with M its coefficient and its beta, H* = ... + coefficient·M^(-beta).
    """

    traffic: Expr
    memory: Expr
    optimum: Expr | None
    tiles: Mapping[str, Expr]
    exponents: tuple[tuple[Expr, Expr], ...]

    def to_json(self) -> dict[str, Any]:
        """The formulae as text."""
        return {
            "H": str(self.traffic), "M": str(self.memory), "optimum": None if self.optimum is None else str(self.optimum),
            "tiles": {name: str(e) for name, e in self.tiles.items()},
            "exponents": [{"term": f"{c}*M**(-{b})", "coefficient": str(c), "beta": str(b)} for c, b in self.exponents],
        }  # fmt: skip


def formulae(forms: Forms, kernel: Kernel, sizes: Mapping[str, int]) -> Formulae:
    """The formulae of a kernel of a plan; `sizes` says in numbers which column is the widest."""
    return Symbolic(forms, kernel, sizes).formulae()


def size_expression(size: Size) -> Expr:
    """A size in sympy."""
    return sympy.Add(*(c * prod((_symbol(s) ** k for s, k in powers), start=sympy.Integer(1)) for powers, c in size.terms))


def _symbol(name: str) -> Symbol:
    return Symbol(name, positive=True)


def tile_name(axis: Axis) -> str:
    """What an axis is called in the name of a tile."""
    plain = "".join(c if c.isalnum() else "_" for c in str(axis.size)).strip("_")
    return plain + "'" * int(axis.copy or 0)


def _value(e: Expr, numbers: Mapping[Symbol, float]) -> float:
    return float(e.subs(list(numbers.items())))


def _coefficient(e: Expr, symbol: Symbol, power: int) -> Expr:
    """What stands with symbol^power in an expanded sum."""
    return sympy.expand(e).coeff(symbol, power) or sympy.Integer(0)


class Symbolic:
    """The formulae of one kernel; tiles of 1 and of a whole axis stay numbers and sizes."""

    def __init__(self, forms: Forms, kernel: Kernel, sizes: Mapping[str, int]):
        self.forms, self.kernel, self.sizes = forms, kernel, sizes
        self.parted = kernel.split if kernel.split in kernel.tiles else None
        self.region: Region = kernel.region
        axes = self.region.axes(forms) | {a for c in self.region.leaves for a in forms.free[c]}
        self.full: dict[Axis, Expr] = {a: size_expression(a.size) for a in axes}
        self.held = dict(self.full)
        self.values: dict[Symbol, float] = {}
        self.groups: list[Symbol] = []
        for a, tile in kernel.tiles.items():
            self.held[a] = self._tile("g", a, tile)
        self.chunk: Symbol | None = None
        if kernel.stream is not None:
            chunk = self._tile("s", kernel.stream, kernel.chunk)
            self.held[kernel.stream] = chunk
            self.chunk = chunk if isinstance(chunk, Symbol) and chunk in self.values else None

    def _tile(self, letter: str, axis: Axis, tile: int) -> Expr:
        whole = self.kernel.full.get(axis)
        if tile == 1 and (letter == "g" or whole == 1):
            return sympy.Integer(1)
        if letter == "s" and tile == whole:
            return self.full[axis]
        symbol = _symbol(f"{letter}_{tile_name(axis)}")
        self.values[symbol] = float(tile)
        if letter == "g":
            self.groups.append(symbol)
        return symbol

    def formulae(self) -> Formulae:
        """H, M, and what follows from them."""
        costing = Costing(self.forms, self.region, self.kernel.full, self.kernel.passes, split=self.parted)
        traffic = _tidy(self._traffic(costing))
        columns = self._columns(costing)
        numbers = self.numbers()
        memory = max(columns, key=lambda c: _value(c, numbers), default=sympy.Integer(0))
        optimum, tiles = Optimum(self, traffic, columns).solve()
        return Formulae(traffic, memory, optimum, tiles, exponents(optimum) if optimum is not None else ())

    def numbers(self) -> dict[Symbol, float]:
        """The kernel's sizes and tiles."""
        return self.values | {_symbol(name): float(n) for name, n in self.sizes.items()}

    def _volume(self, costing: Costing, c: int) -> Expr:
        return sympy.nsimplify(costing.volume(c, self.held), rational=True)  # pyright: ignore[reportArgumentType]

    def _traffic(self, costing: Costing) -> Expr:
        k, f = self.kernel, self.forms
        count = {a: self.full[a] / self.held[a] for a in k.tiles}
        groups = sympy.prod(count.values())
        steps = self.full[k.stream] / self.held[k.stream] if k.stream is not None else sympy.Integer(1)
        parts = self._parts() if self.parted is None else sympy.Integer(1)
        total = sympy.Integer(0)
        for leaf in self.region.leaves:
            amount = self._volume(costing, leaf)
            if k.stream is not None and k.stream in f.free[leaf] and k.passes is not None:
                used = max(1, sum(any(leaf in self.region.node[c].args for c in ops) for ops in k.passes.loop.values()))
                total += amount * steps * (used if steps != 1 else 1) * groups * self._share()
            else:
                total += amount * groups * parts
        for c in self.region.outputs:
            own = sympy.prod([n for a, n in count.items() if a in f.free[c]])
            total += self._volume(costing, c) * own * (steps if k.stream in f.free[c] else 1)
        into = self._parts() if self.parted is None else count[self.parted]
        if k.split is not None and k.parts > 1:
            states = [c for c in self.region.inner if k.split in self.region.node[c].bound]
            total += 2 * into * sum((sympy.prod([self.full[a] for a in f.free[c]]) for c in states), sympy.Integer(0))
        return total

    def _parts(self) -> Expr:
        k = self.kernel
        if k.parts <= 1 or k.split is None or self.parted is not None:
            return sympy.Integer(1)
        symbol = _symbol(f"p_{tile_name(k.split)}")
        self.values[symbol] = float(k.parts)
        return symbol

    def _share(self) -> Expr:
        """What a mask leaves of the blocks; not a formula of the sizes, so a number."""
        return sympy.Integer(1) if self.kernel.share == 1 else sympy.Float(self.kernel.share)

    def _columns(self, costing: Costing) -> list[Expr]:
        found = {
            _tidy(sympy.Add(*(self._volume(costing, c) for c in held))): None for _, held in costing.columns(self.kernel.tiles)
        }
        return list(found)


def _tidy(e: Expr) -> Expr:
    """Terms multiplied out and fractions kept as a person writes them."""
    return sympy.expand(e)


@dataclass
class Optimum:
    """The tiles of least traffic in closed form: one tile or product of tiles that memory bounds, or two that trade."""

    kernel: Symbolic
    traffic: Expr
    columns: list[Expr]

    def solve(self) -> tuple[Expr | None, dict[str, Expr]]:
        """H* and the tiles, or (None, {}) where there is no closed form here."""
        tiles = [g for g in self.kernel.groups if self.traffic.has(g)]
        columns = [c.subs(self.kernel.chunk, 0) if self.kernel.chunk is not None else c for c in self.columns]
        if self.kernel.chunk is not None and self.traffic.has(self.kernel.chunk):
            return None, {}
        widest = self._widest([c for c in columns if any(c.has(g) for g in tiles)])
        if not tiles or widest is None:
            return None, {}
        if len(tiles) == 1:
            return self._single(tiles[0], tiles[0], widest)
        return self._pair(tiles[0], tiles[1], widest) if len(tiles) == 2 else (None, {})

    def _widest(self, columns: list[Expr]) -> Expr | None:
        numbers = self.kernel.numbers()
        return max(columns, key=lambda c: _value(c, numbers), default=None)

    def _single(self, tile: Symbol, shown: Expr, memory: Expr) -> tuple[Expr | None, dict[str, Expr]]:
        """H = a + b/g and M = c·g + d: g = (M - d)/c."""
        slope, rest = _coefficient(memory, tile, 1), _coefficient(memory, tile, 0)
        if slope == 0 or sympy.expand(memory - slope * tile - rest) != 0:
            return None, {}
        best = sympy.simplify((MEMORY - rest) / slope)
        return sympy.expand(self.traffic.subs(tile, best)), {str(shown): best}

    def _pair(self, g: Symbol, h: Symbol, memory: Expr) -> tuple[Expr | None, dict[str, Expr]]:
        """H = a + b/g + c/h and M = k·g·h: g = sqrt(b M/(c k)); a product g·h that stands alone counts as one tile."""
        k = _coefficient(_coefficient(memory, g, 1), h, 1)
        if k == 0:
            return None, {}
        both = _symbol("gh")
        joined = sympy.expand(self.traffic.subs(g, both / h)), sympy.expand(memory.subs(g, both / h))
        if not joined[0].has(h) and not joined[1].has(h):
            self.traffic = joined[0]
            return self._single(both, g * h, joined[1])
        rest = sympy.expand(memory - k * g * h)
        b = _coefficient(_coefficient(self.traffic, g, -1), h, 0)
        c = _coefficient(_coefficient(self.traffic, h, -1), g, 0)
        a = sympy.expand(self.traffic - b / g - c / h)
        if rest.has(g) or rest.has(h) or a.has(g) or a.has(h) or b == 0 or c == 0:
            return None, {}
        room = MEMORY - rest
        first, second = (sympy.sqrt(sympy.simplify(x / y * room / k)) for x, y in ((b, c), (c, b)))
        return a + 2 * sympy.sqrt(sympy.simplify(b * c * k)) / sympy.sqrt(room), {str(g): first, str(h): second}


def exponents(optimum: Expr) -> tuple[tuple[Expr, Expr], ...]:
    """The terms of H* that fall with M, as (coefficient, beta); in leading order where a constant stands beside M."""
    found = []
    for term in sympy.Add.make_args(sympy.expand(optimum)):
        if term.has(MEMORY):
            beta = -sympy.limit(sympy.simplify(MEMORY * sympy.diff(term, MEMORY) / term), MEMORY, sympy.oo)
            found.append((sympy.limit(sympy.simplify(term * MEMORY**beta), MEMORY, sympy.oo), Rational(beta)))
    return tuple(found)


def stages_memory(forms: Forms, kernel: Kernel, held: Mapping[str, int], stages: int) -> int:
    """Values that staged copies of what a kernel reads take: one of what stays, `stages` of what is streamed.

    `held` gives the tile, chunk or size of each axis by its name; results and what lies between stay in registers.
    """
    total = 0
    for c in kernel.region.leaves:
        if forms.term[c].op == "input":
            copies = stages if kernel.stream in forms.free[c] else 1
            total += copies * prod(held[a.name] for a in forms.free[c])
    return total
