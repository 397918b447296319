"""A verdict says exactly what is known: its words, its JSON, its exit code, and the script of a refutation."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from commute.verify.verdict import CHECKED, PROVED, REFUTED, UNKNOWN, Counterexample, Input, Verdict

FAILS = Counterexample(
    sizes={"n": 2},
    inputs={"x": Input([1.0, float("-inf")]), "scale": Input(2.0, dtype="")},
    index=(1,),
    reference=float("-inf"),
    candidate=3.0,
)


def test_the_exit_code_is_the_verdict() -> None:
    verdicts = [
        Verdict(PROVED, 0.1),
        Verdict(CHECKED, 0.1),
        Verdict(REFUTED, 0.1, counterexample=FAILS),
        Verdict(UNKNOWN, 0.1, reason="torch.svd is not supported"),
    ]
    assert [verdict.exit_code for verdict in verdicts] == [0, 0, 1, 2]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("EQUAL", {}), (REFUTED, {}), (UNKNOWN, {}), (PROVED, {"counterexample": FAILS})],
)
def test_a_verdict_that_contradicts_itself_can_t_be_made(kind: str, fields: dict) -> None:
    with pytest.raises(ValueError):
        Verdict(kind, 0.1, **fields)


def test_the_json_has_the_agreed_keys_and_is_json() -> None:
    answer = Verdict(REFUTED, 0.12345, counterexample=FAILS, sizes={"n": "any"}).to_json()
    keys = "verdict seconds sizes axioms laws steps certificate reason counterexample peak_mib assumptions where undefined"
    assert set(answer) >= set(keys.split()) and list(answer)[:9] == keys.split()[:9]
    assert list(answer["counterexample"]) == ["sizes", "inputs", "reference", "candidate"]
    assert json.loads(json.dumps(answer, allow_nan=False))["counterexample"] == {
        "sizes": {"n": 2},
        "inputs": {"x": [1.0, "-inf"], "scale": 2.0},
        "reference": "-inf",
        "candidate": 3.0,
    }


def test_the_three_columns_are_never_merged() -> None:
    text = str(Verdict(CHECKED, 0.5, reason="wrong with probability <= 2^-60", sizes={"n": 4}, ran="Torch CPU float64"))
    assert text.splitlines() == [
        "CHECKED in 0.50 s",
        "  equal     on exact random values, at n = 4; wrong with probability <= 2^-60",
        "  rounding  not judged",
        "  ran       Torch CPU float64",
    ]


def test_what_was_assumed_is_said() -> None:
    text = str(Verdict(PROVED, 0.5, assumptions=("x > 0",), constants=("0.125 read as 1/8",), laws=("exp_add", "split")))
    assert "assumed   x > 0" in text
    assert "constant  0.125 read as 1/8" in text
    assert "laws      exp_add, split" in text


def test_unknown_says_why() -> None:
    assert "not decided: the budget of 30 s" in str(Verdict(UNKNOWN, 30.0, reason="the budget of 30 s is spent"))


def test_explain_shows_every_step_and_every_input() -> None:
    assert "  2. split the sum" in Verdict(PROVED, 0.5, steps=("distribute", "split the sum")).explain()
    assert "  scale = 2.0" in Verdict(REFUTED, 0.5, counterexample=FAILS).explain()


FUNCTIONS = "def double(x, scale):\n    return x * scale\n\n\ndef third(x, scale):\n    return x * scale + x / 3\n"

MODULES = """
import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = torch.nn.Linear(2, 1)

    def forward(self, x):
        return self.proj(x)


def without_bias():
    net = Net()
    net.forward = lambda x: x @ net.proj.weight.T
    return net
"""


def run_script(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True)


def test_the_script_of_a_refutation_fails_in_plain_torch(tmp_path: Path) -> None:
    (tmp_path / "two.py").write_text(FUNCTIONS)
    example = Counterexample({"n": 1}, {"x": Input([3.0]), "scale": Input(2.0, dtype="")}, (0,), 6.0, 7.0)
    failing = run_script(example.snippet(("two.py", "double"), ("two.py", "third")), tmp_path)
    assert failing.returncode == 1 and "AssertionError" in failing.stderr
    same = run_script(example.snippet(("two.py", "double"), ("two.py", "double")), tmp_path)
    assert same.returncode == 0, same.stderr


def test_the_script_sets_the_parameters_of_modules(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(MODULES)
    example = Counterexample(
        sizes={"n": 1},
        inputs={"x": Input([[1.0, 1.0]])},
        index=(0, 0),
        reference=5.0,
        candidate=2.0,
        parameters={"proj.weight": Input([[1.0, 1.0]]), "proj.bias": Input([3.0])},
    )
    failing = run_script(example.snippet(("net.py", "Net"), ("net.py", "without_bias")), tmp_path)
    assert failing.returncode == 1 and "Greatest absolute difference: 3.0" in failing.stderr, failing.stderr
    same = run_script(example.snippet(("net.py", "Net"), ("net.py", "Net")), tmp_path)
    assert same.returncode == 0, same.stderr
