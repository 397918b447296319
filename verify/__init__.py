"""Trust: certificates, solvers, exact and numeric evaluation, and the verdict they lead to.

What may be added here: one way of knowing a file. Only numeric.py imports torch; only solver files import z3.
What never belongs here: search (egraph/), lifting and printing of code (lowering/).
"""

if __name__ != "commute.verify":
    raise ImportError("import it as commute.verify")
