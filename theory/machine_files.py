"""Machines of a user's own: a row in a JSON file, as `commute machines --json` prints them.

Every figure is asked for by name, and must be a positive number (an energy, a launch or a step may be 0).
To add here: a field that a row gets.  Never here: rows, or measurements.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

from commute.theory import messages
from commute.theory.machines import DTYPES, MACHINES, Level, Machine, machine_named
from commute.theory.messages import UsageError


def machine_from_json(row: object, place: str) -> Machine:
    """The machine that a row of JSON describes; UsageError names `place` and the field that is missing or wrong."""
    reader = _Reader(place)
    table = reader.table(row, "")
    levels = table.get("levels")
    if not isinstance(levels, list | tuple) or len(levels) < 2:
        raise UsageError(messages.machine_field(place, "levels", "a list of two or more, the outermost first"))
    rates = reader.table(table.get("matmul"), "matmul")
    if not rates or set(rates) - set(DTYPES):
        raise UsageError(messages.machine_field(place, "matmul", f"operations a second by dtype ({', '.join(DTYPES)})"))
    return Machine(
        name=reader.text(table, "name"),
        levels=tuple(_level(reader, level, f"levels[{i}].") for i, level in enumerate(levels)),
        units=reader.whole(table, "units"),
        matmul={d: reader.figure(rates, d, "matmul.") for d in rates},
        vector=reader.figure(table, "vector"),
        exp=reader.figure(table, "exp"),
        launch=reader.figure(table, "launch", least=0.0),
        tile=reader.whole(table, "tile"),
        source=str(table.get("source", place)),
        step=reader.figure({"step": 0.0} | dict(table), "step", least=0.0),
    )


def machine_in(path: str) -> Machine:
    """The machine that a file describes; UsageError where it can't be read or a figure is missing."""
    try:
        row = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise UsageError(messages.unreadable(path, error)) from None
    return machine_from_json(row, path)


def machine_of(name: str | Machine) -> Machine:
    """A machine by its name, or by the path of its file (which ends in .json)."""
    if isinstance(name, Machine):
        return name
    return machine_in(name) if name.endswith(".json") and name not in MACHINES else machine_named(name)


def with_figure(machine: Machine, level: str, figure: str, value: float) -> Machine:
    """The machine with another capacity, bandwidth or energy of one level; UsageError for an unknown level or figure."""
    names = [v.name for v in machine.levels]
    if level not in names:
        raise UsageError(messages.unknown_choice("level", level, names))
    if figure not in FIGURES:
        raise UsageError(messages.unknown_choice("figure", figure, FIGURES))
    levels = tuple(replace(v, **{figure: value}) if v.name == level else v for v in machine.levels)
    return replace(machine, levels=levels)


FIGURES = ("capacity", "bandwidth", "energy")
"""What a level has in numbers."""


def _level(reader: _Reader, row: object, prefix: str) -> Level:
    table = reader.table(row, prefix.rstrip("."))
    return Level(
        reader.text(table, "name", prefix),
        reader.figure(table, "capacity", prefix),
        reader.figure(table, "bandwidth", prefix),
        reader.figure(table, "energy", prefix, least=0.0),
        str(table.get("colour", "black")),
        bool(table.get("per_unit", False)),
    )


class _Reader:
    """Reads fields of a row, and complains about them by name."""

    def __init__(self, place: str):
        self.place = place

    def table(self, row: object, field: str) -> Mapping[str, Any]:
        """An object of JSON."""
        if not isinstance(row, Mapping):
            raise UsageError(messages.machine_field(self.place, field or "(all)", "an object with named fields"))
        return row

    def text(self, table: Mapping[str, Any], field: str, prefix: str = "") -> str:
        """A name."""
        value = table.get(field)
        if not isinstance(value, str) or not value:
            raise UsageError(messages.machine_field(self.place, prefix + field, "a name"))
        return value

    def figure(self, table: Mapping[str, Any], field: str, prefix: str = "", least: float | None = None) -> float:
        """A positive number, or one of at least `least`."""
        value = table.get(field)
        if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
            if value > 0 or (least is not None and value >= least):
                return float(value)
        wanted = "a positive number" if least is None else "a number of at least 0"
        raise UsageError(messages.machine_field(self.place, prefix + field, wanted, value))

    def whole(self, table: Mapping[str, Any], field: str) -> int:
        """A positive whole number."""
        value = self.figure(table, field)
        if value != int(value):
            raise UsageError(messages.machine_field(self.place, field, "a positive whole number", value))
        return int(value)
