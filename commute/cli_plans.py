"""The commands about plans: optimize, explore, machines.  `cli.py` registers them and turns their endings into exit codes.

What may be added here: a command about cost or plans. What never belongs here: the work itself, imports at the top of
anything slow.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from commute.options import check_timeout, check_writable, sizes_of, write_text
from commute.working import working

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Size = Annotated[list[str] | None, typer.Option("--size", metavar="NAME=INT", help="The size of an axis; one for each axis.")]

UNPROVED = 2


def optimize(
    function: Annotated[str, typer.Argument(metavar="FN", help="path.py:function or package.module:function")],
    machine: Annotated[
        str, typer.Option("--machine", metavar="NAME", help="What it is to run on: a row of commute machines, or a FILE.json.")
    ] = "h100",
    size: Size = None,
    objective: Annotated[str, typer.Option("--objective", help="What is to be least: time, traffic or energy.")] = "time",
    dtype: Annotated[str | None, typer.Option("--dtype", help="The values' dtype; the machine's first otherwise.")] = None,
    static: Annotated[
        list[str] | None, typer.Option("--static", metavar="ARG", help="An argument that stays the same from call to call.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--plan", metavar="OUT.json", help="Write the plan here.")] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE.html", help="Write a page with diagrams, formulae and plots.")
    ] = None,
    sweep: Annotated[
        str | None,
        typer.Option("--sweep", metavar="LEVEL.capacity=64K..1M", help="Along a capacity, a bandwidth, or dtype=a,b."),
    ] = None,
    emit: Annotated[
        str | None, typer.Option("--emit", metavar="BACKEND", help="Write the plan as code that stands alone: torch or cpp.")
    ] = None,
    folder: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Where --emit writes its file.")] = Path(),
    timeout: Annotated[float, typer.Option("--timeout", metavar="S", help="Search no longer than so many seconds.")] = 30.0,
    explain: Annotated[bool, typer.Option("--explain", help="Show the derivation, the rivals and the search.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Find the cheapest equal form of a function for a machine, with its kernels, cost and certificate."""
    sizes = sizes_of(size or [])
    check_timeout(timeout)
    for path in (output, report):
        if path is not None:
            check_writable(path)
    if sweep is not None:
        asked = {"machine": machine, "sizes": sizes, "objective": objective, "dtype": dtype, "static": static or ()}
        return _swept(function, sweep, asked | {"timeout": timeout}, as_json, output)
    from commute.loading import load
    from commute.optimizing import optimize as cheapest
    from commute.plan_words import in_words

    with working(f"searching for the cheapest {function}", quiet=as_json) as say:
        target = load(function)
        plan = cheapest(
            target.function, machine=machine, sizes=sizes, objective=objective, dtype=dtype, static=static or (),
            timeout=timeout, progress=say,
        )  # fmt: skip
    text = json.dumps(plan.to_json(), indent=1, allow_nan=False) if as_json or output is not None else ""
    print(text if as_json else in_words(plan, explain))
    if output is not None:
        write_text(output, text + "\n")
        print(f"plan: {output}", file=sys.stderr)
    if emit is not None:
        folder.mkdir(parents=True, exist_ok=True)
        written = folder / f"{plan.name}_{emit}.py"
        write_text(written, plan.emit(emit))
        print(f"{emit}: {written}", file=sys.stderr)
    if report is not None:
        plan.report(report)
        print(f"report: {report}", file=sys.stderr)
    return 0 if plan.verdict == "PROVED" else UNPROVED


def _swept(function: str, along: str, asked: dict[str, Any], as_json: bool, output: Path | None) -> int:
    """The cheapest plan at each point of a sweep, as a table or as JSON."""
    from commute.loading import load
    from commute.sweeping import parse
    from commute.sweeping import sweep as swept

    axis = parse(along)
    with working(f"sweeping {axis.name}", quiet=as_json) as say:
        found = swept(load(function).function, axis, **asked, progress=say)
    text = json.dumps(found.to_json(), indent=1, allow_nan=False)
    print(text if as_json else found)
    if output is not None:
        write_text(output, text + "\n")
        print(f"sweep: {output}", file=sys.stderr)
    return 0 if all(p.verdict == "PROVED" for p in found.points if not p.reason) else UNPROVED


def explore(
    function: Annotated[str, typer.Argument(metavar="FN", help="path.py:function or package.module:function")],
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Show so many of the cheapest forms.")] = 10,
    machine: Annotated[
        str | None, typer.Option("--machine", metavar="NAME", help="Order by cost on this machine; see commute machines.")
    ] = None,
    size: Size = None,
    objective: Annotated[str, typer.Option("--objective", help="What is to be least: time, traffic or energy.")] = "time",
    dtype: Annotated[str | None, typer.Option("--dtype", help="The values' dtype; the machine's first otherwise.")] = None,
    without: Annotated[
        list[str] | None, typer.Option("--without", metavar="AXES", help="Only forms without an array over AXES, as in n,m.")
    ] = None,
    picture: Annotated[Path | None, typer.Option("--draw", metavar="FILE.svg", help="Draw the forms that are shown.")] = None,
    timeout: Annotated[float, typer.Option("--timeout", metavar="S", help="Explore no longer than so many seconds.")] = 10.0,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Count the forms that are equal to a function, and list the cheapest."""
    sizes = sizes_of(size or [])
    check_timeout(timeout)
    if picture is not None:
        check_writable(picture)
    from commute.exploring import explore as space_of
    from commute.loading import load
    from commute.plan_words import forms_in_words

    with working(f"exploring {function}", quiet=as_json):
        target = load(function)
        space = space_of(
            target.function, sizes=sizes, machine=machine, objective=objective, dtype=dtype, timeout=timeout
        )  # fmt: skip
        for axes in without or ():
            space = space.without(*(name.strip() for name in axes.split(",")))
        answer = {"count": space.count, "explored": space.stopped, "forms": space.table(limit)}
    print(json.dumps(answer, indent=1, allow_nan=False) if as_json else forms_in_words(answer))
    if picture is not None:
        write_text(picture, space.draw(limit))
        print(f"drawn: {picture}", file=sys.stderr)
    return 0


def machines(
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Measure this machine (some seconds) and keep it as the row cpu.")
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """List the machines that plans can be made for."""
    from commute import at_hand
    from commute.plan_words import machine_page

    rows = at_hand.machines()
    if calibrate:
        row, path = at_hand.calibrate()
        print(f"machine: {path}", file=sys.stderr)
        rows = {row.name: row}
    print(json.dumps({n: m.to_json() for n, m in rows.items()}, indent=1) if as_json else machine_page(rows.values()))
    return 0
