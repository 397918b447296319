"""The doors to other languages: programs lifted to terms, terms lowered to programs.

What may be added here: a front end is one file lift_<name>.py, a backend one file to_<name>.py; they share tile.py
and emit.py.
What never belongs here: laws, proofs and costs.
"""

if __name__ != "commute.lowering":
    raise ImportError("import it as commute.lowering")
