"""The table of laws for people: one row a law, grouped by family.

What may be added here: another way of showing the table. What never belongs here: proving a law (verify/), or a law.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Any


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
