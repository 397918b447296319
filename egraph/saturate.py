"""The schedule: rounds of finding and firing under budgets of nodes, rounds and time, and why it stopped.

A round hands new terms to egglog, asks which goals are reached, lets the rules find matches, and makes steps of them in Python,
smallest terms first.  Rearranging rules and new names for axes wait until nothing else has anything to say.
To add here: scheduling.  Never here: what a rule says, or which of the equal terms is best.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from pathlib import Path

from egglog.bindings import EggSmolError, EGraph

from commute.egraph.analyses import Keys, Remembered, tag_of
from commute.egraph.encode import Encoding, Shape
from commute.egraph.expand import proposals, renamed
from commute.egraph.log import Log
from commute.egraph.mirror import Mirror
from commute.egraph.rules import Rule, default_laws, operators_of, rules_of
from commute.theory.facts import Facts
from commute.theory.law import Law
from commute.theory.step import Step
from commute.theory.terms import Term

PER_ROUND = 400
"""Steps that one round may add; what is found beyond that waits, the heaviest longest."""

PER_PHASE = 24
"""Late rules that come in together; more would take long to declare."""


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

    def __init__(self, facts: Remembered, laws: Sequence[Law], goals: Sequence[tuple[Term, Term]]):
        self.facts = facts
        self.keys = Keys(self.facts)
        self.encoding = Encoding(self.keys)
        self.log = Log(self.encoding)
        self.rules, self._late = rules_of(laws, operators_of(*(t for goal in goals for t in goal)))
        self.encoding.commands += [rule.text(self.encoding) for rule in self.rules]
        self.phase = 0
        self.heaviest = 60 + 3 * max((self.keys.weight(t) for goal in goals for t in goal), default=0)
        self._egraph = EGraph()
        self._waiting: list[tuple[int, int, Step]] = []
        self._expanded: set[Term] = set()
        self._seen: set[tuple[str, tuple[int, ...]]] = set()
        self._blocked: list[tuple[Rule, tuple[int, ...]]] = []
        self._shapes: dict[str, Shape] = {}
        self._count = 0
        self.load()

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
        commands, rows = self.encoding.take()
        with tempfile.TemporaryDirectory(prefix="commute-") as folder:
            for relation, lines in rows.items():
                path = Path(folder, f"{relation}.tsv")
                path.write_text("\n".join("\t".join(map(str, line)) for line in lines))
                commands.append(f'(input {relation} "{path}")')
            self.run("\n".join([*commands, "(run load 1)"]))
        self.mirror = Mirror(self._egraph, self.encoding)

    def table(self, name: str) -> list[tuple[int, ...]]:
        """The rows of a relation between numbers."""
        rows = self._egraph.freeze().functions[name].rows
        return [tuple(map(self._egraph.value_to_i64, row.inputs)) for row in rows]

    def enodes(self) -> int:
        """How many nodes the e-graph has: leaves, and operators over classes."""
        return len(self.mirror.nodes)

    # --- one round ---------------------------------------------------------------------------------------------------

    def find(self, deadline: float) -> None:
        """Let the rules look, and queue the steps of what they see; what comes after the deadline is not read."""
        self.run("(run find 1)")
        functions = self._egraph.freeze().functions
        value = self._egraph.value_to_i64
        self._shapes = {shape.name: shape for shape in self.encoding.shapes.values()}
        for shape in list(self._shapes.values()):
            seen = functions.get(f"seen_{shape.name}")
            for row in seen.rows if seen else ():
                if time.perf_counter() > deadline:
                    return
                self._see(shape.name, tuple(map(value, row.inputs)))
        for rule in self.rules:
            for row in functions[rule.name].rows:
                if time.perf_counter() > deadline:
                    return
                self._match(rule, tuple(map(value, row.inputs)))
        self.run("(run clear 1)")

    def _see(self, name: str, row: tuple[int, ...]) -> None:
        shape = self._shapes[name]
        axes = tuple(self.encoding.axes[i] for i in row[: shape.axes])
        term = shape.fill(axes, tuple(self.encoding.terms[tag_of(key)] for key in row[shape.axes :]))
        if term not in self._expanded:
            self._expanded.add(term)
            self.encoding.tag(term)
            self._propose(proposals(term, self.facts))
            if self.phase and term.op == "reduce":
                self._propose(renamed(term))

    def _match(self, rule: Rule, row: tuple[int, ...]) -> None:
        key = (rule.name, tuple(map(tag_of, row)))
        if key in self._seen:
            return
        self._seen.add(key)
        step = rule.step(row, self.encoding, self.facts)
        if step:
            self._propose((step,))
        elif self.phase:
            self._free(rule, row)
        else:
            self._blocked.append((rule, row))

    def _free(self, rule: Rule, row: tuple[int, ...]) -> None:
        for term, taken in rule.blocked(row, self.encoding):
            self._propose(renamed(term, taken))

    def _propose(self, steps: Iterable[Step]) -> None:
        for step in steps:
            if not self.log.knows(step):
                self._count += 1
                heappush(self._waiting, (self.keys.weight(step.lhs) + self.keys.weight(step.rhs), self._count, step))

    def fire(self, deadline: float) -> bool:
        """Log the lightest of the waiting steps; False where there was nothing to say."""
        fired = 0
        while self._waiting and self._waiting[0][0] <= self.heaviest and fired < PER_ROUND and time.perf_counter() < deadline:
            step = heappop(self._waiting)[2]
            left = self.mirror.find(step.lhs)
            if left is None or left != self.mirror.find(step.rhs):
                fired += self.log.write(step)
        return fired > 0 or bool(self.encoding.rows)

    def next_phase(self) -> bool:
        """Let what waits until the rest is quiet have its say: names, then rearrangements, then the heavy; False at the end."""
        self.phase += 1
        if self.phase == 1:
            for term in [t for t in self._expanded if t.op == "reduce"]:
                self._propose(renamed(term))
            for rule, row in self._blocked:
                self._free(rule, row)
            self._blocked.clear()
        elif self._admit():
            return True
        elif self.phase > 2:
            self.heaviest *= 2
        return self.phase <= 2 or bool(self._waiting)

    def _admit(self) -> bool:
        """Let those late rules in whose operators the e-graph has; whether there were any."""
        present = frozenset(operators_of(*self._expanded)) | {t.op for t in self.encoding.terms if not t.args}
        ready = [rule for rule in self._late if operators_of(rule.pattern) <= present][:PER_PHASE]
        self._late = [rule for rule in self._late if rule not in ready]
        self.rules += ready
        self.encoding.commands += [rule.text(self.encoding) for rule in ready]
        self.load()
        return bool(ready)

    def reached(self) -> set[int]:
        """The numbers of the goals that are reached."""
        self.run("(run check 1)")
        return {row[0] for row in self.table("reached")}


def saturate(
    goals: Sequence[tuple[Term, Term]],
    *,
    facts: Facts,
    seconds: float,
    nodes: int = 50_000,
    rounds: int = 30,
    laws: Sequence[Law] | None = None,
    granted: Iterable[tuple[str, Term]] = (),
    known: Iterable[tuple[Term, Term]] = (),
) -> Saturation:
    """Search for equations that make the two terms of each goal equal, until all are or a budget is spent.

    `laws` replaces the laws of the house; computed steps are always tried.  `granted` holds what the reference owes where it
    is defined, pairs (predicate, term); `known` holds pairs that steps of the caller's, which come first, make equal.
    Time is checked between rounds and between steps.
    """
    start = time.perf_counter()
    engine = Engine(Remembered(facts.given, granted), default_laws() if laws is None else laws, goals)
    for left, right in known:
        engine.encoding.equal(left, right)
    for i, (left, right) in enumerate(goals):
        engine.encoding.rows["goal"].append((i, engine.encoding.tag(left), engine.encoding.tag(right)))
    stopped, count = _rounds(engine, len(goals), start + seconds, nodes, rounds)
    reached = engine.reached()
    found = [i in reached for i in range(len(goals))]
    return Saturation(found, engine.log.steps, stopped, engine.enodes(), count, time.perf_counter() - start, engine)


def _rounds(engine: Engine, goals: int, deadline: float, nodes: int, rounds: int) -> tuple[str, int]:
    """Run rounds until there is a reason to stop; the reason and how many rounds there were."""
    count = 0
    while True:
        engine.load()
        done = len(engine.reached()) == goals > 0
        stopped = _budget(done, engine.enodes() > nodes, count >= rounds, time.perf_counter() > deadline)
        if stopped:
            return stopped, count
        count += 1
        engine.find(deadline)
        while not engine.fire(deadline) and time.perf_counter() < deadline:
            if not engine.next_phase():
                return "saturated", count
            engine.find(deadline)


def _budget(goal: bool, nodes: bool, rounds: bool, late: bool) -> str:
    """The first reason to stop that holds, else nothing."""
    return "goal" if goal else "nodes" if nodes else "rounds" if rounds else "time" if late else ""
