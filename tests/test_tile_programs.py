"""Tile programs and the Torch files printed from them: right at sizes that divide and that don't; mutants are caught."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from commute.lowering.blocks import condition
from commute.lowering.checking import agrees, shrunk
from commute.lowering.checking_printed import loaded, printed_agrees, small_source
from commute.lowering.tile import Compute, Loop, Running, Step, TileProgram
from commute.theory.axes import axis
from commute.theory.ops import land, lnot, lor, lt, mul
from commute.theory.terms import const, index
from tests.tile_cases import SIZES, TileCase, loops, tile_case


@pytest.mark.parametrize("name", SIZES)
def test_a_tile_program_is_its_term_and_its_file_computes_it(name: str) -> None:
    case = tile_case(name)
    assert case.plan.verdict == "PROVED"
    exact = agrees(case.plan, case.program, case.lifted.inputs)
    assert exact.kind == "equal", exact
    assert len(exact.sizes) == 4
    assert printed_agrees(case.plan, case.lifted, small_source(case.plan, case.lifted, case.program))
    assert printed_agrees(case.plan, case.lifted, case.plan.emit("torch"))


def test_the_cases_have_every_kind_of_step() -> None:
    steps = {name: [s for k in tile_case(name).program.kernels for s in k.steps] for name in SIZES}
    assert any(isinstance(s, Running) and s.scale for s in steps["window"])
    assert all(loop.skip for loop in loops(tile_case("window").program))
    assert any(isinstance(s, Running) and s.moved for s in steps["variance"])
    assert len(tile_case("trace").program.kernels) == 2, "the parts and their merge"
    assert len(loops(tile_case("softmax backward").program)) == 2
    assert loops(tile_case("softmax backward").program)[-1].stores


# --- mutants of the program ------------------------------------------------------------------------------------------


def mutants(program: TileProgram) -> Iterator[tuple[str, TileProgram]]:
    """The program with one step changed: something that is needed is dropped or another operation is done."""
    for i, k in enumerate(program.kernels):
        for j, step in enumerate(k.body):
            inner = step.steps if isinstance(step, Loop) else (step,)
            for n, s in enumerate(inner):
                for what, changed in changes(s):
                    new = (*inner[:n], changed, *inner[n + 1 :])
                    if isinstance(step, Loop):
                        body = (*k.body[:j], replace(step, steps=new), *k.body[j + 1 :])
                    else:
                        body = (*k.body[:j], *new, *k.body[j + 1 :])
                    kernels = (*program.kernels[:i], replace(k, body=body), *program.kernels[i + 1 :])
                    yield f"{what} in {k.name}: {s.target.name}", replace(program, kernels=kernels)


def changes(s: Step) -> Iterator[tuple[str, Step]]:
    """A step, wrong in one way."""
    if isinstance(s, Running):
        if s.scale:
            yield "a rescale is dropped", replace(s, scale=())
        for n in range(len(s.moved)):
            yield f"moment {n} is dropped", replace(s, moved=(*s.moved[:n], *s.moved[n + 1 :]))
        if s.kind == "max":
            yield "another extreme", replace(s, kind="min", floored=False)
    if len(s.args) > 1 and (isinstance(s, Running) or s.op in ("con", "sum")):
        carried = {a for o in s.args[1:] for a in o.axes}
        if s.args[0].axes and {*s.target.axes, *s.bound} <= carried:
            yield "an operand is dropped", replace(s, args=s.args[1:])
    if isinstance(s, Compute) and s.op == "where":
        yield "a mask is turned round", replace(s, args=(*s.args[:1], *s.args[:0:-1]))
    if isinstance(s, Compute) and s.op == "exp":
        yield "an exponential is another function", replace(s, op="tanh")
    if isinstance(s, Compute) and s.op == "recip":
        yield "a quotient is turned over", replace(s, op="con", attrs=(frozenset(),))


# An extreme that is subtracted and given back may be any number, and so may the centre of the parts' moments; about their
# own mean the first moment is 0, so what it adds to the second is too.
EQUAL = re.compile(r"another extreme|turned over in variance_0_parts|moment 0 is dropped in variance_0_parts: v4$")


@pytest.mark.parametrize("name", ["logsumexp", "window", "split variance", "trace", "softmax backward"])
def test_every_mutant_of_a_tile_program_is_caught(name: str) -> None:
    case = tile_case(name)
    rows = [{s: 7 - i % 2 for i, s in enumerate(sorted(case.plan.sizes))}]
    found = list(mutants(case.program))
    assert found
    survivors = [
        what
        for what, mutant in found
        if not EQUAL.search(what) and agrees(case.plan, mutant, case.lifted.inputs, rows).kind == "equal"
    ]
    assert not survivors


def test_a_skip_that_is_too_wide_is_caught() -> None:
    case = tile_case("window")
    (kernel,) = case.program.kernels
    body = tuple(_wider(s) if isinstance(s, Loop) else s for s in kernel.body)
    mutant = replace(case.program, kernels=(replace(kernel, body=body),))
    rows = [{s: 7 for s in case.plan.sizes}]
    assert agrees(case.plan, case.program, case.lifted.inputs, rows).kind == "equal"
    assert agrees(case.plan, mutant, case.lifted.inputs, rows).kind != "equal"


def _wider(loop: Loop) -> Loop:
    assert loop.skip is not None
    cases = tuple(tuple(replace(h, rest=h.rest - 2) for h in case) for case in loop.skip.cases)
    return replace(loop, skip=replace(loop.skip, cases=cases))


# --- mutants of the file ---------------------------------------------------------------------------------------------

WRONG = (
    ("a chunk ends early", r"_1 = min\((\w+) \+ 2, (\w+)\)", r"_1 = min(\1 + 1, \2)"),
    ("a loop starts late", r"in range\(0, (\w+), 2\)", r"in range(2, \1, 2)"),
    ("a rescale is dropped", r"(v\d+) = \1 \* \S+ \+", r"\1 = \1 +"),
    ("a product isn't turned", r"\.mT", ""),
    ("a mask is dropped", r"torch\.where\(torch.*, -torch\.inf, (v\d+)\)$", r"\1"),
    ("a skip is wrong", r"if (\w+) - 1 < (\w+):", r"if \1 - 1 < \2 + 1:"),
)


@pytest.mark.parametrize("name", ["logsumexp", "window", "variance"])
def test_every_mutant_of_a_printed_file_is_caught(name: str) -> None:
    case = tile_case(name)
    source = small_source(case.plan, case.lifted, case.program)
    rows = [{s: 7 - i % 2 for i, s in enumerate(sorted(case.plan.sizes))}]
    assert printed_agrees(case.plan, case.lifted, source, rows)
    tried = 0
    for what, old, new in WRONG:
        for hit in re.finditer(old, source, re.MULTILINE):
            mutant = source[: hit.start()] + hit.expand(new) + source[hit.end() :]
            if mutant != source:
                tried += 1
                assert not printed_agrees(case.plan, case.lifted, mutant, rows), f"{what}: {hit.group()}"
    assert tried >= 2


# --- blocks and numbers ----------------------------------------------------------------------------------------------


def test_a_condition_is_read_only_where_it_surely_holds() -> None:
    i, j = index(axis("n")), index(axis("n", 1))
    assert len(condition(lt(i, j))) == 1
    assert len(condition(lor(lt(i, j), lt(j, i)))) == 2
    assert len(condition(land(lt(i, j), lt(j, const(3))))[0]) == 2
    assert condition(lnot(lt(i, j)))[0][0].rest == -1
    assert condition(lt(mul(i, j), i)) == ()


def test_rows_and_chunks_that_are_masked_throughout_stay_numbers() -> None:
    case: TileCase = tile_case("window")
    fast = loaded(small_source(case.plan, case.lifted, case.program), case.plan.name)
    q, k, v = (torch.randn(23, 4) * 100 for _ in range(3))
    assert torch.isfinite(fast(q, k, v)).all()
    assert torch.allclose(fast(q, k, v), case.fn(q, k, v), atol=1e-4)


def test_half_precision_is_computed_in_single() -> None:
    case = tile_case("attention")
    fast = case.plan.compile("torch")
    q, k, v = (torch.randn(300, 16).half() for _ in range(3))
    found = fast(q, k, v)
    assert found.dtype == torch.float16
    assert torch.allclose(found.float(), case.fn(q.float(), k.float(), v.float()), atol=1e-3)


def test_tiles_are_made_small_once_and_for_all() -> None:
    program = tile_case("trace").program
    assert shrunk(shrunk(program)) == shrunk(program) != program


def test_a_compiled_plan_stands_in_for_its_function() -> None:
    case = tile_case("swiglu")
    fast = case.plan.compile("torch")
    x, a, b = torch.randn(5, 4), torch.randn(4, 6), torch.randn(4, 6)
    assert torch.allclose(fast(x, a, b), case.fn(x, a, b), atol=1e-6)
    assert torch.allclose(fast(x, w2=b, w1=a), case.fn(x, a, b), atol=1e-6)
    assert all(found.kind == "equal" for found in case.plan.checks.values())
    with pytest.warns(RuntimeWarning, match="a size is 0"):
        assert fast(x[:0], a, b).shape == (0, 6)
    with pytest.warns(RuntimeWarning, match="w2 has shape"):
        assert torch.allclose(fast(x, a, b[:, :1]), case.fn(x, a, b[:, :1]))


def test_a_file_refuses_what_it_wasnt_made_for() -> None:
    case = tile_case("cross entropy")
    fast = loaded(case.plan.emit("torch"), case.plan.name)
    x, w, y = torch.randn(5, 4), torch.randn(4, 6), torch.randint(0, 6, (5,))
    assert torch.allclose(fast(x, w, y), case.fn(x, w, y))
    assert torch.allclose(fast(x.mT.contiguous().mT, w, y), case.fn(x, w, y))
    for wrong, kind in (
        ((x[0], w, y), ValueError), ((x, w[:3], y), ValueError), ((x, w, y[:4]), ValueError), ((x.long(), w, y), TypeError),
        ((x, w.double(), y), TypeError), ((x, w, y.float()), TypeError), ((x, w, y - 100), IndexError),
        ((x, w, y + 6), IndexError),
    ):  # fmt: skip
        with pytest.raises(kind):
            fast(*wrong)
