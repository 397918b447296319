"""The command line: exit codes, JSON, what is written and what is not; each bad input is one clear line and exit 3."""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from commute.cli import main
from commute.verify.verdict import CHECKED, PROVED, REFUTED, UNKNOWN, Counterexample, Input, Verdict

PROGRAMS = """
import torch
from jaxtyping import Float
from torch import Tensor


def double(x: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    return x + x


def twice(x: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    return 2 * x


def triple(x: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    return 3 * x


def bare(x):
    return 2 * x


def wider(x: Float[Tensor, "n m"]) -> Float[Tensor, "n m"]:
    return 2 * x


def total(x: Float[Tensor, "n"]) -> Float[Tensor, ""]:
    return x.sum()


def raises(x: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    raise RuntimeError("out of order")


def numeric(x: Float[Tensor, "n"], y: list) -> Float[Tensor, "n"]:
    return 2 * x


def lies(x: Float[Tensor, "n"]) -> Float[Tensor, "n n"]:
    return 2 * x


number = 3
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with some programs in it, as the current one."""
    (tmp_path / "programs.py").write_text(PROGRAMS)
    (tmp_path / "exits.py").write_text("raise SystemExit(0)\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def proving(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A stand-in for the prover, so that what the command line does with each answer can be seen."""
    module: Any = ModuleType("commute.proving")
    monkeypatch.setitem(sys.modules, "commute.proving", module)
    module.answer = None
    module.asked = {}

    def prove(reference: object, candidate: object, **options: object) -> object:
        module.asked = options
        if isinstance(module.answer, BaseException):
            raise module.answer
        return module.answer

    module.prove = prove
    return module


FAILS = Counterexample({"n": 1}, {"x": Input([1.0])}, (0,), 2.0, 3.0)
VERDICTS = [
    (0, Verdict(PROVED, 0.1, certificate={"format": 1})),
    (0, Verdict(CHECKED, 0.1)),
    (1, Verdict(REFUTED, 0.1, counterexample=FAILS)),
    (2, Verdict(UNKNOWN, 0.1, reason="the budget is spent")),
]
PAIR = ("programs.py:double", "programs.py:twice")


@pytest.mark.parametrize(("code", "verdict"), VERDICTS, ids=[verdict.kind for _, verdict in VERDICTS])
def test_the_exit_code_is_the_verdict(here, capsys, proving, code: int, verdict: Verdict) -> None:
    proving.answer = verdict
    got, out, err = answer(capsys, "prove", *PAIR)
    assert (got, err) == (code, "")
    assert out.startswith(verdict.kind)
    got, out, err = answer(capsys, "prove", *PAIR, "--json")
    assert (got, err) == (code, "")
    assert json.loads(out) == verdict.to_json()


def test_options_reach_the_prover(here, capsys, proving) -> None:
    proving.answer = VERDICTS[0][1]
    options = "--size n=4 --size d=8 --assume x=positive --assume y=0,n --timeout 2.5 --assume-masks".split()
    assert answer(capsys, "prove", *PAIR, *options)[0] == 0
    del proving.asked["memory"]
    assert proving.asked == {
        "sizes": {"n": 4, "d": 8},
        "assume": {"x": "positive", "y": (0.0, "n")},
        "timeout": 2.5,
        "ignore_undefined": False,
        "assume_masks": True,
    }


def test_a_refutation_comes_with_a_script(here, capsys, proving) -> None:
    proving.answer = VERDICTS[2][1]
    _, out, _ = answer(capsys, "prove", *PAIR)
    assert "runpy.run_path('programs.py')['twice']" in out


def test_a_certificate_is_written_whole_and_only_for_a_proof(here, capsys, proving) -> None:
    proving.answer = VERDICTS[1][1]
    code, _, err = answer(capsys, "prove", *PAIR, "--certificate", "out.json")
    assert (code, err) == (0, "out.json: not written, CHECKED has no certificate\n")
    assert not Path("out.json").exists()
    proving.answer = VERDICTS[0][1]
    code, _, err = answer(capsys, "prove", *PAIR, "--certificate", "out.json")
    assert (code, err) == (0, "certificate: out.json\n")
    assert json.loads(Path("out.json").read_text()) == {"format": 1}
    assert {path.name for path in here.iterdir()} == {"programs.py", "exits.py", "out.json"}


def test_a_mistake_of_our_own_is_no_verdict(here, capsys, proving) -> None:
    proving.answer = ZeroDivisionError("division by\nzero")
    code, out, err = answer(capsys, "prove", *PAIR)
    assert (code, out) == (70, "")
    expected = "commute: internal error, please report it: ZeroDivisionError: division by zero (--debug shows where)\n"
    assert err == expected
    code, _, err = answer(capsys, "prove", *PAIR, "--debug")
    assert code == 70
    assert "Traceback" in err and err.endswith("ZeroDivisionError: division by zero\n")


def test_an_interruption_is_no_verdict(here, capsys, proving) -> None:
    proving.answer = KeyboardInterrupt()
    assert answer(capsys, "prove", *PAIR) == (130, "", "commute: interrupted\n")


def test_bare_commute_prints_the_help(capsys) -> None:
    code, out, _ = answer(capsys)
    assert code == 0
    assert "prove" in out and "recheck" in out


MISUSES = [
    ([], "Missing argument 'REF'"),
    (["programs.py:double"], "Missing argument 'CAND'"),
    (["nothing.py:f", PAIR[1]], "nothing.py: no such file"),
    ([PAIR[0], "programs.py:twoce"], "programs.py: no function twoce; did you mean twice?"),
    ([PAIR[0], "programs.py"], "programs.py: say which function"),
    ([PAIR[0], "programs.py:number"], "programs.py: number is an int"),
    ([PAIR[0], "exits.py:f"], "exits.py:1: the file raises when it is imported: SystemExit: 0"),
    ([PAIR[0], "no.such.module:f"], "no.such.module: no such module"),
    ([*PAIR, "--size", "n"], "--size n: say NAME=INT"),
    ([*PAIR, "--size", "n=0"], "--size n=0: say NAME=INT"),
    ([*PAIR, "--size", "n=-1"], "--size n=-1: say NAME=INT"),
    ([*PAIR, "--size", "n=2.5"], "--size n=2.5: say NAME=INT"),
    ([*PAIR, "--size", "n=2", "--size", "n=3"], "--size n=3: n is given twice"),
    ([*PAIR, "--size", "n=2", "--size", "n=2"], "--size n=2: n is given twice"),
    ([*PAIR, "--assume", "x"], "--assume x: say ARG=positive"),
    ([*PAIR, "--assume", "x=odd"], "--assume x=odd: say ARG=positive"),
    ([*PAIR, "--assume", "x=positive", "--assume", "x=nonzero"], "--assume x=nonzero: x is given twice"),
    ([*PAIR, "--timeout", "0"], "--timeout 0.0: say a positive number"),
    ([*PAIR, "--timeout", "nan"], "--timeout nan: say a positive number"),
    ([*PAIR, "--timeout", "soon"], "Invalid value for '--timeout'"),
    ([*PAIR, "--certificate", "nowhere/out.json"], "nowhere/out.json: can't be written: no folder nowhere"),
    ([*PAIR, "--certificate", "."], ".: can't be written: it is a folder"),
    ([*PAIR, "--frobnicate"], "No such option"),
]


@pytest.mark.parametrize(("arguments", "line"), MISUSES, ids=[line for _, line in MISUSES])
def test_a_misuse_is_one_line_and_changes_nothing(here, capsys, proving, arguments: list[str], line: str) -> None:
    proving.answer = VERDICTS[0][1]
    expect_one_line(here, capsys, ["prove", *arguments], line)


UNUSABLE = [
    ("programs.py:bare", "programs.py:double", "bare"),
    ("programs.py:double", "programs.py:wider", "x"),
    ("programs.py:double", "programs.py:total", "n"),
    ("programs.py:raises", "programs.py:twice", "out of order"),
    ("programs.py:numeric", "programs.py:twice", "y"),
    ("programs.py:lies", "programs.py:twice", "n"),
]


@pytest.mark.parametrize(("reference", "candidate", "word"), UNUSABLE, ids=[f"{a} {b}" for a, b, _ in UNUSABLE])
def test_a_program_that_can_t_be_compared_is_one_line(here, capsys, reference: str, candidate: str, word: str) -> None:
    expect_one_line(here, capsys, ["prove", reference, candidate, "--certificate", "out.json"], word)


CERTIFICATES = {
    "no such file": None,
    "not text": b"\x80\xff\x00",
    "not JSON": b"certificate",
    "cut off": b'{"format": ',
    "empty": b"",
    "another file": b'{"name": "package", "version": "1.0"}',
    "a list": b"[1, 2]",
    "another version": b'{"format": "commute.certificate/999"}',
}


@pytest.mark.parametrize("case", CERTIFICATES)
def test_an_unreadable_or_foreign_certificate_is_one_line(here, capsys, case: str) -> None:
    content = CERTIFICATES[case]
    if content is not None:
        Path("cert.json").write_bytes(content)
    expect_one_line(here, capsys, ["recheck", "cert.json"], "cert.json")


def expect_one_line(here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str) -> None:
    before = {path.name for path in here.iterdir()}
    code, out, err = answer(capsys, *arguments)
    assert (code, out) == (3, "")
    assert err.startswith("commute: ") and err.count("\n") == 1 and "Traceback" not in err
    assert line in err
    assert {path.name for path in here.iterdir()} - {"__pycache__"} == before
    debugged = answer(capsys, *arguments, "--debug")
    assert debugged[0] == 3
    assert debugged[2].endswith(err)


def test_prove_recheck_and_draw_work_together(here, capsys) -> None:
    code, out, _ = answer(capsys, "prove", *PAIR, "--certificate", "out.json")
    assert code == 0 and out.startswith("PROVED")
    code, out, err = answer(capsys, "recheck", "out.json")
    assert (code, err) == (0, "") and out.startswith("accepted: ")
    code, out, _ = answer(capsys, "recheck", "out.json", "--json")
    assert code == 0 and json.loads(out)["accepted"] is True
    code, out, _ = answer(capsys, "draw", PAIR[0], "-o", "out.svg")
    assert (code, out) == (0, "drawn: out.svg\n")
    assert Path("out.svg").read_text().lstrip().startswith(("<svg", "<?xml"))


def test_a_certificate_that_is_rejected_is_no_unusable_input(here, capsys) -> None:
    assert answer(capsys, "prove", *PAIR, "--certificate", "out.json")[0] == 0
    text = Path("out.json").read_text()
    forged = {**json.loads(text), "laws": ["no_such_law"], "instances": [], "steps": []}
    Path("out.json").write_text(json.dumps(forged))
    code, out, _ = answer(capsys, "recheck", "out.json")
    assert code == 1
    assert out.startswith("rejected: ") and out.count("\n") == 1


def test_a_refutation_is_found(here, capsys) -> None:
    code, out, _ = answer(capsys, "prove", PAIR[0], "programs.py:triple", "--json")
    assert code == 1
    assert json.loads(out)["counterexample"]["sizes"] == {"n": 1}


def test_the_laws_are_listed(capsys) -> None:
    code, out, _ = answer(capsys, "laws", "--json")
    assert code == 0
    rows = json.loads(out)["laws"]
    assert len(rows) > 20
    assert {"name", "family", "statement", "conditions", "axiom", "citation", "doc"} <= set(rows[0])
    code, out, _ = answer(capsys, "laws")
    assert code == 0
    assert all(row["name"] in out for row in rows)


def test_the_laws_are_drawn(here, capsys) -> None:
    assert answer(capsys, "laws", "--draw", "nowhere")[0] == 3
    Path("pictures").mkdir()
    code, out, err = answer(capsys, "laws", "--draw", "pictures")
    assert (code, out) == (0, "")
    pictures = sorted(Path("pictures").iterdir())
    assert err == f"drawn: {len(pictures)} laws in pictures\n"
    assert all(picture.read_text().startswith("<svg ") for picture in pictures)
    rows = json.loads(answer(capsys, "laws", "--json")[1])["laws"]
    assert [picture.stem for picture in pictures] == sorted(row["name"] for row in rows)
