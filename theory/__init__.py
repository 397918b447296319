"""The mathematics: axes, terms, operators, laws, steps, machines, and the pictures of them.

What may be added here: one concept a file; an operator is one row in ops.py, a law one function in
laws/<family>.py, a machine one row in machines.py. It imports the standard library and sympy only.
What never belongs here: search, solvers, Torch, printing of code, the command line.
"""

if __name__ != "commute.theory":
    raise ImportError("import it as commute.theory")
