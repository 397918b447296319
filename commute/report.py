"""The napkin page: a plan as one self-contained page of HTML, its diagrams, formulae and plots drawn in place.

What may be added here: a section of the page. What never belongs here: how a diagram or a plot is drawn, figures that the
plan doesn't hold, anything that is fetched from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from pathlib import Path

from commute.derivation_pictures import Stage, stages
from commute.egraph.plan import KernelPlan, Plan, Rival
from commute.egraph.symbolic import Formulae
from commute.plan_figures import KernelFigures, size_name, summed
from commute.plan_picture import byte_size, kernel_drawings
from commute.plan_plots import frontier_plot, roofline_plot, sweep_plot, thinned
from commute.plan_sweep import sweep
from commute.plan_words import amount, duration
from commute.plots import PLOT_STYLE, Plot
from commute.report_style import PAGE_STYLE
from commute.theory.canvas import Drawing
from commute.theory.draw import draw_equation, drawing_of
from commute.theory.law import find_law
from commute.theory.machines import DTYPES
from commute.theory.symbols import PLAN_STYLE, STYLE, number

LEAST_SCALE = 0.55
"""No diagram is shown smaller than this; on a narrow screen it is moved sideways instead."""


def write_report(plan: Plan, path: str | Path) -> None:
    """Write the page of a plan that was made in this process."""
    Path(path).write_text(page(plan), encoding="utf-8")


def page(plan: Plan) -> str:
    """The page of a plan as one HTML text; the same plan gives the same bytes."""
    steps = stages(plan)
    sections = (
        _definition(plan, steps), _derivation(plan, steps), _kernels(plan), _formulae(plan), _plots(plan), _rivals(plan)
    )  # fmt: skip
    title = f"{plan.name} on {plan.machine}"
    style = "\n".join((STYLE, PLAN_STYLE, PLOT_STYLE, PAGE_STYLE))
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
    head += f'<link rel="icon" href="data:,"><title>{escape(title)}</title>\n<style>\n{style}\n</style>'
    body = "\n".join((_header(plan), *filter(None, sections), _footer(plan)))
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body><main>\n{body}\n</main></body></html>\n'


# --- sections --------------------------------------------------------------------------------------------------------


def _header(plan: Plan) -> str:
    sizes = ", ".join(f"<i>{escape(s)}</i> = {n:,}" for s, n in plan.sizes.items())
    figures = [
        (duration(plan.cost["seconds"]), "a run, by the model"),
        (byte_size(plan.cost["bytes"]), "moved (H)"),
        (byte_size(plan.cost["memory"] * DTYPES[plan.dtype]), "held by a group (M)"),
    ]
    if "naive" in plan.gain:
        figures.append((f"{plan.gain['naive']:.3g}×", f"less {plan.objective} than every operation on its own"))
    if "unfused" in plan.gain:
        figures.append((f"{plan.gain['unfused']:.3g}×", f"less {plan.objective} than its own operations at their best"))
    cells = "".join(f"<div><b>{a}</b><span>{b}</span></div>" for a, b in figures)
    return (
        f"<header><h1>{escape(plan.name)}</h1>\n<p class=lead>on {escape(plan.machine)} in {plan.dtype}, {sizes}</p>\n"
        f"<div class=figures>{cells}</div>\n<p class=verdict>{_verdict(plan)}</p></header>"
    )


def _verdict(plan: Plan) -> str:
    if plan.verdict == "PROVED":
        axioms = f"; axioms: {', '.join(plan.axioms)}" if plan.axioms else ""
        return f"<b>PROVED</b> equal to the definition over the reals, for all sizes, by a certificate{escape(axioms)}."
    return f"<b>{escape(plan.verdict)}</b> {escape(plan.reason)}"


def _definition(plan: Plan, steps: list[Stage]) -> str:
    text = (
        "Wires are axes, a stack of wires is an array, time runs to the right. An operation touches the axes it reads; "
        "the others run straight past it. Wires that bend together are summed over."
    )
    first = steps[0].drawing if len(plan.reference) == 1 else drawing_of(plan.reference)
    return _section("The definition", _figure(first, f"{plan.name} as it is written"), text)


def _derivation(plan: Plan, steps: list[Stage]) -> str:
    if len(steps) == 1:
        return _section("The derivation", "<p>The plan computes the definition as it is drawn.</p>")
    parts, shown = [], set()
    for stage in steps[1:]:
        parts += [_law(stage, shown), _figure(stage.drawing, stage.title)]
    text = "A dashed outline is what the next step changes, a tinted ground what the last one made."
    return _section("The derivation", "\n".join(parts), text)


def _law(stage: Stage, shown: set[str]) -> str:
    """The name of a step, and the statement of each of its laws where it occurs first."""
    names, pictures = [], []
    for move, laws, silent in stage.moves:
        quiet = " <span>(the diagram stays the same)</span>" if silent else ""
        names.append(f"<p><b>{escape(move)}</b>{_by(laws)}{quiet}</p>")
        for name in () if silent else laws:
            if name not in shown:
                shown.add(name)
                pictures.append(_statement(name))
    return f"<div class=law>{''.join(names)}<div class=laws>{''.join(filter(None, pictures))}</div></div>"


def _by(laws: Iterable[str]) -> str:
    names = ", ".join(escape(n.replace("_", " ")) for n in laws)
    return f" <span>by {names}</span>" if names else ""


def _statement(name: str) -> str:
    try:
        law = find_law(name)
    except KeyError:
        return ""
    picture = re.sub(r"<style>.*?</style>\n?", "", draw_equation(law.lhs, law.rhs), flags=re.S)
    title = escape(law.doc.strip().split("\n")[0])
    return f"<figure class=small>{picture}<figcaption><i>{escape(name.replace('_', ' '))}</i>: {title}</figcaption></figure>"


def _kernels(plan: Plan) -> str:
    drawings = kernel_drawings(plan)
    if not drawings:
        return ""
    parts = []
    for i, (kernel, drawing) in enumerate(zip(plan.kernels, drawings, strict=True), 1):
        parts.append(f"<h3>{'' if len(plan.kernels) == 1 else f'Kernel {i}: '}{_kernel_words(kernel)}</h3>")
        parts.append(_figure(drawing, f"kernel {i}"))
    outer, inner = (plan.row.levels[0].name, plan.row.inner.name) if plan.row else ("outside", "inside")
    legend = (
        f"<p class=legend><span class=outer>{escape(outer)}</span><span class=inner>{escape(inner)}, for a tile</span>"
        "<span class=registers>registers, one number a position</span>"
        "<span class=move>a transfer, with the size of a tile</span></p>"
    )
    text = (
        "<i>n / 64</i> is parted into groups of 64, <i>n ~ 64</i> streamed 64 at a time. Under each column stands what moves "
        "in the whole run (H) and what a group holds then (M), in values; ″ is the same as before."
    )
    return _section("The plan", "\n".join((legend, *parts)), text)


def _kernel_words(kernel: KernelPlan) -> str:
    f = kernel.figures
    words = [f"{duration(f['seconds'])}, bound by {escape(kernel.bound_by)}"]
    if kernel.stream is not None:
        words.append("one pass" if kernel.passes == 1 else f"{kernel.passes} passes")
    if kernel.split is not None:
        words.append(f"{escape(kernel.split[0].name)} parted over {kernel.split[1]} groups, merged after")
    if kernel.share < 1:
        words.append(f"{kernel.share:.0%} of the blocks, the mask leaves the others empty")
    return ", ".join(words)


def _formulae(plan: Plan) -> str:
    if plan.forms is None:
        return ""
    rows, found = [], plan.formulae()
    for i, kernel in enumerate(plan.kernels, 1):
        figures = KernelFigures(plan.forms, kernel)
        low = f"<sub>{i}</sub>" if len(plan.kernels) > 1 else ""
        rows.append(_equation(f"H{low}", summed(figures.traffic()), kernel.figures["traffic"]))
        rows.append(_equation(f"M{low}", summed(figures.widest()), kernel.figures["memory"]))
        tiles = [f"g_{size_name(a)} = {t:,}" for a, t in kernel.grid.items() if 1 < t < figures.full[a]]
        tiles += [f"s_{size_name(kernel.stream[0])} = {kernel.stream[1]:,}"] if kernel.stream else []
        rows.append(f"<p class=tiles>{', '.join(map(_lowered, tiles)) or 'one position of the grid at a time'}</p>")
        rows.append(_best(found[i - 1], low))
    if len(plan.kernels) > 1:
        rows.append(
            _equation("H", tuple(f"{'+ ' if i else ''}H_{i + 1}" for i in range(len(plan.kernels))), plan.cost["traffic"])
        )
    text = "Sizes are in values, <i>g</i> is the tile of a grouped axis, <i>s</i> the chunk of a streamed one."
    return _section("What it costs", f"<div class=formulae>{''.join(rows)}</div>", text)


def _best(formulae: Formulae, low: str) -> str:
    """H with the best tiles for a memory M, where it has a closed form, and how it falls with M."""
    if formulae.optimum is None:
        return ""
    tiles = ", ".join(f"{t} = {e}" for t, e in formulae.tiles.items())
    falls = ", ".join(f"<i>M</i><sup>−{str(b).replace('/', '∕')}</sup>" for _, b in formulae.exponents)
    words = f"at {_lowered(_plain(tiles))}" + (f"; falls as {falls}" if falls else "")
    best = _lowered(_plain(str(formulae.optimum)))
    return f"<p class=formula><i>H{low}</i>* = {best}</p><p class=tiles>with the best tiles for a memory <i>M</i>, {words}</p>"


def _plain(text: str) -> str:
    """A formula of sympy as people write it: `d**2` stays for `_lowered` to raise."""
    text = re.sub(r"sqrt\((\w+)\)", r"√\1", text).replace("/", " ∕ ")
    return re.sub(r"(?<!\*)\*(?!\*)", " ", text)


def _equation(left: str, terms: Iterable[str], value: float) -> str:
    right = " ".join(map(_lowered, terms))
    return f"<p class=formula><i>{left}</i> = {right} <span>= {value:,.0f}</span></p>"


def _lowered(text: str) -> str:
    """A formula as HTML: letters in italics, `g_n` with a low n."""
    low = re.sub(r"_([\w−]+)", r"<sub>\1</sub>", escape(text))
    low = re.sub(r"\*\*(\d+)", r"<sup>\1</sup>", low)
    return re.sub(r"(?<![<a-zA-Z/])([a-zA-Z]+)(?![^<]*>)", r"<i>\1</i>", low)


def _plots(plan: Plan) -> str:
    rows = sweep(plan)
    plots = [(roofline_plot(plan), _ROOFLINE), (frontier_plot(plan), _FRONTIER), (sweep_plot(plan, rows), _SWEEP)]
    cells = [_plot(plot, words) for plot, words in plots if plot is not None]
    table = "".join(
        f"<tr><td>{amount(r.capacity)}</td><td>{amount(r.traffic)}</td><td>{amount(r.bound)}</td><td>{r.ratio:.2f}</td></tr>"
        for r in thinned(rows)
    )
    head = "<tr><th>M</th><th>H</th><th>bound</th><th>H ∕ bound</th></tr>"
    words = (
        "<p class=note>Achieved over bound. The bound leaves constants out: a ratio near one is good, none says optimal.</p>"
    )
    tail = f"<div class=table><table>{head}{table}</table>{words}</div>" if table else ""
    return _section("Where it stands", f"<div class=plots>{''.join(cells)}{tail}</div>")


_ROOFLINE = "Roofline: what the machine allows at so many operations for each byte moved, and where the plan stands."
_FRONTIER = "Frontier: plans of equal functions that no other beats in time, memory and traffic at once; hollow ones lost."
_SWEEP = "Traffic over the memory that a group may use, tiles chosen anew; below it what any such computation must move."


def _plot(plot: Plot, words: str) -> str:
    return f"<figure>{plot.svg()}<figcaption>{escape(words)}</figcaption></figure>"


def _rivals(plan: Plan) -> str:
    if not plan.rivals:
        return ""
    rows = "".join(dict.fromkeys(map(_rival, plan.rivals)))
    head = "<tr><th>time</th><th>H</th><th>M</th><th>kernels</th><th class=words>why it lost</th></tr>"
    return _section("Runners-up", f"<table>{head}{rows}</table>")


def _rival(r: Rival) -> str:
    figures = duration(r.figures["seconds"]), amount(r.figures["traffic"]), amount(r.figures["memory"]), r.kernels
    return f"<tr>{''.join(f'<td>{x}</td>' for x in figures)}<td class=words>{escape(r.reason)}</td></tr>"


def _footer(plan: Plan) -> str:
    s = plan.search
    words = (
        f"{s['forms']} forms of {s['enodes']} nodes in {s['classes']} classes; search {escape(str(s['stopped']))}." if s else ""
    )
    tail = f"Times are the model's, of {escape(plan.machine)}; the notation is that of Neural Circuit Diagrams."
    return f"<footer>commute · {words} {tail}</footer>"


# --- parts -----------------------------------------------------------------------------------------------------------


def _section(title: str, body: str, text: str = "") -> str:
    words = f"\n<p class=note>{text}</p>" if text else ""
    return f"<section><h2>{title}</h2>{words}\n{body}</section>"


def _figure(drawing: Drawing, title: str) -> str:
    return f"<figure>{svg_of(drawing, title)}</figure>"


def svg_of(drawing: Drawing, title: str, margin: float = 6.0) -> str:
    """A drawing in a frame of its own size, without styles."""
    w, h = drawing.width + 2 * margin, drawing.height + 2 * margin
    size = f'width="{number(w)}" height="{number(h)}" viewBox="0 0 {number(w)} {number(h)}"'
    least = f'style="min-width:{number(LEAST_SCALE * w)}px"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size} {least}><title>{escape(title)}</title>'
    return f"{head}\n{drawing.at(margin, margin)}\n</svg>"
