"""Board notation: how a term is written for a person.  `str(term)` comes here; pictures are `draw.py`'s."""

from __future__ import annotations

from fractions import Fraction

from commute.theory.axes import Axis
from commute.theory.terms import Term, postorder

_LOOSE, _SUM, _PRODUCT, _TIGHT = 0, 1, 2, 3
_LIMIT = 4000


def board(term: Term) -> str:
    """The term in board notation, cut with an ellipsis where it would fill a page."""
    from commute.theory.ops import PRIMITIVES, REDUCTIONS

    def wrap(text: str, level: int, least: int) -> str:
        return text if level >= least else f"({text})"

    def write(t: Term, args: list[tuple[str, int]]) -> tuple[str, int]:
        texts = [a[0] for a in args]
        if t.op == "const":
            value: Fraction = t.attrs[0]
            return str(value), _TIGHT if value.denominator == 1 and value >= 0 else _PRODUCT
        if t.op == "named":
            return "π" if t.attrs[0] == "pi" else t.attrs[0], _TIGHT
        if t.op == "size":
            return f"|{t.attrs[0]}|", _TIGHT
        if t.op in ("hole", "state"):
            return t.attrs[0], _TIGHT
        if t.op == "ninf":
            return "-∞", _TIGHT
        if t.op in ("true", "false"):
            return t.op, _TIGHT
        if t.op == "axis":
            return t.attrs[0].name, _TIGHT
        if t.op == "input":
            return t.attrs[0] + (f"[{', '.join(texts)}]" if texts else ""), _TIGHT
        if t.op == "reduce":
            return f"{REDUCTIONS[t.attrs[0]]}[{t.attrs[1]}] {wrap(*args[0], _PRODUCT)}", _SUM
        if t.op == "fold":
            axis, names, part = t.attrs
            n = len(names)
            start = ", ".join(f"{s} = {x}" for s, x in zip(names, texts[:n], strict=True))
            step = ", ".join(f"{s} ← {x}" for s, x in zip(names, texts[n:], strict=True))
            return f"fold[{axis}]({start}; {step}).{names[part]}", _TIGHT
        if t.op == "add" and t.args[1].op == "mul" and t.args[1].args[0].op == "const" and texts[1].startswith("-1·"):
            return f"{texts[0]} - {texts[1][3:]}", _SUM
        if t.op == "add":
            return f"{texts[0]} + {texts[1]}", _SUM
        if t.op == "mul":
            return f"{wrap(*args[0], _PRODUCT)}·{wrap(*args[1], _PRODUCT)}", _PRODUCT
        if t.op == "recip":
            return f"1/{wrap(*args[0], _TIGHT)}", _PRODUCT
        if t.op == "sqrt":
            return f"√{wrap(*args[0], _TIGHT)}", _TIGHT
        if t.op in PRIMITIVES:
            infix = not PRIMITIVES[t.op].board.endswith(")")
            texts = [wrap(*a, _PRODUCT) for a in args] if infix and t.op not in ("where", "max", "min") else texts
            return PRIMITIVES[t.op].board.format(*texts), _LOOSE if infix else _TIGHT
        axes = [str(a) for a in t.attrs if isinstance(a, Axis)]
        return f"{t.op}{'[' + ', '.join(axes) + ']' if axes else ''}({', '.join(texts)})", _TIGHT

    done: dict[Term, tuple[str, int]] = {}
    for t in postorder(term):
        text, level = write(t, [done[a] for a in t.args])
        done[t] = (text if len(text) <= _LIMIT else text[: _LIMIT // 2] + " … " + text[-_LIMIT // 4 :], level)
    return done[term][0]
