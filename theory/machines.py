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

    `matmul` maps a dtype to multiply-adds counted as two operations a second; `vector` counts the operands of elementwise
    operations, so a sum of two is two; `exp` is exponentials a second; `launch` is the seconds that starting a kernel
    costs, `step` those of one operation on one tile where a loop is interpreted; `tile` the multiple that tiles come in.
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
    step: float = 0.0

    def __hash__(self) -> int:
        return hash(self.name)

    def to_json(self) -> dict[str, Any]:
        """The row as JSON, as a file of a user's own has it."""
        return asdict(self)

    @property
    def inner(self) -> Level:
        """The level that tiles must fit into."""
        return self.levels[-1]

    def exp_per_matmul(self, width: int, dtype: str = "float16") -> float:
        """Cycles for exponentials over cycles of the matrix units in softmax(q·k)·v, at heads of `width`."""
        return self.matmul[dtype] / (4 * width * self.exp)


DTYPES = {"float64": 8, "float32": 4, "tf32": 4, "float16": 2, "bfloat16": 2, "float8": 1}
"""Bytes of a value."""

KIB, MIB, GIB = 1024.0, 1024.0**2, 1024.0**3

ENERGY = {
    "HBM": (31.4, "3.92 pJ a bit: O'Connor et al., MICRO 2017, HBM2; published figures for HBM2E and HBM3 differ by 2x"),
    "DDR": (162.5, "1.3 nJ for 64 bits: Horowitz, ISSCC 2014, the low end"),
    "L2": (12.5, "100 pJ for 64 bits of a 1 MiB array: Horowitz, ISSCC 2014, 45 nm"),
    "near": (2.5, "20 pJ for 64 bits of a 32 KiB array: Horowitz, ISSCC 2014, 45 nm"),
}
"""Picojoules a byte, with their source: for ratios between plans, not for joules."""


def _gpu(
    name: str,
    memory: tuple[str, float, float],
    l2: tuple[float, float],
    shared: float,
    units: int,
    clock: float,
    per_cycle: tuple[int, int],
    rates: Mapping[str, float],
    source: str,
) -> Machine:
    """A row for a GPU: `memory` and `l2` are name, capacity and bandwidth, `shared` the bytes that one block may have,
    `per_cycle` the float16 operations and exponentials of one unit in a cycle, `rates` those of other dtypes."""
    half, exps = per_cycle
    dtypes = {"float16": units * half * clock, "bfloat16": units * half * clock, **rates}
    levels = (
        Level(*memory, ENERGY["HBM"][0]),
        Level("L2", *l2, ENERGY["L2"][0], "grey"),
        Level("shared", shared, units * 128 * clock, ENERGY["near"][0], "orange", per_unit=True),
    )
    vector = units * 256 * clock
    return Machine(name, levels, units, dtypes, vector, units * exps * clock, 3e-6, 16, source)


_SHEET = "data sheet (dense rates); shared memory 128 bytes and 16 exponentials a cycle and unit; L2 "
_HOPPER = {"tf32": 494.7e12, "float32": 66.9e12, "float8": 1978.9e12}

MACHINES: dict[str, Machine] = {
    row.name: row
    for row in (
        _gpu(
            "h100", ("HBM3", 80 * GIB, 3.35e12), (50 * MIB, 9.4e12), 227 * KIB, 132, 1.83e9, (4096, 16), _HOPPER,
            "NVIDIA H100 SXM " + _SHEET + "5,120 bytes a cycle as its predecessor's; multicast to clusters is not counted",
        ),
        _gpu(
            "h200", ("HBM3e", 141e9, 4.8e12), (50 * MIB, 9.4e12), 227 * KIB, 132, 1.83e9, (4096, 16), _HOPPER,
            "NVIDIA H200 SXM " + _SHEET + "5,120 bytes a cycle as on A100; multicast to clusters is not counted",
        ),
        _gpu(
            "a100", ("HBM2e", 80 * GIB, 2.039e12), (40 * MIB, 7.2e12), 163 * KIB, 108, 1.41e9, (2048, 16),
            {"tf32": 156e12, "float32": 19.5e12, "float64": 19.5e12},
            "NVIDIA A100 SXM 80 GB " + _SHEET + "5,120 bytes a cycle (NVIDIA Ampere white paper)",
        ),
        _gpu(
            "b200", ("HBM3e", 180e9, 8e12), (126 * MIB, 9.5e12), 227 * KIB, 148, 1.856e9, (8192, 16),
            {"tf32": 1125e12, "float32": 75e12, "float8": 4500e12},
            "NVIDIA B200 " + _SHEET + "bandwidth assumed as on H100, at 5,120 bytes a cycle",
        ),
        Machine(
            "cpu",
            (Level("DRAM", 16 * GIB, 26e9, ENERGY["DDR"][0]), Level("cache", MIB, 200e9, ENERGY["near"][0], "orange", True)),
            2, {"float32": 180e9, "float64": 90e9}, 10e9, 0.86e9, 5e-6, 16,
            "two cores of a server, measured once; commute machines --calibrate measures the machine at hand", 3e-6,
        ),
        Machine(
            "toy",
            (Level("memory", 1e15, 1.0, 1.0), Level("local", 227 * KIB, 1e15, 0.0, "orange")),
            1, {"float16": 1e15, "float32": 1e15, "float8": 1e15}, 1e15, 1e15, 0.0, 1,
            "two levels on paper: a second and a picojoule for each byte that moves, nothing for work; any tile",
        ),
    )
}  # fmt: skip


def machine_named(name: str) -> Machine:
    """The machine of a name; UsageError names the nearest one."""
    if name not in MACHINES:
        raise UsageError(messages.unknown_choice("machine", name, MACHINES))
    return MACHINES[name]
