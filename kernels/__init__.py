"""The catalogue of algorithms that commute has derived, one file a family.

What may be added here: a family's file states the reference, the machine and the plan that was chosen; generated/
will hold the sources printed from it, each standing alone and naming its certificate.
What never belongs here: kernels written by hand, and anything that another room needs to import.
"""

if __name__ != "commute.kernels":
    raise ImportError("import it as commute.kernels")
