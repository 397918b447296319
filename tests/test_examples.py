"""Every example proves what it shows: each script runs here in process, as `python examples/<name>.py` would."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = runpy.run_path(str(path), run_name="__main__")
    said = capsys.readouterr().out
    for reference, candidate in names["PAIRS"]:
        assert f"{reference.__name__} = {candidate.__name__}: PROVED" in said
    if path.stem == "attention":
        assert "attention = broken: REFUTED" in said
