"""The table of laws for people: rows, a page of text, a two-sided picture of each law, and the check of them all.

What may be added here: another way of showing the table. What never belongs here: proving a law (verify/), or a law.
"""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from commute.options import write_text


def rows() -> list[dict[str, Any]]:
    """What there is to know about each law, as plain values, in the order in which the families declare them."""
    from commute.theory.law import all_laws

    return [
        {
            "name": law.name,
            "family": law.family,
            "statement": law.statement,
            "conditions": list(law.conditions),
            "axiom": law.axiom,
            "citation": law.citation,
            "doc": law.doc,
        }
        for law in all_laws()
    ]


def page(table: Iterable[dict[str, Any]]) -> str:
    """The rows as text: a heading a family, then each law's name and statement, and whether it is an axiom.

    >>> row = {"name": "add_zero", "family": "semiring", "statement": "x + 0 = x", "axiom": ""}
    >>> print(page([row, {**row, "name": "exp_positive", "statement": "max(exp(x), 0) = exp(x)", "axiom": "analysis"}]))
    semiring
      add_zero      x + 0 = x
      exp_positive  max(exp(x), 0) = exp(x)   (axiom: analysis)
    """
    parts = []
    for family, members in groupby(table, key=lambda row: row["family"]):
        members = list(members)
        width = max(len(row["name"]) for row in members)
        lines = (f"  {row['name']:<{width}}  {row['statement']}{_standing(row)}" for row in members)
        parts.append("\n".join([family, *lines]))
    return "\n\n".join(parts)


def _standing(row: dict[str, Any]) -> str:
    return f"   (axiom: {row['axiom']})" if row["axiom"] else ""


def draw_all(folder: Path) -> int:
    """Draw each law as `folder/NAME.svg`, its two sides beside one another, and say how many there are."""
    from commute.theory.draw import draw_equation
    from commute.theory.law import all_laws
    from commute.verify.induction import scopes

    laws = all_laws()
    for law in laws:
        picture = draw_equation(law.lhs, law.rhs, law.name, holes=scopes(law.lhs, law.rhs))
        write_text(folder / f"{law.name}.svg", picture)
    return len(laws)


def check_all(write: bool = False, smtlib: Path | None = None) -> tuple[bool, str]:
    """Prove every law anew, and `write` the book of proved laws; whether all stand as the book says, and how each does.

    Obligations are written to the folder `smtlib`, and cvc5 judges them too where it is installed.
    """
    from commute.verify.agreement import agreement
    from commute.verify.lawbook import check_laws, missing, summary, write_book
    from commute.verify.smtlib import all_scripts

    results = check_laws()
    if write:
        write_book(results)
    stale = missing()
    lines = [summary(results)]
    obligations = all_scripts(results)
    if smtlib is not None:
        for each in obligations:
            write_text(smtlib / f"{each.name}.smt2", each.text)
        lines.append(f"{len(obligations)} obligations in {smtlib}")
    second = agreement(obligations)
    lines.append(str(second))
    if stale:
        lines.append(f"theory/laws/proved.json is out of date (commute laws --check --write): {', '.join(stale)}")
    return all(result.ok for result in results) and not stale and not second.against, "\n".join(lines)
