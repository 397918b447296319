"""What `commute prove --explain` prints of a verdict: the columns, the laws and their proofs, the guards, the derivation.

A proof is read back from its certificate, so that what is shown is what the checker accepted.
To add here: another paragraph.  Never here: finding a proof, or a judgement about one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

from commute.proof import deep_recursion
from commute.theory.codec import decode, decode_axis
from commute.theory.law import find_law
from commute.theory.step import Step, law_step
from commute.theory.terms import Term
from commute.verify.congruence import chain
from commute.verify.lawbook import read_book
from commute.verify.verdict import CHECKED, PROVED, UNKNOWN, Verdict

LINES, NODES = 48, 120
"""A derivation is written as whole terms where it has at most so many lines, of terms with at most so many nodes."""

NOT_COVERED = (
    "not covered: rounding, overflow, NaN and infinite inputs, integers that wrap, empty tensors, gradients; equality is over "
    "the real numbers. DIVERGENCES.md says what else, and everything that is trusted."
)


def explained(verdict: Verdict) -> str:
    """The verdict with all that it rests on, paragraph by paragraph."""
    parts = [str(verdict)]
    if verdict.kind in (PROVED, CHECKED):
        parts.append("\n".join(_laws(verdict.certificate)) if verdict.certificate else "no laws: compared by values")
        parts.append("\n".join(wrap(f"guards: {verdict.vacuity or 'none'}", 110, subsequent_indent="  ")))
    if verdict.rounding:
        parts.append("\n".join(verdict.rounding.explained()))
    if verdict.kind != UNKNOWN:
        parts.append("\n".join(wrap(NOT_COVERED, 110, subsequent_indent="  ")))
    if verdict.certificate:
        parts.append(_plain_axes("\n".join(_derivation(verdict.certificate))))
    if verdict.counterexample:
        given = {**verdict.counterexample.inputs, **verdict.counterexample.parameters}
        parts.append("\n".join(f"  {name} = {each.values!r}" for name, each in given.items()))
    if verdict.peak_mib is not None:
        parts.append(f"memory: at most {verdict.peak_mib:.0f} MiB held by the process so far, Python and Torch included")
    return "\n\n".join(part for part in parts if part)


def _laws(certificate: Mapping[str, Any]) -> Iterator[str]:
    """A line for each law: what it says, how it was proved and in which time."""
    names = certificate["laws"]
    yield "laws, and how each was proved:" if names else "no laws: the lifted terms meet by themselves or by computed steps"
    book = read_book()
    rows = [(name, _how(book.get(mark, {}))) for name, mark in names.items()]
    widths = [max((len(row[i]) for row in rows), default=0) for i in (0, 1)]
    for name, how in rows:
        yield f"  {name:<{widths[0]}}  {how:<{widths[1]}}  {find_law(name).statement}"


def _how(entry: Mapping[str, Any]) -> str:
    """How a law was proved, and how long that took."""
    if not entry:
        return "not in the book"
    if entry["prover"] == "axiom":
        return "an axiom"
    seconds = entry["seconds"]
    return f"{entry['prover']}, {f'{seconds:.1f}' if seconds >= 0.1 else '< 0.1'} s"


def _derivation(certificate: Mapping[str, Any]) -> Iterator[str]:
    """The first goal's two ends and the terms between them where these are few and short, else the steps in their order."""
    with deep_recursion():
        terms = decode(certificate["terms"])
        path = certificate["paths"][0]
        steps = [read_step(step, terms) for step in path["steps"]]
        left, right = (terms[i] for i in path["goals"][0])
        goals = sum(len(each["goals"]) for each in certificate["paths"])
        of = f" (the first of {goals} equations)" if goals > 1 else ""
        if left is right:
            yield f"derivation{of}: both programs are lifted to one term"
            yield f"    {left}"
            return
        lines = chain(steps, left, right, limit=4 * LINES)
        if lines is not None and len(lines) <= LINES and all(t.size <= NODES for t in (left, *(t for t, _ in lines))):
            yield f"derivation{of}, each line made of the one before by one step in one place:"
            yield f"    {left}"
            for term, step in lines:
                yield f"  = {term}   [{step.name}]"
            return
        yield f"derivation: {len(steps)} equations, from which congruence joins the ends{of}:"
        for number, step in enumerate(steps, 1):
            yield f"  {number:>{len(str(len(steps)))}}. {step}"


_FRESH = re.compile(r"(\w+)'(\d{6,})")


def _plain_axes(text: str) -> str:
    """The copies of axes that the search made, numbered from 1 for each name.

    >>> _plain_axes("Σ[k'1000005] Σ[k'1000007] a[k'1000005, j'1000006, j']")
    "Σ[k₁] Σ[k₂] a[k₁, j₁, j']"
    """
    found: dict[str, list[str]] = {}

    def put(match: re.Match[str]) -> str:
        copies = found.setdefault(match[1], [])
        if match[2] not in copies:
            copies.append(match[2])
        return match[1] + "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(copies.index(match[2]) + 1))

    return _FRESH.sub(put, text)


def read_step(step: list[Any], terms: list[Term]) -> Step:
    """A step of a certificate."""
    if len(step) == 3:
        return Step(step[0], terms[step[1]], terms[step[2]])
    name, holes, axes, witnesses = step
    law = find_law(name)
    by_name = {str(a): a for a in law.axes}
    shown = {hole: terms[place] for (_, hole), place in zip(law.where, witnesses, strict=True)}
    return law_step(law, {h: terms[t] for h, t in holes}, {by_name[a]: decode_axis(b) for a, b in axes}, shown)
