"""Co-design: the cheapest plan along a sweep of one figure of a machine, or of the dtype, and where the plan changes.

Each point is an optimization of its own, so every plan in the table carries its verdict.
To add here: another thing that can be swept.  Never here: the search, or how a plot looks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite
from typing import Any

from commute.egraph.plan import Plan
from commute.optimizing import optimize, target_of
from commute.plan_words import amount, duration
from commute.theory import messages
from commute.theory.board import board
from commute.theory.machine_files import with_figure
from commute.theory.messages import UsageError

DECIMAL = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
BINARY = {"": 1.0, "K": 1024.0, "M": 1024.0**2, "G": 1024.0**3, "T": 1024.0**4}
MOST_POINTS = 64


@dataclass(frozen=True)
class Axis:
    """What is swept: `dtype`, or a figure of a level, and the values that it takes."""

    level: str | None
    figure: str
    values: tuple[float | str, ...]

    @property
    def name(self) -> str:
        """As it is written: shared.capacity."""
        return f"{self.level}.{self.figure}" if self.level else self.figure


@dataclass(frozen=True)
class Point:
    """The best plan at one value: its form, what its kernels store and how often they go over what, cost, and whether any
    of that changed from the point before (`changed` says what, in words); `reason` says why there is no plan."""

    value: float | str
    form: str = ""
    kernels: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    seconds: float = 0.0
    traffic: float = 0.0
    joules: float = 0.0
    memory: float = 0.0
    verdict: str = ""
    changed: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Sweep:
    """The points of a sweep, in the order of its values."""

    name: str
    machine: str
    objective: str
    swept: str
    points: tuple[Point, ...]

    def to_json(self) -> dict[str, Any]:
        """The sweep as JSON: one row a point, ready to be plotted."""
        return {
            "name": self.name, "machine": self.machine, "objective": self.objective, "swept": self.swept,
            "points": [asdict(p) for p in self.points], "changes": [p.value for p in self.points if p.changed],
        }  # fmt: skip

    def __str__(self) -> str:
        head = f"{self.name} on {self.machine}, least {self.objective}, along {self.swept}"
        return "\n".join([head, *(f"  {_line(self.swept, p)}" for p in self.points)])


def parse(text: str) -> Axis:
    """What `--sweep` asks for.

    >>> parse("shared.capacity=64K..256K").values
    (65536.0, 131072.0, 262144.0)
    >>> parse("dtype=float16,float8")
    Axis(level=None, figure='dtype', values=('float16', 'float8'))
    """
    what, _, values = (part.strip() for part in text.partition("="))
    level, _, figure = what.rpartition(".")
    if not values or (what != "dtype" and not (level and figure)):
        raise UsageError(messages.malformed_sweep(text))
    if what == "dtype":
        return Axis(None, "dtype", tuple(v.strip() for v in values.split(",")))
    units = BINARY if figure == "capacity" else DECIMAL
    ends = [_number(v, units, text) for v in values.replace("..", ",").split(",")]
    if ".." not in values:
        return Axis(level, figure, tuple(ends))
    if len(ends) != 2 or ends[0] > ends[1]:
        raise UsageError(messages.malformed_sweep(text))
    points = [ends[0]]
    while points[-1] * 2 < ends[1] and len(points) < MOST_POINTS:
        points.append(points[-1] * 2)
    return Axis(level, figure, (*points, ends[1]) if points[-1] < ends[1] else tuple(points))


def _number(text: str, units: dict[str, float], whole: str) -> float:
    text = text.strip()
    unit = text[-1:].upper() if text[-1:].isalpha() else ""
    try:
        value = float(text[: len(text) - len(unit)]) * units[unit]
    except (ValueError, KeyError):
        raise UsageError(messages.malformed_sweep(whole)) from None
    if not isfinite(value) or value <= 0:
        raise UsageError(messages.malformed_sweep(whole))
    return value


def sweep(
    fn: Callable[..., Any],
    along: str | Axis,
    *,
    machine: str = "h100",
    sizes: dict[str, int] | None = None,
    objective: str = "time",
    dtype: str | None = None,
    static: Sequence[str] = (),
    timeout: float = 30.0,
    progress: Callable[[str], None] | None = None,
) -> Sweep:
    """The cheapest plan for `fn` at each value of what is swept, `timeout` seconds a point; the rest as `optimize` has it.

    Raises UsageError as `optimize` does, and for a sweep of what there isn't.
    """
    axis = parse(along) if isinstance(along, str) else along
    base = target_of(machine, objective, dtype).machine
    points: list[Point] = []
    name = getattr(fn, "__name__", "program")
    for value in axis.values:
        row, kind = base, dtype
        if axis.level is None:
            kind = str(value)
        else:
            row = with_figure(base, axis.level, axis.figure, float(value))
        target_of(row, objective, kind)
        try:
            plan = optimize(fn, machine=row, sizes=sizes, objective=objective, dtype=kind, static=static, timeout=timeout)
            name, point = plan.name, _point(plan, value)
        except UsageError as error:
            if axis.level != row.inner.name or axis.figure != "capacity" or not _too_small(error, row.name):
                raise
            point = Point(value, reason=str(error))
        points.append(replace(point, changed=_changed(points[-1], point)) if points else point)
        if progress:
            progress(_line(axis.name, points[-1]))
    return Sweep(name, base.name, objective, axis.name, tuple(points))


def _too_small(error: UsageError, machine: str) -> bool:
    return str(error).startswith(f"{machine}: not one tiling")


def _point(plan: Plan, value: float | str) -> Point:
    kernels = []
    for k in plan.kernels:
        over = f" in {'one pass' if k.passes == 1 else f'{k.passes} passes'} over {k.stream[0].name}" if k.stream else ""
        kernels.append(f"{', '.join(str(m.term) for m in k.makes)}{over}{f', {k.split[0].name} parted' if k.split else ''}")
    labels = tuple("  ".join(k.labels()) or "one group" for k in plan.kernels)
    cost = plan.cost
    return Point(
        value, "; ".join(board(t) for t in plan.terms), tuple(kernels), labels, cost["seconds"], cost["traffic"],
        cost["joules"], cost["memory"], plan.verdict,
    )  # fmt: skip


def _changed(before: Point, now: Point) -> str:
    """What changed in words: the number of kernels, the form, or what the kernels store and stream."""
    if before.kernels == now.kernels:
        return ""
    if len(before.kernels) != len(now.kernels):
        return f"{len(before.kernels)} -> {len(now.kernels)} kernels"
    return "another form" if before.form != now.form else "other kernels"


def _line(swept: str, p: Point) -> str:
    value = p.value if isinstance(p.value, str) else _shown(p.value, swept.endswith("capacity"))
    if p.reason:
        return f"{value:>10}  {p.reason}"
    mark = f"  <- {p.changed}" if p.changed else ""
    return (
        f"{value:>10}  {duration(p.seconds):>9}  H {amount(p.traffic):>8}  {p.joules * 1e3:8.3g} mJ  "
        f"{len(p.kernels)} kernel{'s' * (len(p.kernels) != 1)}: {' | '.join(p.labels)}{mark}"
    )


def _shown(value: float, binary: bool) -> str:
    units = BINARY if binary else DECIMAL
    unit = max((u for u in units if units[u] <= value), key=lambda u: units[u], default="")
    return f"{value / units[unit]:.4g}{unit}"
