"""Bad input to optimize and explore: one line that says what and where, exit code 3; and what the commands print."""

import json
from pathlib import Path

import pytest

from commute.cli import main

LORA = str(Path(__file__).parent.parent / "examples" / "explore_lora.py") + ":applied"
SIZES = [w for s in ("n=16", "i=256", "o=256", "r=4") for w in ("--size", s)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["optimize", LORA, *SIZES[:6]], "--size r=...: a cost in numbers needs the size of every axis"),
        (["optimize", LORA, *SIZES, "--size", "k=3"], "--size k=...: the program has no axis k"),
        (["optimize", LORA, *SIZES, "--machine", "h10"], "machine h10: no such machine; did you mean h100?"),
        (["optimize", LORA, *SIZES, "--objective", "tim"], "objective tim: no such objective; did you mean time?"),
        (["optimize", LORA, *SIZES, "--dtype", "float61"], "dtype float61: no such dtype"),
        (["optimize", LORA, *SIZES, "--static", "wieght"], "argument wieght: no such argument; did you mean weight?"),
        (["optimize", LORA, "--size", "n=0"], "--size n=0: say NAME=INT with a positive whole number"),
        (["optimize", LORA, "--size", "n=-3"], "--size n=-3: say NAME=INT with a positive whole number"),
        (["optimize", LORA, *SIZES, "--timeout", "0"], "--timeout 0.0: say a positive number of seconds"),
        (["explore", LORA, *SIZES[:6]], "--size r=...: a cost in numbers needs the size of every axis"),
        (["explore", LORA, "--machine", "h100"], "--size i=...: a cost in numbers needs the size of every axis"),
        (["explore", LORA, *SIZES, "--machine", "h10"], "machine h10: no such machine; did you mean h100?"),
        (["explore", LORA, "--size", "n=0"], "--size n=0: say NAME=INT with a positive whole number"),
        (["explore", LORA, "--without", "n,q"], "axis q: no such axis"),
        (["explore", LORA, "--limit", "0"], "Invalid value for '--limit'"),
        (["explore", LORA, "--draw", "no/such/folder.svg"], "no/such/folder.svg: can't be written: no folder no/such"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_3(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 3
    out, err = capsys.readouterr()
    assert out == "" and said in err and err.count("\n") == 1


def test_explore_counts_and_lists(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    picture = tmp_path / "forms.svg"
    assert main(["explore", LORA, *SIZES, "--limit", "2", "--draw", str(picture)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("4 equal forms\n") and out.count("\n") == 3 and err == f"drawn: {picture}\n"
    assert picture.read_text().startswith("<svg ")


def test_explore_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", LORA, *SIZES, "--machine", "h100", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["count"] == 4 and answer["explored"] == "complete"
    assert [set(row) for row in answer["forms"]] == [{"form", "estimate", "seconds", "traffic", "memory", "kernels"}] * 4


def test_optimize_shows_no_progress_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimize", LORA, *SIZES]) == 0
    out, err = capsys.readouterr()
    assert "PROVED" in out and err == ""


def test_an_interrupt_gives_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import commute.optimizing

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commute.optimizing, "optimize", interrupted)
    assert main(["optimize", LORA, *SIZES]) == 130
    assert capsys.readouterr().err == "commute: interrupted\n"
