"""Where pytest looks: doctests are collected under commute/ (its links lead to the layers), each module once.

What may be added here: collection rules for the whole project. What never belongs here: fixtures of one test file.
"""

from pathlib import Path

import pytest

LAYERS = ("theory", "egraph", "verify", "lowering", "kernels")

# The real folders are reached by their links; generated kernels and examples are run by tests, not by collection.
collect_ignore = [*LAYERS, "commute/kernels/generated", "examples"]


def pytest_configure(config: pytest.Config) -> None:
    """Read `pytest theory/terms.py` as `pytest commute/theory/terms.py`."""
    config.args = [through_link(argument) for argument in config.args]


def through_link(argument: str) -> str:
    """The path under commute/ of a path that starts in a layer's real folder; any other argument as it is."""
    path, separator, test = argument.partition("::")
    try:
        parts = Path(path).absolute().relative_to(Path(__file__).parent).parts
    except ValueError:
        return argument
    if not parts or parts[0] not in LAYERS:
        return argument
    return str(Path(__file__).parent.joinpath("commute", *parts)) + separator + test
