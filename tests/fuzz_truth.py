"""Whether an equation that was proved is true: both sides at small sizes and adversarial values, total and strict.

To add here: a kind of values.  Never here: how pairs are made (fuzz_terms.py), a prover.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from fractions import Fraction

import flint
import numpy as np

from commute.theory.axes import Axis
from commute.theory.terms import BOOL, REAL, Term, postorder
from commute.verify.evaluate import BudgetExceeded, evaluate
from commute.verify.sample import BITS, Undecided, Value, differ
from tests.fuzz_terms import ARRAYS, AXES, SIZES
from tests.random_terms import World, places

Arrays = Mapping[str, np.ndarray]
_HIDDEN = 4
"""Draws in which what a comparison may hide is looked for by exact values; a fifth of many."""
_KINDS: tuple[Callable[[random.Random], float], ...] = (
    lambda r: r.randint(-8, 8) / 4,
    lambda r: r.choice((-1.0, 0.0, 0.0, 1.0)),
    lambda r: r.choice((0.5, 0.5, 0.5, -0.5)),
    lambda r: -r.randint(1, 12) / 4,
    lambda r: r.randint(1, 12) / 4,
    lambda r: float(r.randint(-24, 24)),
    lambda r: 0.0,
)


def drawn(r: random.Random, sizes: Mapping[str, int], given: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Inputs of one kind: quarters, ties, zeros, one sign, large; `given` restricts signs."""
    arrays = {}
    for name, (sort, shape, bound) in ARRAYS.items():
        kind = r.choice(_KINDS)
        dims = [s.at(sizes) for s in shape]
        if sort == REAL:
            flat = [_signed(r, kind, given.get(name, 7)) for _ in range(int(np.prod(dims)))]
        elif sort == BOOL:
            share = r.choice((0.0, 0.5, 0.5, 1.0))
            flat = [r.random() < share for _ in range(int(np.prod(dims)))]
        else:
            top = bound.at(sizes) if bound is not None else None
            flat = [r.randrange(top) if top else r.randint(-3, 4) for _ in range(int(np.prod(dims)))]
        arrays[name] = np.array(flat).reshape(dims)
    return arrays


def _signed(r: random.Random, kind: Callable[[random.Random], float], mask: int) -> float:
    for _ in range(8):
        value = kind(r)
        if mask & (1 if value < 0 else 2 if value == 0 else 4):
            return value
    return 1.25 if mask & 4 else -1.25


def falsified(a: Term, b: Term, everywhere: bool, given: Mapping[str, int], seed: int, draws: int = 10) -> str:
    """Where the two differ, or where b is undefined and a defined; nothing where no draw tells."""
    r = random.Random(seed)
    free = tuple(x for x in AXES if x in a.free | b.free)
    hidden = everywhere and _hides(b)
    for number in range(draws):
        sizes = dict(zip("nm", SIZES[number % len(SIZES)], strict=True))
        arrays = drawn(r, sizes, given)
        try:
            loose = evaluate([a, b], sizes, arrays, free)
            tight = evaluate([a, b], sizes, arrays, free, strict=True)
        except BudgetExceeded:
            continue
        with np.errstate(all="ignore"):
            defined = ~np.isnan(np.asarray(tight[0], dtype=float))
            whole = everywhere or bool(defined.all())
            left, right = (np.asarray(v, dtype=float) for v in loose)
            gap = np.abs(left - right) > 1e-6 * (1 + np.abs(left) + np.abs(right))
            apart = gap | (np.isinf(left) != np.isinf(right)) | (np.isnan(left) != np.isnan(right))
            lost = defined & np.isnan(np.asarray(tight[1], dtype=float)) & np.isfinite(left) & np.isfinite(right)
        if whole and apart.any() and _surely_apart(a, b, sizes, arrays, r):
            return f"they differ at {sizes}, {_shown(arrays, a, b)}: {left.tolist()} and {right.tolist()}"
        if whole and (lost.any() or (hidden and number < max(_HIDDEN, draws // 5))) and _surely_lost(a, b, sizes, arrays, r):
            return f"the second is undefined at {sizes}, {_shown(arrays, a, b)}"
    return ""


def _hides(t: Term) -> bool:
    """Whether floats may not show that the term is undefined: a comparison with NaN is false, not NaN."""
    tests = [c for c in postorder(t) if c.op in ("lt", "le", "eq")]
    return any(p.op in ("recip", "log", "sqrt") for p in postorder(*tests))


def _surely_apart(a: Term, b: Term, sizes: Mapping[str, int], arrays: Arrays, r: random.Random) -> bool:
    """Whether exact values say so too: floats overflow and cancel."""
    here = World(sizes, r, arrays=arrays)
    with flint.ctx.workprec(4 * BITS):
        for at in places(sizes, tuple(x for x in AXES if x in a.free | b.free)):
            try:
                if differ(here.of(a, at), here.of(b, at)):
                    return True
            except (Undecided, ValueError, OverflowError):
                continue
    return False


class _Undefined(Exception):
    """A quotient by 0, a logarithm of what isn't positive, a root of what is negative."""


class _Strict(World):
    """A world in which operators are defined where mathematics defines them."""

    def of(self, term: Term, at: Mapping[Axis, int] | None = None) -> Value:
        if term.op in ("recip", "log", "sqrt"):
            value = super().of(term.args[0], at)
            assert value is not None and not isinstance(value, bool)
            if not isinstance(value, Fraction) and 0 in value:
                raise Undecided
            if (value == 0 and term.op != "sqrt") or (value < 0 and term.op != "recip"):
                raise _Undefined
        return super().of(term, at)


def _surely_lost(a: Term, b: Term, sizes: Mapping[str, int], arrays: Arrays, r: random.Random) -> bool:
    """Whether exact values say so too that b is undefined where a is defined: floats underflow to 0."""
    here = _Strict(sizes, r, arrays=arrays)
    with flint.ctx.workprec(4 * BITS):
        for at in places(sizes, tuple(x for x in AXES if x in a.free | b.free)):
            try:
                here.of(a, at)
                here.of(b, at)
            except _Undefined:
                try:
                    here.of(a, at)
                    return True
                except _Undefined:
                    continue
            except (Undecided, ValueError, OverflowError, AssertionError):
                continue
    return False


def _shown(arrays: Arrays, *terms: Term) -> dict[str, object]:
    names = {t.attrs[0] for t in postorder(*terms) if t.op == "input"}
    return {n: v.tolist() for n, v in arrays.items() if n in names}


def shrunk(a: Term, b: Term, still: Callable[[Term, Term], bool]) -> tuple[Term, Term]:
    """A smaller pair of which the same is wrong: parts of both replaced by simpler ones."""
    from commute.theory.terms import ONE, ZERO, const
    from tests.fuzz_terms import put

    changed = True
    while changed:
        changed = False
        for part in sorted(postorder(a, b), key=lambda t: -t.size):
            simpler = [
                *(x for x in part.args if x.sort == part.sort),
                *((ONE, ZERO, const(Fraction(1, 2))) if part.args else ()),
            ]
            for new in simpler:
                if new.sort not in (part.sort, "int") or (part.sort == "int") != (new.sort == "int"):
                    continue
                c, d = put(a, part, new), put(b, part, new)
                if c.size + d.size < a.size + b.size and still(c, d):
                    a, b, changed = c, d, True
                    break
            if changed:
                break
    return a, b
