"""Every bug of tests/bugs is refuted, and its counterexample fails in plain Torch when it is pasted."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import commute

BUGS = Path(__file__).parent / "bugs"


def bugs() -> Iterator[Any]:
    """(file, reference, candidate) of every bug."""
    for path in sorted(BUGS.glob("*.py")):
        name = f"bugs_{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec and spec.loader
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for words, reference, candidate in module.BUGS:
            yield pytest.param(path, reference, candidate, id=words)


@pytest.mark.parametrize(("path", "reference", "candidate"), list(bugs()))
def test_bug_is_refuted(path: Path, reference: Callable[..., Any], candidate: Callable[..., Any]) -> None:
    verdict = commute.prove(reference, candidate)
    assert verdict.kind == "REFUTED", verdict.reason
    assert verdict.counterexample is not None
    source = verdict.counterexample.snippet((str(path), reference.__name__), (str(path), candidate.__name__))
    with pytest.raises(AssertionError, match="not (close|equal)"):
        exec(compile(source, "<counterexample>", "exec"), {"__name__": "pasted"})


def test_there_are_enough_bugs() -> None:
    assert len(list(bugs())) >= 32
