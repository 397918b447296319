"""Printed kernel sources, written by commute and edited by nobody.

What may be added here: only files printed from a file of kernels/, each importing nothing but torch and triton.
What never belongs here: hand-written code.
"""

if __name__ != "commute.kernels.generated":
    raise ImportError("import it as commute.kernels.generated")
