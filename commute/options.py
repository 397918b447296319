"""Options of the command line, from text to values; every complaint is one line of theory/messages.py.

What may be added here: reading and checking one kind of option. What never belongs here: what a command does with it.
"""

import os
import tempfile
from math import isfinite
from pathlib import Path

from commute.theory import messages
from commute.theory.messages import UsageError

Assumption = str | tuple[float | str, float | str]

SIGNS = ("positive", "nonnegative", "nonzero")


def sizes_of(options: list[str]) -> dict[str, int] | None:
    """Axis sizes from `NAME=INT` texts; None where there are none.

    >>> sizes_of(["n=128", "d=64"])
    {'n': 128, 'd': 64}
    """
    sizes: dict[str, int] = {}
    for text in options:
        name, _, number = (part.strip() for part in text.partition("="))
        if not name.isidentifier() or not (number.isascii() and number.isdecimal()) or int(number) == 0:
            raise UsageError(messages.malformed_size(text))
        if name in sizes:
            raise UsageError(messages.size_twice(name, sizes[name], number))
        sizes[name] = int(number)
    return sizes or None


def assumptions_of(options: list[str]) -> dict[str, Assumption] | None:
    """Assumptions on arguments from `ARG=WHAT` texts; None where there are none.

    >>> assumptions_of(["x=positive", "target=0,v", "p=(0, 0.5)"])
    {'x': 'positive', 'target': (0.0, 'v'), 'p': (0.0, 0.5)}
    """
    assumptions: dict[str, Assumption] = {}
    for text in options:
        name, _, what = (part.strip() for part in text.partition("="))
        bounds = [part.strip() for part in what.removeprefix("(").removesuffix(")").split(",")]
        if not name.isidentifier() or (what not in SIGNS and (len(bounds) != 2 or not all(bounds))):
            raise UsageError(messages.malformed_assumption(text))
        if name in assumptions:
            raise UsageError(messages.assumption_twice(name, assumptions[name], what))
        assumptions[name] = what if what in SIGNS else (_bound(bounds[0]), _bound(bounds[1]))
    return assumptions or None


def _bound(text: str) -> float | str:
    """A number, or an expression over axis names as it stands."""
    try:
        return float(text)
    except ValueError:
        return text


def check_timeout(seconds: float) -> None:
    """Raise UsageError unless it is a positive number of seconds."""
    if not (isfinite(seconds) and seconds > 0):
        raise UsageError(messages.malformed_timeout(seconds))


def check_memory(mib: int) -> None:
    """Raise UsageError unless it is a positive number of MiB."""
    if mib <= 0:
        raise UsageError(messages.malformed_memory(mib))


def check_writable(path: Path) -> None:
    """Raise UsageError, before any work is done, where the file can't be written; creates nothing."""
    if not path.parent.is_dir():
        raise UsageError(messages.no_folder(str(path), str(path.parent)))
    if path.is_dir():
        raise UsageError(messages.unwritable(str(path), IsADirectoryError(0, "it is a folder")))
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(messages.unwritable(str(path), PermissionError(0, "no permission")))


def check_folder(path: Path) -> None:
    """Raise UsageError where it is no folder that files can be written to."""
    if not path.is_dir():
        raise UsageError(messages.no_folder(str(path), str(path)))
    if not os.access(path, os.W_OK):
        raise UsageError(messages.unwritable(str(path), PermissionError(0, "no permission")))


def write_text(path: Path, text: str) -> None:
    """Write the whole file or nothing: a reader never sees half of it."""
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as draft:
            draft.write(text)
        Path(draft.name).chmod(0o644)
        Path(draft.name).replace(path)
    except OSError as error:
        raise UsageError(messages.unwritable(str(path), error)) from error
