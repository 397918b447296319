"""Search: many equal terms, what they cost on a machine, and the cheapest plan.

What may be added here: encodings of theory's terms for egglog, analyses, schedules, the log of fired laws, cost and
plans.
What never belongs here: anything that a verdict rests on (that is verify/), Torch, printing of code.
"""

if __name__ != "commute.egraph":
    raise ImportError("import it as commute.egraph")
