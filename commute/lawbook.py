"""The table of laws for people: one row a law, grouped by family.

What may be added here: another way of showing the table. What never belongs here: proving a law (verify/), or a law.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Any


def rows() -> list[dict[str, Any]]:
    """What there is to know about each law, as plain values, in the order of their families."""
    from commute.theory.law import all_laws

    laws = sorted(all_laws(), key=lambda law: law.family)
    return [
        {
            "name": law.name,
            "family": law.family,
            "statement": law.statement,
            "conditions": [str(condition) for condition in law.conditions],
            "axiom": bool(law.axiom),
            "citation": law.citation or "",
            "doc": law.doc,
        }
        for law in laws
    ]


def page(table: Iterable[dict[str, Any]]) -> str:
    """The rows as text: a heading a family, then name, statement, conditions, and whether it is an axiom.

    >>> row = {"name": "add_zero", "family": "semiring", "statement": "x + 0 = x", "conditions": [], "axiom": False}
    >>> print(page([row, {**row, "name": "recip_self", "statement": "x * 1/x = 1", "conditions": ["x != 0"]}]))
    semiring
      add_zero    x + 0 = x
      recip_self  x * 1/x = 1  where x != 0
    """
    parts = []
    for family, members in groupby(table, key=lambda row: row["family"]):
        members = list(members)
        width = max(len(row["name"]) for row in members)
        parts.append("\n".join([family, *(f"  {row['name']:<{width}}  {_statement(row)}" for row in members)]))
    return "\n\n".join(parts)


def _statement(row: dict[str, Any]) -> str:
    conditions = f"  where {', '.join(row['conditions'])}" if row["conditions"] else ""
    return row["statement"] + conditions + ("  (axiom)" if row["axiom"] else "")
