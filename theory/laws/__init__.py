"""The laws, one file a family.

What may be added here: a law is one typed function that returns its two sides; the family it joins is the file it
stands in.
What never belongs here: anything that proves, applies or draws a law: that reads the table from outside.
"""

if __name__ != "commute.theory.laws":
    raise ImportError("import it as commute.theory.laws")
