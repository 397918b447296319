"""Machines: what the rows promise, rows from files, and every bad figure as one line that names the field."""

import json
from pathlib import Path
from typing import Any

import pytest

from commute import at_hand
from commute.cli import main
from commute.lowering import calibrating
from commute.theory.machine_files import machine_from_json, machine_in, with_figure
from commute.theory.machines import MACHINES
from commute.theory.messages import UsageError

ROW = json.loads(json.dumps(MACHINES["h100"].to_json()))


@pytest.mark.parametrize(("name", "times"), [("a100", 32), ("h100", 64), ("b200", 128)])
@pytest.mark.parametrize("width", [32, 64, 128])
def test_exponentials_tie_the_matrix_units_where_theory_says(name: str, times: int, width: int) -> None:
    assert MACHINES[name].exp_per_matmul(width) == pytest.approx(times / width, rel=1e-12)


@pytest.mark.parametrize("name", MACHINES)
def test_a_row_as_json_is_the_row(name: str) -> None:
    row = MACHINES[name]
    assert machine_from_json(json.loads(json.dumps(row.to_json())), name) == row
    assert row.source and all(v.capacity > 0 and v.bandwidth > 0 for v in row.levels)
    assert [v.capacity for v in row.levels] == sorted((v.capacity for v in row.levels), reverse=True)


def test_the_data_sheets_figures() -> None:
    peak = {name: MACHINES[name].matmul["float16"] / 1e12 for name in ("a100", "h100", "h200", "b200")}
    assert peak == pytest.approx({"a100": 312, "h100": 989, "h200": 989, "b200": 2250}, rel=1e-3)


def broken(field: str, value: Any) -> dict[str, Any]:
    row = json.loads(json.dumps(ROW))
    *path, last = field.replace("[", ".").replace("]", "").split(".")
    inside: Any = row
    for step in path:
        inside = inside[int(step)] if step.isdecimal() else inside[step]
    if value is None:
        del inside[last]
    else:
        inside[last] = value
    return row


FIGURES = ["units", "vector", "exp", "launch", "tile", "levels[1].capacity", "levels[2].bandwidth", "levels[0].energy"]


@pytest.mark.parametrize("field", [*FIGURES, "matmul.float16", "name", "levels[0].name", "levels", "matmul"])
@pytest.mark.parametrize("value", [None, -1, "fast", True, float("nan")])
def test_a_missing_or_wrong_figure_is_named(field: str, value: Any) -> None:
    if (value is None and field.startswith("matmul.")) or (value == "fast" and field.endswith("name")):
        return
    with pytest.raises(UsageError) as error:
        machine_from_json(broken(field, value), "mine.json")
    assert str(error.value).startswith(f"mine.json: {field}: ")


@pytest.mark.parametrize(("field", "value"), [("levels[1].bandwidth", None), ("exp", -3.9e12)])
def test_the_command_line_says_it_in_one_line(tmp_path: Path, capsys: Any, field: str, value: Any) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(broken(field, value)))
    assert main(["optimize", "examples/attention.py:attention", "--machine", str(path)]) == 3
    said = capsys.readouterr().err.strip()
    assert f"{path}: {field}: " in said and "\n" not in said


def test_an_unknown_machine_gets_the_nearest_name(capsys: Any) -> None:
    assert main(["optimize", "examples/attention.py:attention", "--machine", "h10"]) == 3
    assert "machine h10: no such machine; did you mean h100?" in capsys.readouterr().err


@pytest.mark.parametrize("text", [None, "not json", "[]"])
def test_a_file_that_is_no_row_is_one_line(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "mine.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=r"mine\.json: "):
        machine_in(str(path))


def test_a_user_s_row_is_used(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({**ROW, "name": "mine", "units": 7}))
    assert at_hand.machine(str(path)).units == 7


def test_this_host_s_row_is_kept_and_read(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert at_hand.machine("cpu") == MACHINES["cpu"]
    monkeypatch.setattr(calibrating, "LARGE", 1 << 16)
    monkeypatch.setattr(calibrating, "SIDE", 64)
    monkeypatch.setattr(calibrating, "_best", lambda run, seconds: run() is None or 1e-3)
    assert main(["machines", "--calibrate"]) == 0
    kept = at_hand.machine("cpu")
    assert kept != MACHINES["cpu"] and "measured on this machine" in capsys.readouterr().out
    assert kept.exp == pytest.approx(calibrating.SMALL / 1e-4)
    at_hand.cache_file().write_text("{}")
    assert at_hand.machine("cpu") == MACHINES["cpu"]


def test_one_figure_of_a_level_can_be_changed() -> None:
    smaller = with_figure(MACHINES["h100"], "shared", "capacity", 65536.0)
    assert smaller.inner.capacity == 65536 and MACHINES["h100"].inner.capacity == 227 * 1024
    for level, figure in (("shard", "capacity"), ("shared", "capacty")):
        with pytest.raises(UsageError, match="did you mean"):
            with_figure(MACHINES["h100"], level, figure, 1.0)
