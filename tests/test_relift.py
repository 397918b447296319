"""A certificate is about the programs that it was made from: lifting them again gives its terms, lifting others doesn't."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commute.cli import main

ATTENTION = str(Path(__file__).parent.parent / "examples" / "attention.py")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("relift") / "attention.json"
    assert main(["prove", f"{ATTENTION}:attention", f"{ATTENTION}:streamed", "--certificate", str(path), "--json"]) == 0
    return str(path)


def _recheck(certificate: str, *names: str) -> int:
    targets = [word for name in names for word in ("--relift", f"{ATTENTION}:{name}")]
    return main(["recheck", certificate, *targets, "--json"])


def test_soundness_14_the_same_programs_lift_to_the_terms_of_the_certificate(certificate: str) -> None:
    assert _recheck(certificate, "attention", "streamed") == 0


@pytest.mark.parametrize("names", [("attention", "broken"), ("streamed", "attention")])
def test_soundness_14_other_programs_do_not(
    certificate: str, names: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _recheck(certificate, *names) == 1
    assert "other terms" in json.loads(capsys.readouterr().out)["reason"]


def test_one_program_is_not_enough(certificate: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _recheck(certificate, "attention") == 3
    assert "give it twice" in capsys.readouterr().err
