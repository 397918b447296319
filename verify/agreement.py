"""Whether a second solver agrees with Z3 on the obligations of laws: it may contradict none, and what it can't answer is named.

To add here: how answers are counted and told.  Never here: asking a solver (second_opinion.py), or writing an obligation.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from commute.verify.second_opinion import SAT, UNSAT, SecondOpinion, installed
from commute.verify.smtlib import Script

SECONDS = 20.0
"""What one question may take."""


@dataclass(frozen=True)
class Agreement:
    """What became of `asked` obligations: names of those `against`, and of those without an answer, with the reason."""

    version: str
    asked: int
    against: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    seconds: float = 0.0

    def __str__(self) -> str:
        if not self.version:
            return "cvc5 was not asked: it is not installed (pip install commute[cvc5])"
        agreed = self.asked - len(self.against) - len(self.silent)
        lines = [f"cvc5 {self.version} agrees on {agreed} of {self.asked} obligations; {self.seconds:.1f} s"]
        lines += [f"  it contradicts Z3 on {name}" for name in self.against]
        return "\n".join([*lines, *(f"  it gives no answer on {name}" for name in self.silent)])


def agreement(obligations: Iterable[Script], seconds: float = SECONDS) -> Agreement:
    """Ask cvc5, where it is installed, about every obligation."""
    if not installed():
        return Agreement("", 0)
    started, asked = time.perf_counter(), 0
    against, silent = [], []
    with SecondOpinion() as cvc5:
        for each in obligations:
            asked += 1
            said = cvc5.ask(each.text, each.logic, seconds)
            if said not in (SAT, UNSAT):
                silent.append(f"{each.name}: {said}")
            elif said != each.status:
                against.append(f"{each.name}: it says {said}")
        return Agreement(cvc5.version, asked, tuple(against), tuple(silent), time.perf_counter() - started)
