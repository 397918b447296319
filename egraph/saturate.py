"""The schedule: rounds of finding and firing under budgets of nodes, rounds and time, and why it stopped.

A round hands new terms to egglog, asks which goals are reached, lets the rules find matches, and makes steps of them in Python,
smallest terms first.  Rearranging rules and new names for axes wait until nothing else has anything to say.
To add here: scheduling.  Never here: what a rule says, or which of the equal terms is best.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from pathlib import Path

from egglog.bindings import EGraph, EggSmolError

from commute.egraph.analyses import Keys
from commute.egraph.encode import Encoding
from commute.egraph.expand import proposals, renamed
from commute.egraph.log import Log
from commute.egraph.rules import Rule, default_laws, rules_of
from commute.theory.facts import Facts
from commute.theory.law import Law
from commute.theory.step import Step
from commute.theory.terms import Term

PER_ROUND = 1500
"""Steps that one round may add; what is found beyond that waits, the heaviest longest."""


class Unsound(RuntimeError):
    """Two things that can't be equal were united: a law or a rule is wrong."""


@dataclass
class Saturation:
    """What a saturation reached and why it stopped: "goal", "saturated", "nodes", "rounds" or "time".

    `steps` are all equations used, in an order that serves their witnesses.  `engine` serves `extract.py`.
    """

    reached: list[bool]
    steps: list[Step]
    stopped: str
    enodes: int
    rounds: int
    seconds: float
    engine: Engine = field(repr=False)


class Engine:
    """One e-graph: egglog, the encoding of its terms, its rules and its log."""

    def __init__(self, facts: Facts, laws: Sequence[Law]):
        self.facts = facts
        self.keys = Keys(facts)
        self.encoding = Encoding(self.keys)
        self.log = Log(self.encoding)
        self.rules = rules_of(laws)
        self.encoding.commands += [rule.text(self.encoding) for rule in self.rules]
        self.phase = 0
        self._folder = tempfile.TemporaryDirectory(prefix="commute-")
        self._egraph = EGraph(fact_directory=self._folder.name)
        self._waiting: list[tuple[int, int, Step]] = []
        self._expanded: set[Term] = set()
        self._seen: set[tuple[str, tuple[int, ...]]] = set()
        self._blocked: list[tuple[Rule, tuple[int, ...]]] = []
        self._count = 0

    # --- egglog ------------------------------------------------------------------------------------------------------

    def run(self, text: str) -> None:
        """Run commands; Unsound where a union breaks a tripwire."""
        try:
            self._egraph.run_program(*self._egraph.parse_program(text))
        except EggSmolError as error:
            if "merge" in str(error).lower():
                raise Unsound(f"two different symbols, or a truth value and a number, became equal: {error}") from error
            raise

    def load(self) -> None:
        """Hand new shapes and terms to egglog."""
        rows, self.encoding.rows = self.encoding.rows, type(self.encoding.rows)(list)
        commands, self.encoding.commands = self.encoding.commands, []
        for relation, lines in rows.items():
            text = "\n".join("\t".join(map(str, line)) for line in lines)
            Path(self._folder.name, f"{relation}.tsv").write_text(text)
            commands.append(f'(input {relation} "{relation}.tsv")')
        self.run("\n".join([*commands, "(run load 1)"]))

    def table(self, name: str) -> list[tuple[int, ...]]:
        """The rows of a relation between numbers."""
        rows = self._egraph.freeze().functions[name].rows
        return [tuple(map(self._egraph.value_to_i64, row.inputs)) for row in rows]

    def enodes(self) -> int:
        """How many nodes the e-graph has: leaves, and operators over classes."""
        functions = self._egraph.freeze().functions
        names = ["Leaf", *(s.name for s in self.encoding.shapes.values())]
        return sum(len(functions[name].rows) for name in names if name in functions)

    # --- one round ---------------------------------------------------------------------------------------------------

    def find(self) -> None:
        """Let the rules look, and queue the steps of what they see."""
        self.run("(run find 1)" + ("(run late 1)" if self.phase > 1 else ""))
        functions = self._egraph.freeze().functions
        value = self._egraph.value_to_i64
        for shape in list(self.encoding.shapes.values()):
            seen = functions.get(f"seen_{shape.name}")
            for row in seen.rows if seen else ():
                self._see(shape.name, tuple(map(value, row.inputs)))
        for rule in self.rules:
            for row in functions[rule.name].rows:
                self._match(rule, tuple(map(value, row.inputs)))
        self.run("(run clear 1)")
