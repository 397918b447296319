"""What a verdict says of sizes and assumptions, in the user's names.

To add here: another thing that a claim rests on, in words.  Never here: a decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commute.lowering.paths import is_made
from commute.theory.axes import Size
from commute.verify.verdict import ANY


def sizes_in_words(lifted: Any, fixed: Mapping[str, int]) -> dict[str, int | str]:
    """Of each axis what the claim covers: an integer, ANY, or a restriction in words; what paths leave out is left out."""
    sizes: dict[str, int | str] = {}
    for name in sorted({s for path in lifted.paths for s in (*path.symbols, *path.fixed) if not is_made(s)}):
        values = [path.fixed.get(name, Size.symbol(name)) for path in lifted.paths]
        sizes[name] = _covered(name, values, _left_out(lifted, name))
    for name, size in lifted.sizes.items():
        constant = Size.of(size).constant
        if constant is not None:
            sizes[name] = constant
        elif size != Size.symbol(name):
            sizes[name] = f"= {size} for any {', '.join(sorted(size.symbols))}"
    return sizes | dict(fixed)


def _left_out(lifted: Any, name: str) -> set[int]:
    """The numbers that a size isn't on any path on which it has no fixed value."""
    free = [path for path in lifted.paths if path.fixed.get(name, Size.symbol(name)) == Size.symbol(name)]
    found = []
    for path in free:
        offsets = [(sign * size - Size.symbol(name)).constant for size in path.facts.nonzero for sign in (1, -1)]
        found.append({-offset for offset in offsets if offset is not None})
    return set.intersection(*found) if found else set()


def _covered(name: str, values: list[Size], out: set[int]) -> int | str:
    """What several paths cover of one size: all of it, all from a number on, or what each of them says."""
    single = {v.constant for v in values if v.constant is not None}
    least: int | None = None
    others: list[str] = []
    for v in values:
        if v.constant is not None:
            continue
        (symbol,) = v.symbols if len(v.symbols) == 1 else ("",)
        offset = (v - Size.symbol(symbol)).constant if symbol else None
        if v == Size.symbol(name):
            least = 1
        elif offset is not None and offset >= 0:
            least = min(least or offset + 1, offset + 1)
        else:
            others.append(f"= {v}")
    out -= single
    while least in out:
        out, least = out - {least}, least + 1
    while least is not None and least - 1 in single:
        least -= 1
    but = f" but {', '.join(map(str, sorted(out)))}" if out else ""
    if least == 1:
        return ANY + but
    alone = sorted(s for s in single if least is None or s < least)
    if len(alone) == 1 and least is None and not others:
        return alone[0]
    said = [f"= {s}" for s in alone] + ([f"at least {least}{but}"] if least is not None else []) + others
    return " or ".join(dict.fromkeys(said))


def assumed_in_words(assume: Mapping[str, Any], excluded: tuple[str, ...]) -> tuple[str, ...]:
    """What was assumed of arguments, and the sizes of which nothing is said."""
    said = [f"{n} is {a if isinstance(a, str) else f'in {a[0]} .. {a[1]}'}" for n, a in assume.items()]
    return (*said, *(f"nothing is said where {each}" for each in excluded))
