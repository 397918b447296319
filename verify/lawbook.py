"""The book of proved laws: proves the whole table, keeps it in `theory/laws/proved.json`, and answers by digest.

A law counts once Z3 has proved it (its lemmas first, in an order that is computed) or once it is an axiom that samples
confirm; and only if its wrong neighbour is refuted by values, which no solver had a hand in.
To add here: what is kept of a proof.  Never here: how a law is proved.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from commute.theory import laws as _room
from commute.theory.law import Law, all_laws
from commute.verify.induction import closed
from commute.verify.sample import Sample, counterexample
from commute.verify.smt import VERSION, Query, prove_law

BOOK = Path(_room.__file__).with_name("proved.json")
AXIOM_LIMIT = 25
SAMPLES = 40
PROVED, AXIOM, UNPROVED = "proved", "axiom", "unproved"


class BadOrder(Exception):
    """The lemmas of the laws are not in order: one is missing, or some prove each other."""


@dataclass(frozen=True)
class LawResult:
    """What became of a law: `standing` is proved, axiom or unproved; `axioms` are those that its proof rests on.

    `queries` are those that Z3 refuted, `near` is the sample that tells the sides of the wrong neighbour apart.
    """

    law: Law
    standing: str
    prover: str = ""
    reason: str = ""
    axioms: tuple[str, ...] = ()
    seconds: float = 0.0
    queries: tuple[Query, ...] = ()
    near: Sample | None = None

    @property
    def ok(self) -> bool:
        """Whether the law may be used."""
        return self.standing != UNPROVED

    def __str__(self) -> str:
        how = self.prover if self.standing == PROVED else self.law.axiom if self.standing == AXIOM else self.reason
        return f"{self.law.name:<28} {self.standing:<8} {self.seconds:6.2f} s  {how}"


def check_laws(laws: Iterable[Law] | None = None, timeout: float = 4.0) -> list[LawResult]:
    """Prove every law, lemmas first; the results come in the order of the table.

    Raises BadOrder where a lemma is unknown or the lemmas go in a circle.
    """
    table = {law.name: law for law in (all_laws() if laws is None else laws)}
    results: dict[str, LawResult] = {}
    for name in in_order(table):
        start = time.perf_counter()
        result = _check(table[name], table, results, timeout)
        results[name] = replace(result, seconds=time.perf_counter() - start)
    return [results[name] for name in table]


def in_order(table: Mapping[str, Law]) -> list[str]:
    """The names so that every law comes after the laws that its proof uses.

    Raises BadOrder where there is no such order.
    """
    for law in table.values():
        missing = [name for name in law.uses if name not in table]
        if missing:
            raise BadOrder(f"{law.name} uses {missing[0]}, which is no law")
    try:
        return list(TopologicalSorter({name: law.uses for name, law in table.items()}).static_order())
    except CycleError as error:
        raise BadOrder("the laws prove each other in a circle: " + " <- ".join(error.args[1])) from None


def _check(law: Law, table: Mapping[str, Law], done: Mapping[str, LawResult], timeout: float) -> LawResult:
    bad = [name for name in law.uses if not done[name].ok]
    if bad:
        return LawResult(law, UNPROVED, reason=f"its lemma {bad[0]} is unproved")
    wrong = counterexample(law, closed(law.lhs, law.rhs), SAMPLES)
    if wrong is not None:
        return LawResult(law, UNPROVED, reason=f"false: at sizes {dict(wrong.sizes)} with {shown(wrong.drawn)}")
    near = None if law.near is None else counterexample(law, closed(*law.near), SAMPLES)
    if near is None:
        return LawResult(law, UNPROVED, reason="its wrong neighbour is missing, or no sample refutes it")
    if law.axiom:
        return LawResult(law, AXIOM, axioms=(law.name,), near=near)
    answer = prove_law(law, table, timeout)
    if not answer.proved:
        return LawResult(law, UNPROVED, reason=answer.reason)
    axioms = sorted({axiom for name in law.uses for axiom in done[name].axioms})
    return LawResult(law, PROVED, answer.how, axioms=tuple(axioms), queries=answer.queries, near=near)


def shown(drawn: Mapping[tuple[str, tuple[int, ...]], Any]) -> str:
    """The values of a sample for a person: `x[0] = 1/2, c = -inf`."""
    places = (f"{name}{list(place) if place else ''} = {'-inf' if v is None else v}" for (name, place), v in drawn.items())
    return ", ".join(places)


def summary(results: list[LawResult]) -> str:
    """The results as lines, the failures last, and one line of totals."""
    counts = {s: sum(r.standing == s for r in results) for s in (PROVED, AXIOM, UNPROVED)}
    lines = [str(r) for r in sorted(results, key=lambda r: not r.ok)]
    total = ", ".join(f"{n} {s}" for s, n in counts.items())
    return "\n".join([*lines, "", f"{total}; {sum(r.seconds for r in results):.1f} s; Z3 {VERSION}"])


# --- the file --------------------------------------------------------------------------------------------------------


def book(results: Iterable[LawResult], old: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What is kept: digest -> name, prover, its version, axioms, seconds; an entry that says the same keeps its old time."""
    entries: dict[str, dict[str, Any]] = {}
    for r in results:
        if not r.ok:
            continue
        entry = {"name": r.law.name, "prover": r.prover or "axiom", "axioms": list(r.axioms)}
        before = (old or {}).get(r.law.digest, {})
        same = all(before.get(k) == v for k, v in entry.items())
        entry["version"] = before["version"] if same else VERSION
        entry["seconds"] = before["seconds"] if same else round(r.seconds, 1)
        entries[r.law.digest] = entry
    return dict(sorted(entries.items(), key=lambda p: p[1]["name"]))


def write_book(results: Iterable[LawResult], path: Path = BOOK) -> None:
    """Write the book; equal laws and proofs give the same bytes."""
    path.write_text(json.dumps(book(results, read_book(path)), indent=1) + "\n")
    _kept.cache_clear()


def read_book(path: Path = BOOK) -> dict[str, Any]:
    """Digest -> entry of the book; empty where there is none."""
    return json.loads(path.read_text()) if path.exists() else {}


@lru_cache(maxsize=1)
def _kept() -> dict[str, Any]:
    return read_book()


def proved(digest: str) -> bool:
    """Whether the law of this digest is in the book."""
    return digest in _kept()


def missing(laws: Iterable[Law] | None = None) -> list[str]:
    """The names of laws that the book lacks, and of entries that are no law any more."""
    table = {law.digest: law.name for law in (all_laws() if laws is None else laws)}
    kept = read_book()
    return sorted({table[d] for d in table.keys() - kept.keys()} | {kept[d]["name"] for d in kept.keys() - table.keys()})
