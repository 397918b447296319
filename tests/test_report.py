"""The napkin page and the pictures of plans: committed baselines, figures that are the model's, and a browser that opens it.

`COMMUTE_GOLDEN=write pytest tests/test_report.py -k golden` writes the baselines anew; look at each before committing it.
What may be added here: what must hold of every page. What never belongs here: how it looks.
"""

import os
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from math import isclose
from pathlib import Path
from xml.etree import ElementTree

import pytest

from commute.derivation_pictures import stages
from commute.egraph.derivation import Rewrite
from commute.egraph.plan import Plan
from commute.emitting import CompilablePlan
from commute.loading import load
from commute.optimizing import optimize
from commute.plan_figures import KernelFigures
from commute.plan_picture import plan_svg
from commute.plan_plots import roofline_plot
from commute.plan_sweep import sweep
from commute.plots import Plot
from commute.report import page
from commute.theory.axes import axis
from commute.theory.ops import composite, exp, mul, recip, sub, total
from commute.theory.terms import index, read, reduce
from tests.plans_by_hand import BY_HAND, causal, flash, normed_product, two_passes
from tests.test_draw import holds_together

GOLDEN = Path(__file__).parent / "golden"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def attention() -> CompilablePlan:
    fn = load(str(Path(__file__).parents[1] / "examples/attention.py") + ":attention").function
    return optimize(fn, sizes={"b": 2, "h": 16, "n": 4096, "w": 1024, "d": 128})


def figures_of(plan: Plan) -> KernelFigures:
    assert plan.forms is not None
    return KernelFigures(plan.forms, plan.kernels[0])


# --- pictures of plans -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", BY_HAND, ids=lambda make: make.__name__)
def test_golden_plan_is_the_committed_one(make) -> None:
    picture, path = plan_svg(make()), GOLDEN / f"plan_{make.__name__}.svg"
    if os.environ.get("COMMUTE_GOLDEN") == "write":
        path.write_text(picture, encoding="utf-8")
    assert picture == path.read_text(encoding="utf-8"), f"{path.name} differs: look at the new picture"
    holds_together(picture)


@pytest.mark.parametrize("make", BY_HAND, ids=lambda make: make.__name__)
def test_symbolic_figures_are_the_models(make) -> None:
    plan = make()
    figures = figures_of(plan)
    assert isclose(sum(p.value for p in figures.traffic()), plan.cost["traffic"])
    assert isclose(sum(p.value for p in figures.widest()), plan.cost["memory"])


def test_figures_are_written_as_on_a_napkin() -> None:
    figures = figures_of(flash())
    assert sorted(p.text for p in figures.traffic()) == ["h n d", "h n d", "h n d m ∕ g_n", "h n d m ∕ g_n"]
    assert sorted(p.text for p in figures.widest()) == ["g_n d", "g_n d", "g_n s_m", "s_m d"]
    assert set(figures.labels.values()) == {"h / 1", "n / 64", "m ~ 32"}


def test_each_level_has_its_colour_and_each_change_its_arrow() -> None:
    picture = plan_svg(flash())
    root = ElementTree.fromstring(picture)
    classes = [x.get("class", "") for x in root.iter()]
    assert {"wire", "wire shared", "wire near"} <= set(classes)
    # q (n, d), k and v (m, d) and the woven h come in; the result (n, d) and h go out.
    assert classes.count("to shared") == 7 + 1  # and the arrow of the bracket
    assert classes.count("to outside") == 3


def test_a_plan_in_two_passes_has_two_brackets() -> None:
    assert plan_svg(two_passes()).count('class="bracket"') == 2
    assert plan_svg(causal()).count('class="bracket"') == 1


def test_weights_are_arrays_that_move_in_a_plan() -> None:
    assert 'class="learned"' not in plan_svg(normed_product())


# --- derivations -----------------------------------------------------------------------------------------------------


def test_what_a_step_changes_is_tinted_and_what_it_keeps_is_not() -> None:
    n, m = axis("n"), axis("m")
    x = read("x", [index(n), index(m)], [n.size, m.size])
    weights = exp(sub(x, reduce("max", m, x)))
    before, after = composite("softmax", x, axes=(m,)), mul(weights, recip(total(m, weights)))
    plan = flash()
    plan.reference, plan.derivation = (before,), (Rewrite("regroup", (), before, before), Rewrite("shift", (), before, after))
    first, second = stages(plan)
    assert [style for part in first.drawing.under for style in re.findall('class="([^"]*)"', part)] == ["tint next"]
    assert sum('class="tint made"' in part for part in second.drawing.under) == 5  # max, -, e, sum, ÷
    assert second.moves == (("regroup", (), True), ("shift", (), False))


def test_a_derivation_that_goes_nowhere_says_so() -> None:
    assert "as it is drawn" in page(flash())


# --- the page --------------------------------------------------------------------------------------------------------


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.unbalanced: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.fetched += [v for k, v in attrs if k in ("src", "href", "srcset", "data") and v and not v.startswith("data:")]
        assert tag != "script"
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        pass

    def handle_endtag(self, tag) -> None:
        if self.open.pop() != tag:
            self.unbalanced.append(tag)


def test_page_stands_alone_and_has_every_section(attention: CompilablePlan, tmp_path: Path) -> None:
    text = page(attention)
    parser = _Links()
    parser.feed(text)
    assert not parser.fetched and not parser.open and not parser.unbalanced
    assert "url(" not in text and "@import" not in text and "@font-face" not in text
    assert re.findall("<h2>(.*?)</h2>", text)[:5] == [
        "The definition",
        "The derivation",
        "The plan",
        "What it costs",
        "Where it stands",
    ]
    for step in attention.derivation:
        assert step.move in text
    assert f"{attention.kernels[0].figures['traffic']:,.0f}" in text
    assert "nan" not in re.sub(r"[a-z]nan|nan[a-z]", "", text) and "prefers-color-scheme" in text
    attention.report(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == text


def test_a_plan_without_its_space_has_a_shorter_page() -> None:
    text = page(replace(flash(), forms=None))
    assert "The definition" in text and "What it costs" not in text


def test_page_escapes_what_a_user_writes() -> None:
    plan = flash()
    plan.name, plan.reason, plan.verdict = "<b>&", "x < y", "UNKNOWN"
    assert "<h1>&lt;b&gt;&amp;</h1>" in page(plan) and "x &lt; y" in page(plan)


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
@pytest.mark.parametrize("width", [700, 1400])
def test_a_browser_opens_it_without_an_error(tmp_path: Path, width: int) -> None:
    (tmp_path / "page.html").write_text(page(flash()), encoding="utf-8")
    run = subprocess.run(
        [CHROMIUM or "", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-logging=stderr",
         "--v=0", f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={tmp_path / 'page.png'}",
         f"--window-size={width},3000", (tmp_path / "page.html").as_uri()],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    said = [line for line in run.stderr.splitlines() if "CONSOLE" in line or "Not allowed" in line or "ERR_" in line]
    assert run.returncode == 0 and not said, said
    assert (tmp_path / "page.png").stat().st_size > 20000


# --- plots -----------------------------------------------------------------------------------------------------------


def test_the_sweep_never_lies_below_its_bound_and_never_rises() -> None:
    for make in (flash, normed_product):
        rows = sweep(make())
        assert len(rows) > 10
        assert all(r.ratio > 0.999 for r in rows)
        assert all(a.traffic >= b.traffic * 0.999 for a, b in zip(rows, rows[1:], strict=False))


def test_the_bound_of_two_products_falls_with_the_memory() -> None:
    at = {r.capacity: r for r in sweep(flash(), [2.0**15, 2.0**17])}
    assert isclose(at[2.0**15].bound, 16 * 4096 * 2048 * 128 * 128 / 2**15)
    assert at[2.0**17].bound == 2 * 16 * (4096 + 2048) * 128  # every array once is more than that by now


def test_no_kernel_stands_above_the_roof(attention: Plan) -> None:
    plot, row = roofline_plot(attention), attention.row
    assert plot is not None and row is not None
    fastest = max(v.bandwidth for v in row.levels[:-1])
    for x, y, _, style in plot.marks:
        if style == "accent":
            assert y <= min(row.matmul["float16"], x * fastest)


def test_a_plot_keeps_everything_in_its_frame() -> None:
    plot = Plot("x", "y", "a < b", str, str)
    plot.curve([(1, 1e3), (1e6, 1e9)], "accent", "up")
    plot.mark(1e6, 1e9, "a rather long name", "accent")
    root = ElementTree.fromstring(plot.svg())
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    for x in root.iter():
        for key, most in (("x", width), ("y", height), ("cx", width), ("cy", height)):
            assert 0 <= float(x.get(key, 0)) <= most
