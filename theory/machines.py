"""Machines: the levels of their memory, what moves between them, and what their units can do.

One row a machine; the figures are those of the maker's data sheet unless `source` says otherwise.  Sizes are in bytes,
rates in bytes, operations or exponentials a second, energy in picojoules a byte.
To add here: a row.  Never here: a cost model (`egraph/cost.py`), or a measurement (`commute machines --calibrate`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from commute.theory import messages
from commute.theory.messages import UsageError


@dataclass(frozen=True)
class Level:
    """One level of memory: its capacity (of one copy), the rate at which it feeds the level inside it, and what that costs.

    `colour` is how diagrams draw wires that live here; `per_unit` says that each unit (streaming multiprocessor, core)
    has one of its own.
    """

    name: str
    capacity: float
    bandwidth: float
    energy: float
    colour: str = "black"
    per_unit: bool = False


@dataclass(frozen=True)
class Machine:
    """Levels from the outermost to the innermost, and the rates of the units.

    `matmul` maps a dtype to multiply-adds counted as two operations a second, `vector` is elementwise operations a second,
    `exp` exponentials a second; `launch` is the seconds that starting a kernel costs; `tile` the multiple that tiles of a
    matrix product come in.
    """

    name: str
    levels: tuple[Level, ...]
    units: int
    matmul: Mapping[str, float]
    vector: float
    exp: float
    launch: float
    tile: int
    source: str

    def __hash__(self) -> int:
        return hash(self.name)

    def to_json(self) -> dict[str, Any]:
        """The row as JSON, as a file of a user's own has it."""
        return asdict(self)

    @property
    def inner(self) -> Level:
        """The level that tiles must fit into."""
        return self.levels[-1]


DTYPES = {"float64": 8, "float32": 4, "tf32": 4, "float16": 2, "bfloat16": 2, "float8": 1}
"""Bytes of a value."""

KIB, MIB, GIB = 1024.0, 1024.0**2, 1024.0**3

MACHINES: dict[str, Machine] = {
    row.name: row
    for row in (
        Machine(
            "h100",
            (
                Level("HBM3", 80 * GIB, 3.35e12, 31.0),
                Level("L2", 50 * MIB, 5.5e12, 8.0, "grey"),
                Level("shared", 227 * KIB, 33e12, 1.5, "orange", per_unit=True),
            ),
            132,
            {"float16": 989e12, "bfloat16": 989e12, "tf32": 494e12, "float32": 67e12, "float8": 1979e12},
            67e12,
            3.9e12,
            3e-6,
            16,
            "NVIDIA H100 SXM data sheet",
        ),
    )
}


def machine_named(name: str) -> Machine:
    """The machine of a name; UsageError names the nearest one."""
    if name not in MACHINES:
        raise UsageError(messages.unknown_choice("machine", name, MACHINES))
    return MACHINES[name]
