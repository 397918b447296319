"""Obligations of laws as SMT-LIB 2 scripts, so that another solver can judge what Z3 said: one script for each obligation.

A proved law has one that must be `unsat` for each query that Z3 refuted.  A wrong neighbour has one that must be `sat`: its
reductions are written out at the sizes of an exact sample that tells its sides apart, and its parameters have that sample's
values.  To add here: how a query is written.  Never here: what a query says (smt.py), or running a solver.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import z3

from commute.theory.law import Law
from commute.theory.terms import FALSE, NINF, TRUE, Term, const, postorder, rebuild, substitute
from commute.verify.induction import COMBINE, Obligation, closed
from commute.verify.lawbook import LawResult, shown
from commute.verify.sample import Sample, Value
from commute.verify.smt import Query


@dataclass(frozen=True)
class Script:
    """An obligation as a text: `status` is what a solver must say of it, sat or unsat; `logic` is its SMT-LIB logic."""

    name: str
    status: str
    logic: str
    text: str


def scripts(result: LawResult, laws: Mapping[str, Law]) -> list[Script]:
    """The scripts of a law that was checked: direct, or base and step, and near."""
    law = result.law
    made = []
    for query in result.queries:
        said = f"{query.obligation.label}: no model means that it holds"
        made.append(_script(law, query.obligation.label.split()[0], query, "unsat", said))
    if result.near is not None:
        query = Query(near_miss(law, result.near), [laws[name] for name in law.uses])
        made.append(_script(law, "near", query, "sat", f"its wrong neighbour, which fails at {shown(result.near.drawn)}"))
    return made


def all_scripts(results: Iterable[LawResult]) -> list[Script]:
    """The scripts of all laws that were checked, in their order."""
    results = list(results)
    laws = {result.law.name: result.law for result in results}
    return [script for result in results for script in scripts(result, laws)]


def near_miss(law: Law, sample: Sample) -> Obligation:
    """What a sample refutes: the two sides of the wrong neighbour at the sample's sizes and values."""
    assert law.near is not None
    lhs, rhs = (_at_sizes(side, sample.sizes) for side in closed(*law.near))
    drawn = sample.drawn
    reads = [t for t in postorder(lhs, rhs) if t.op == "input"]
    given = tuple((t, _constant(drawn[place])) for t in reads if (place := _place(t)) in drawn)
    return Obligation("near", lhs, rhs, given, law.where)


def _place(read: Term) -> tuple[str, tuple[int, ...]]:
    return read.attrs[0], tuple(int(a.attrs[0]) for a in read.args)


def _constant(value: Value) -> Term:
    if value is None:
        return NINF
    if isinstance(value, bool):
        return TRUE if value else FALSE
    return const(value)  # type: ignore[arg-type]


def _at_sizes(term: Term, sizes: Mapping[str, int]) -> Term:
    """The term with its reductions written out at `sizes`."""
    if term.op == "size":
        return const(sizes[term.attrs[0]])
    if term.op == "reduce":
        kind, axis = term.attrs
        parts = [_at_sizes(substitute(term.args[0], {axis: const(i)}), sizes) for i in range(axis.size.at(sizes))]
        return functools.reduce(lambda a, b: Term(COMBINE[kind], (a, b)), parts)
    return rebuild(term, tuple(_at_sizes(a, sizes) for a in term.args))


def _script(law: Law, part: str, query: Query, status: str, said: str) -> Script:
    solver = z3.Solver()
    solver.add(*query.assertions())
    body = solver.sexpr()
    logic = _logic(body)
    lines = [
        f"; {law.name}: {law.statement}",
        f"; {said}",
        "(set-info :smt-lib-version 2.6)",
        f"(set-info :status {status})",
        f"(set-logic {logic})",
        body.rstrip(),
        "(check-sat)",
    ]
    return Script(f"{law.name}-{part}", status, logic, "\n".join(lines) + "\n")


def _logic(body: str) -> str:
    """The smallest logic with the numbers that a query has."""
    whole, real = "() Int)" in body or "to_real" in body, "() Real)" in body
    return "QF_NIRA" if whole and real else "QF_NIA" if whole else "QF_NRA"
