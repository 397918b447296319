"""The catalogue run through the verb optimize: what is found from the plain definition, with which certificate, how fast.

`python -m commute.discovering` prints the table and writes build/discoveries.json; with numbers behind it, those rows alone.
To add here: a column.  Never here: what a row wants (`kernels/`), or how plans are searched.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from math import prod
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

from commute.kernels.catalogue import ROWS
from commute.kernels.row import Case, Row
from commute.optimizing import optimize
from commute.proving import prove
from commute.verify.certificate import check

OUT = Path("build/discoveries.json")
GOOD = ("PROVED", "CHECKED")


def case_found(case: Case) -> dict[str, Any]:
    """One program: what its plan lacks, its verdict, whether its certificate is accepted again, seconds, e-nodes, gains."""
    started = monotonic()
    plan = optimize(
        case.reference,
        machine=case.machine,
        sizes=case.sizes,
        objective=case.objective,
        dtype=case.dtype,
        static=case.static,
    )
    missing = case.missing(plan)
    if case.equal_to is not None and prove(case.equal_to, case.reference).kind not in GOOD:
        missing = f"not proved equal to {case.equal_to.__name__}"
    certified = plan.certificate is not None and check(plan.certificate).ok
    return {
        "name": case.name,
        "found": not missing and plan.verdict in GOOD,
        "missing": missing or plan.reason,
        "verdict": plan.verdict,
        "certificate": certified,
        "seconds": round(monotonic() - started, 2),
        "enodes": plan.search["enodes"],
        "gain": plan.gain.get("naive", 0.0),
        "gain_unfused": plan.gain.get("unfused", 0.0),
        "kernels": len(plan.kernels),
        "model_seconds": plan.cost["seconds"],
    }


def row_found(row: Row) -> dict[str, Any]:
    """A row: found if all its programs are; the seconds are their sum, the gains their geometric means."""
    cases = [case_found(case) for case in row.cases]
    worst = next((c for c in cases if c["verdict"] not in GOOD), cases[0])
    return {
        "number": row.number,
        "name": row.name,
        "found": all(c["found"] for c in cases),
        "verdict": worst["verdict"],
        "certificate": all(c["certificate"] for c in cases),
        "seconds": round(sum(c["seconds"] for c in cases), 2),
        "enodes": sum(c["enodes"] for c in cases),
        "gain": _mean(c["gain"] for c in cases),
        "gain_unfused": _mean(c["gain_unfused"] for c in cases),
        "missing": "; ".join(f"{c['name']}: {c['missing']}" for c in cases if not c["found"]),
        "cases": cases,
    }


def _mean(gains: Iterable[float]) -> float:
    numbers = list(gains)
    return round(prod(numbers) ** (1 / len(numbers)), 3)


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    mark = "found" if row["found"] else "-"
    proof = "yes" if row["certificate"] else "no"
    figures = f"{row['seconds']:>7.2f} {row['enodes']:>7} {row['gain']:>8.3g} {row['gain_unfused']:>8.3g}"
    return (
        f"{row['number']:>2}  {row['name']:<48} {mark:<6} {row['verdict']:<8} {proof:<4} {figures}  {row['missing']}".rstrip()
    )


HEAD = f"{'':>2}  {'name':<48} {'':<6} {'verdict':<8} {'cert':<4} {'seconds':>7} {'e-nodes':>7} {'x naive':>8} {'x unfused':>8}"


def main(numbers: Sequence[str] = ()) -> int:
    """Run the rows, print them as they come, write the file; 0 if all were found."""
    chosen = [r for r in ROWS if not numbers or str(r.number) in numbers]
    print(HEAD)
    found: list[dict[str, Any]] = []
    for row in chosen:
        found.append(row_found(row))
        print(line(found[-1]), flush=True)
    seconds = [c["seconds"] for r in found for c in r["cases"]]
    print(
        f"{sum(r['found'] for r in found)} of {len(found)} found; median {median(seconds):.2f} s, longest {max(seconds):.2f} s"
    )
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0 if all(r["found"] for r in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
