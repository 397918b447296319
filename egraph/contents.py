"""Sizes as factors: a size and its reciprocal are one thing with an exponent of either sign.

To add here: other atoms that are known to be positive.  Never here: the normal forms themselves.
"""

from __future__ import annotations

from commute.theory.terms import Term


def size_of(atom: Term) -> Term | None:
    """The size that an atom is or is the reciprocal of; None for another atom."""
    inner = atom.args[0] if atom.op == "recip" else atom
    return inner if inner.op == "size" else None
