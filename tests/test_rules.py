"""Equations in TASO's operators: both syntaxes, what each operator computes, verdicts with their conditions, and bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from commute.cli import main
from commute.lowering.lift_taso import Evaluator, numbers_of_padding, pose
from commute.lowering.taso_audit import differ
from commute.lowering.taso_rules import Rule, abstracted, read_rules
from commute.lowering.taso_shapes import Shapes, Unshaped, Window
from commute.lowering.taso_sizes import Equation, NoSolution, solve
from commute.ruling import Ruling, judge
from commute.theory.axes import Size
from commute.theory.messages import UsageError

LISTS = Path(__file__).parents[2] / "shared" / "data"
GROUPED = "groups = 1"

torch.manual_seed(0)
X, Y = torch.randn(2, 4, 5, 6).double(), torch.randn(2, 4, 5, 6).double()
W, D = torch.randn(6, 4, 3, 3).double(), torch.randn(6, 2, 3, 2).double()
M, N, T = torch.randn(3, 4).double(), torch.randn(3, 4).double(), torch.randn(4, 3).double()


def one(text: str) -> Rule:
    [rule] = read_rules(text)
    return rule


def value(text: str, **given: torch.Tensor) -> torch.Tensor:
    """A side in calls, computed on these tensors."""
    shapes = Shapes(one(f"{text}=={text}"))
    sizes: dict[str, int] = {}
    for name, shape in shapes.variables.items():
        sizes |= {next(iter(s.symbols)): n for s, n in zip(shape.sizes, given[name].shape, strict=True)}

    def padding(window: Window) -> tuple[int, int]:
        return numbers_of_padding(window.kernel.at(sizes), window.stride, window.room.at(sizes))

    return Evaluator(shapes, given, lambda s: s.at(sizes), padding).of(shapes.rule.left)


MEANT: list[tuple[str, Any, dict[str, torch.Tensor]]] = [
    ("matmul(m,t)", M @ T, {"m": M, "t": T}),
    ("matmul(2,m,t)", torch.relu(M @ T), {"m": M, "t": T}),
    ("ewadd(m,n)", M + N, {"m": M, "n": N}),
    ("ewmul(m,n)", M * N, {"m": M, "n": N}),
    ("smul(m,2.5)", M * 2.5, {"m": M}),
    ("transpose(m)", M.T, {"m": M}),
    ("relu(m)", M.clamp(min=0), {"m": M}),
    ("concat(1,m,n)", torch.cat([M, N], 1), {"m": M, "n": N}),
    ("concat(1,4,x,y)", torch.cat([X, Y], 1), {"x": X, "y": Y}),
    ("split_0(1,concat(1,m,n))", M, {"m": M, "n": N}),
    ("split_1(0,relu(concat(0,4,x,y)))", Y.relu(), {"x": X, "y": Y}),
    ("conv2d(1,1,0,0,x,w)", F.conv2d(X, W, padding=1), {"x": X, "w": W}),
    ("conv2d(2,1,1,2,x,w)", F.conv2d(X, W, stride=(2, 1)).relu(), {"x": X, "w": W}),
    ("conv2d(1,1,1,3,x,w)", F.conv2d(X, D, groups=2).tanh(), {"x": X, "w": D}),
    ("conv2d(1,1,0,0,x,w)", F.conv2d(F.pad(X, (0, 1, 1, 1)), D, groups=2), {"x": X, "w": D}),
    ("poolavg(3,3,1,1,0,x)", F.avg_pool2d(X, 3, 1, 1), {"x": X}),
    ("poolmax(3,3,1,1,0,x)", F.max_pool2d(X, 3, 1, 1), {"x": X}),
    ("poolmax(2,2,2,2,1,0,x)", F.max_pool2d(X[:, :, :4], 2), {"x": X[:, :, :4]}),
    ("enlarge(5,5,w)", F.pad(W, (1, 1, 1, 1)), {"w": W}),
]


@pytest.mark.parametrize(("text", "wanted", "given"), MEANT, ids=[text for text, _, _ in MEANT])
def test_an_operator_computes_what_torch_does(text: str, wanted: torch.Tensor, given: dict[str, torch.Tensor]) -> None:
    torch.testing.assert_close(value(text, **given), wanted)


def test_both_syntaxes_give_the_same_trees() -> None:
    ours = one("(matmul 0 ?a (ewadd ?b ?c))=>(split_0 (split 1 (concat 1 2 ?a ?b)))")
    assert (str(ours.left), str(ours.right)) == ("matmul(0, a, ewadd(b, c))", "split_0(1, concat(1, 2, a, b))")
    assert one("matmul(0,a,ewadd(b,c))==split_0(1,concat(1,2,a,b))").left == ours.left
    assert one("(transpose ?a 1_0 0)=>?a").left.numbers == (1, 0)


def test_equations_run_together_are_told_apart() -> None:
    text = "ewmul(x,Iewmul)==xmatmul(input_1,Imatmul)==input_1conv2d(1,1,0,2,x,w)==relu(conv2d(1,1,0,0,x,w))relu(x)==x"
    rules = read_rules(f"# of someone\n\n{text}\n")
    assert [rule.number for rule in rules] == [0, 1, 2, 3]
    assert [str(rule.right) for rule in rules] == ["x", "input_1", "relu(conv2d(1, 1, 0, 0, x, w))", "x"]
    assert {rule.line for rule in rules} == {3}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("relu(x)", "=> or == expected"),
        ("relu(x)==rleu(x)", "no operator rleu; did you mean relu?"),
        ("matmul(x)==x", "matmul takes 0 or 1 integers and then 2 tensors, not 0 and 1"),
        ("relu(x==y", ", or ) expected, not =="),
        ("(relu ?x)=>", "an operand expected, not the end of the line"),
        ("relu(x)==y+z", "unexpected '+z'"),
        ("split_0(x)==x", "split_0 without an axis"),
        ("relu(split(1,x))==x", "split stands for two tensors"),
        ("relu(x)==class", "no operator class"),
        ("(" * 500, "no operator ("),
        ("relu(" * 500, "more than 200 operators"),
    ],
)
def test_a_line_that_cant_be_read_is_named(text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        read_rules(f"relu(x)==x\n{text}\n", "mine.txt")
    assert str(error.value).startswith(f"mine.txt:2: {said}")
    assert "\n" not in str(error.value)


def test_sizes_are_solved_by_cases_that_lose_nothing() -> None:
    a, b, c, d = (Size.symbol(s) for s in "dstk")
    for zero in (a + b - c - d, a * b - c * d):
        found = solve([Equation(zero)])
        assert all(not s.put(zero).terms for s in found)
    assert len(solve([Equation(a + b - c - d)])) == 3
    with pytest.raises(NoSolution):
        solve([Equation(a + b - a)])


TRUE = [
    ("(matmul 0 (matmul 0 ?a ?b) ?c)=>(matmul 0 ?a (matmul 0 ?b ?c))", ""),
    ("(ewadd (matmul 0 ?a ?c) (matmul 0 ?b ?d))=>(matmul 0 (concat 1 2 ?a ?b) (concat 0 2 ?c ?d))", ""),
    ("(relu ?a)=>(split_0 (split 1 (relu (concat 1 4 ?a ?b))))", "a[0] = b[0]"),
    ("(concat 0 2 (concat 1 2 ?a ?b) (concat 1 2 ?c ?d))=>(concat 1 2 (concat 0 2 ?a ?c) (concat 0 2 ?b ?d))", "a[1] = c[1]"),
    ("(ewadd (concat 0 4 ?a ?b) (concat 0 4 ?c ?d))=>(ewadd (concat 0 4 ?a ?d) (concat 0 4 ?c ?b))", "b[0] = d[0]"),
    ("conv2d(1,1,0,2,x,w)==relu(conv2d(1,1,0,0,x,w))", ""),
    ("conv2d(1,1,0,0,ewadd(x,y),w)==ewadd(conv2d(1,1,0,0,x,w),conv2d(1,1,0,0,y,w))", ""),
    ("conv2d(1,1,1,0,x,smul(w,s))==smul(conv2d(1,1,1,0,x,w),s)", ""),
    ("transpose(matmul(x,y))==matmul(transpose(y),transpose(x))", ""),
    ("concat(1,2,split_0(1,x),split_1(1,x))==x", ""),
    ("matmul(x,Imatmul)==x", ""),
    ("ewmul(x,Iewmul)==x", ""),
    ("enlarge(3,3,Iconv(1,1))==Iconv(3,3)", ""),
    ("enlarge(3,3,concat(0,w,v))==concat(0,enlarge(3,3,w),enlarge(3,3,v))", "w[2] is at most 3"),
]

UNGROUPED = [
    "(concat 1 4 (conv2d 1 1 0 0 ?x ?w) (conv2d 1 1 0 0 ?x ?v))=>(conv2d 1 1 0 0 ?x (concat 0 4 ?w ?v))",
    "(conv2d 1 1 0 0 ?x ?w)=>(split_0 (split 1 (conv2d 1 1 0 0 ?x (concat 0 4 ?w ?v))))",
    "(ewadd (conv2d 1 1 0 0 ?x ?w) (conv2d 1 1 0 0 ?y ?v))=>(conv2d 1 1 0 0 (concat 1 4 ?x ?y) (concat 1 4 ?w ?v))",
]

FALSE = [
    "(concat 1 4 (conv2d 1 1 0 0 ?x ?w) (conv2d 1 1 0 0 ?y ?v))=>(conv2d 1 1 0 0 (concat 1 4 ?x ?y) (concat 0 4 ?w ?v))",
    "(concat 1 4 (conv2d 1 1 0 2 ?x ?w) (conv2d 1 1 0 2 ?y ?v))=>(conv2d 1 1 0 2 (concat 1 4 ?x ?y) (concat 0 4 ?w ?v))",
    "matmul(x,y)==matmul(y,x)",
    "relu(ewadd(x,y))==ewadd(relu(x),relu(y))",
    "poolavg(3,3,1,1,0,x)==poolmax(3,3,1,1,0,x)",
    "conv2d(1,1,0,0,x,w)==conv2d(1,1,0,2,x,w)",
    "transpose(x)==x",
    "concat(0,x,y)==x",
    "split_0(1,concat(1,x,y))==split_1(1,concat(1,x,y))",
]


@pytest.mark.parametrize(("text", "condition"), TRUE, ids=[text for text, _ in TRUE])
def test_a_true_rule_is_proved_under_its_condition(text: str, condition: str) -> None:
    found = judge(one(text), 30)
    assert found.verdict in ("PROVED", "CHECKED"), found
    assert condition in found.condition
    assert GROUPED not in found.condition


@pytest.mark.parametrize("text", UNGROUPED)
def test_a_rule_that_groups_break_is_proved_for_one_group(text: str) -> None:
    found = judge(one(text), 30)
    assert found.verdict in ("PROVED", "CHECKED"), found
    assert found.condition.startswith(GROUPED) and "false with groups" in found.condition


@pytest.mark.parametrize("text", FALSE)
def test_a_false_rule_is_refuted_by_numbers(text: str) -> None:
    found = judge(one(text), 30)
    assert found.verdict == "REFUTED", found
    told = found.counterexample
    assert told is not None and told["left"] != told["right"]
    if "conv2d" in text:
        assert told["groups"]
    given = {name: torch.tensor(values).double() for name, values in told["inputs"].items()}
    assert {name: list(each.shape) for name, each in given.items()} == told["shapes"]


def test_what_both_sides_share_becomes_a_variable() -> None:
    rule = abstracted(one("conv2d(1,1,0,2,matmul(0,x,y),w)==relu(ewadd(conv2d(1,1,0,0,matmul(x,y),w),v))"))
    assert str(rule) == "relu(shared_0) == relu(ewadd(shared_0, v))"


def test_shapes_that_give_no_meaning_are_said() -> None:
    for text, said in [
        ("relu(matmul(x,y))==conv2d(1,1,0,0,x,y)", "UNKNOWN"),
        ("concat(1,relu(concat(2,4,x,y)),x)==relu(concat(1,2,x,y))", "UNKNOWN"),
        ("relu(x)==concat(3,2,x,y)", "UNKNOWN"),
    ]:
        found = judge(one(text), 10)
        assert found.verdict == said and found.reason
    with pytest.raises(Unshaped):
        pose(Shapes(one("concat(0,x,y)==x")))


def test_numbers_are_compared_at_grouped_shapes() -> None:
    shapes = Shapes(one("conv2d(1,1,0,0,x,w)==conv2d(1,1,0,0,x,ewadd(w,w))"))
    found, compared = differ(shapes, 5.0)
    assert found is not None and compared >= 1


def test_the_command_prints_a_verdict_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rules.txt"
    path.write_text("ewadd(x,y)==ewadd(y,x)\nrelu(x)==x\n")
    assert main(["rules", str(path)]) == 1
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [["0", "PROVED"], ["1", "REFUTED"]]
    assert main(["rules", str(path), "--json", "--timeout", "20"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [row["verdict"] for row in told] == ["PROVED", "REFUTED"]
    assert {tuple(row) for row in told} == {("line", "verdict", "condition", "seconds", "counterexample")}


def test_bad_input_ends_with_3_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty, wrong = tmp_path / "empty.txt", tmp_path / "wrong.txt"
    empty.write_text("# nothing\n")
    wrong.write_text("relu(x)==x\nrelu(x)=x\n")
    for path, said in ((tmp_path / "none.txt", "can't be read"), (empty, "no equations"), (wrong, ":2: ")):
        assert main(["rules", str(path)]) == 3
        told = capsys.readouterr().err
        assert said in told and told.count("\n") == 1


def sample(name: str, step: int) -> list[Ruling]:
    path = LISTS / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return [judge(rule, 30) for rule in read_rules(path.read_text(), name)[::step]]


def test_a_sample_of_the_lists_of_others() -> None:
    false = {91, 92, 114, 115, 116, 117, 118}
    for each in sample("tensat_single.txt", 7):
        if each.line in false:
            assert each.verdict == "REFUTED" or GROUPED in each.condition, each
        else:
            assert each.verdict in ("PROVED", "CHECKED"), each
