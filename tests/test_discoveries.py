"""The catalogue: what is found from plain definitions; the search knows laws and moves, and no algorithm by name.

To add here: a property of the catalogue as a whole.  Never here: a row (`kernels/`), or how a plan is searched.
"""

import re
from pathlib import Path

import pytest

from commute.discovering import case_found
from commute.egraph import moves
from commute.egraph.bounds import least_seconds, least_traffic_of
from commute.egraph.forms import Move
from commute.kernels.catalogue import ROWS
from commute.kernels.row import Case
from commute.optimizing import optimize
from commute.theory.law import all_laws
from commute.theory.machines import MACHINES
from commute.theory.schemas import SCHEMAS

ROOT = Path(__file__).parents[1]
SLOW = {"causal_linear_attention", "attention_gradient"}
SLOW |= {"attention_layer_on_four", "kl_divergence", "linear_cross_entropy", "fourth_power_attention"}
"""Programs that `make discoveries` alone runs."""

ALIKE = {"capped_scores", "added_bias", "linear_biases", "sliding_window", "mlp_on_four", "entropy", "gated_sum_attention"}
"""Programs that stand beside a harder one of the same row, or that another test runs."""

CASES = [(r.number, c) for r in ROWS for c in r.cases if c.name not in SLOW | ALIKE]


def test_there_are_24_rows() -> None:
    assert [r.number for r in ROWS] == list(range(1, 25))


@pytest.mark.parametrize(("number", "case"), CASES, ids=[f"{n}-{c.name}" for n, c in CASES])
def test_a_plan_is_found_with_a_certificate(number: int, case: Case) -> None:
    found = case_found(case)
    assert found["found"], found["missing"]
    assert found["certificate"]
    assert found["gain"] >= 1


BOUNDED = [c for _, c in CASES if c.name in ("attention", "lora", "latent_attention")]


@pytest.mark.parametrize("case", BOUNDED, ids=lambda c: c.name)
def test_no_kernel_is_faster_than_what_it_must_move_and_compute(case: Case) -> None:
    plan = optimize(case.reference, sizes=case.sizes)
    assert plan.forms is not None
    for kernel in plan.kernels:
        own, full = kernel.kernel, kernel.kernel.full
        least = least_seconds(plan.forms, own.region, full, MACHINES["h100"], "float16", 2)
        assert 0 < least <= own.seconds * (1 + 1e-9)
        if own.share == 1:
            assert least_traffic_of(plan.forms, own.region, full) <= own.traffic * (1 + 1e-9)


@pytest.mark.parametrize("case", BOUNDED[:1], ids=lambda c: c.name)
def test_rivals_differ_in_their_figures(case: Case) -> None:
    plan = optimize(case.reference, sizes=case.sizes)
    figures = [(round(r.figures["seconds"], 12), r.figures["traffic"], r.figures["flops"], r.figures["exps"], r.reason)
               for r in plan.rivals]  # fmt: skip
    assert figures and len(set(figures)) == len(figures)


NAMES = re.compile(r"attention|flash|\bquer(y|ies)\b|\bkeys?\b.*\bvalues?\b|\blora\b|\bmla\b|\bgqa\b|swiglu|layer.?norm|"
                   r"rms.?norm|online.?softmax|cross.?entropy|kronecker|decoding", re.IGNORECASE)  # fmt: skip


def _code(path: Path) -> str:
    """A file without docstrings, comments, and the papers that a law is taken from."""
    text = re.sub(r'"""(.|\n)*?"""', "", path.read_text(encoding="utf-8"))
    return re.sub(r'#.*|citation=".*?"', "", text)


SEARCH = sorted((ROOT / "egraph").glob("*.py"))
LAWS = sorted((ROOT / "theory" / "laws").glob("*.py"))


@pytest.mark.parametrize("path", [*SEARCH, *LAWS], ids=lambda p: p.stem)
def test_no_law_and_no_move_names_an_algorithm(path: Path) -> None:
    assert not NAMES.findall(_code(path))


def test_the_names_that_are_looked_for_would_be_seen() -> None:
    assert all(NAMES.search(name) for name in ("flash_attention", "is_layer_norm", "query", "LoRA", "decoding"))


MOVES = [m for m in vars(moves).values() if isinstance(m, Move)]


@pytest.mark.parametrize("move", MOVES, ids=lambda m: m.name)
def test_the_laws_of_a_move_stand_in_the_book(move: Move) -> None:
    known = {law.name for law in all_laws()} | set(SCHEMAS)
    assert set(move.laws) <= known
    assert move.laws or move.name == "as written"
