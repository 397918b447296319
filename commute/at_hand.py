"""The machine at hand: the row `cpu` as it was measured here, kept for each host in the user's cache folder.

To add here: another place where a row of this host may come from.  Never here: how it is measured.
"""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

from commute.theory import messages
from commute.theory.machine_files import machine_from_json, machine_of
from commute.theory.machines import MACHINES, Machine
from commute.theory.messages import UsageError


def cache_file() -> Path:
    """Where this host's row is kept: $XDG_CACHE_HOME/commute, or ~/.cache/commute."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "commute" / f"machine-{platform.node() or 'host'}.json"


def machine(name: str | Machine) -> Machine:
    """A machine by name or file; `cpu` is this host's own row where it was calibrated.  UsageError as `machine_of` says."""
    if name == "cpu" and (row := _kept()) is not None:
        return row
    return machine_of(name)


def machines() -> dict[str, Machine]:
    """Every row, `cpu` as it was calibrated."""
    return {name: machine(name) for name in MACHINES}


def calibrate() -> tuple[Machine, Path]:
    """Measure this machine, and keep the row."""
    from commute.lowering.calibrating import calibrated

    row, path = calibrated(), cache_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(row.to_json(), indent=1) + "\n")
    except OSError as error:
        raise UsageError(messages.unwritable(str(path), error)) from None
    return row, path


def _kept() -> Machine | None:
    """This host's row, or None where there is none that can be read."""
    path = cache_file()
    try:
        return machine_from_json(json.loads(path.read_text()), str(path))
    except (OSError, ValueError, UsageError):
        return None
