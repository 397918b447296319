"""The proofs that a plan's streams rest on: corrections, merges of states, and the schedule as a fold.

`streams.py` decides how many passes a region takes by the look of its bodies; here that decision is turned into equations with
fresh inputs for the running values, and each goes to the provers.  To add here: another claim of a schedule.
Never here: choosing schedules, or how an equation is proved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from commute.egraph.corrections import later
from commute.egraph.cost import Region
from commute.egraph.evidence import Evidence
from commute.egraph.forms import Forms
from commute.egraph.kernels import Kernel
from commute.egraph.running import Families, Running
from commute.egraph.streams import Passes
from commute.proof import Goal, Proof, prove_cases
from commute.theory.axes import Axis
from commute.theory.board import board
from commute.theory.facts import MASKS, Facts
from commute.theory.folds import put_states
from commute.theory.ops import add
from commute.theory.terms import NINF, ZERO, Term, index, postorder, read
from commute.verify.definedness import obligations

SECONDS = 3.0
"""So long one claim may take."""

WITHIN_A_SCHEDULE = 6.0
"""So long the schedule of a whole plan may take."""


def prove_goals(name: str, goals: Sequence[Goal], given: Mapping[str, int] | None = None) -> Proof:
    """The certificate of some equations for all sizes, or the reasons why there is none."""
    return prove_cases([("", list(goals))], given or {}, _claim(name), seconds=SECONDS, saturate=False)


def prove_cases_of(name: str, cases: Sequence[tuple[str, Sequence[Goal]]], families: Families) -> Proof:
    """The same for several cases of sizes, with folds whose states are said to be reductions over prefixes."""
    return prove_cases(cases, {}, _claim(name), seconds=WITHIN_A_SCHEDULE, saturate=False, families=families)


def _claim(name: str) -> dict[str, Any]:
    return {"reference": name, "candidate": name, "sizes": {}, "source": ["", ""], "fixed": {}, "assume": {}}


def found(what: str, axis: Axis, about: str, says: str, proof: Proof) -> Evidence:
    """A claim with what the provers made of it."""
    reason = "" if proof else next(iter(proof.reasons), "no proof was found")
    return Evidence(what, axis.name, about, says, "PROVED" if proof else "UNKNOWN", reason, proof.certificate)


# --- one pass --------------------------------------------------------------------------------------------------------


@dataclass
class PassProofs:
    """The claims of one pass of a region along an axis."""

    running: Running
    _fresh: dict[str, Term] = field(default_factory=dict)

    @property
    def forms(self) -> Forms:
        """The space that the region's classes are in."""
        return self.running.forms

    def _read(self, name: str, axes: Iterable[Axis]) -> Term:
        """A fresh input over some axes; no input of a program has a name with a dot."""
        kept = sorted(axes, key=lambda a: a.key)
        return read(name, [index(a) for a in kept], [a.size for a in kept])

    def _values(self, letter: str) -> dict[int, Term]:
        return {i: self._read(f"{letter}.{i}", s.axes) for i, s in enumerate(self.running.states)}

    def _running(self, place: int, first: int, second: int) -> dict[str, Term]:
        """Fresh running values: what bodies call old is number `first`, what they call new is number `second`."""
        values: dict[str, Term] = {}
        for name in self.running.states[place].body.states:
            c = int(name[1:])
            for spoken, number in ((name, first), (later(c).attrs[0], second)):
                values[spoken] = self._read(f"r{number}.{c}", self.forms.free[c])
        return values

    def body(self, place: int) -> Term:
        """What a state reduces, at fresh running values."""
        return put_states(self.running.states[place].body, self._running(place, 0, 0))

    def _wholes(self, place: int, number: int) -> dict[int, Term]:
        """The states that `place` is moved by, over the whole axis, at fresh running values."""
        values = self._running(place, number, number)
        places = {i for _, i in self.running.states[place].parts or ()} | {place}
        return {i: self.running.whole(i, values) for i in places}

    def corrections(self) -> list[Evidence]:
        """f(x, r') = c(r, r')·f(x, r) for every corrected state; c(r, r'') = c(r, r')·c(r', r''); c(r, r) = 1."""
        axis = self.running.axis
        result = []
        for i, own in enumerate(self.running.states):
            if not own.moves:
                continue
            moved = self.running.moved(i, self._wholes(i, 0), self._running(i, 0, 1))
            start = self._values("a")
            names = {place for place, s in enumerate(self.running.states) if s.moves}
            between = start | {j: self.running.moved(j, start, self._running(j, 0, 1)) for j in names & self._moved_by(i)}
            goals = [
                (self._wholes(i, 1)[i], moved),
                (self.running.moved(i, between, self._running(i, 1, 2)), self.running.moved(i, start, self._running(i, 0, 2))),
                (self.running.moved(i, start, self._running(i, 0, 0)), start[i]),
            ]
            about = board(self._wholes(i, 0)[i])
            if why := self._undefined(i):
                result.append(Evidence("correction", axis.name, about, board(moved), "UNKNOWN", why))
            else:
                result.append(found("correction", axis, about, board(moved), prove_goals("correction", goals)))
        return result

    def _moved_by(self, place: int) -> set[int]:
        return {j for _, j in self.running.states[place].parts or ((ZERO, place),)}

    # --- where running values are defined --------------------------------------------------------------------------------

    def signs(self) -> dict[str, int]:
        """What is known of a state over any indices at all, as the inputs that stand for it."""
        given: dict[str, int] = {}
        for i in range(len(self.running.states)):
            body, facts = self.body(i), Facts()
            for predicate in ("positive", "nonnegative"):
                if facts.holds(predicate, body):
                    given |= {f"{letter}.{i}": MASKS[predicate] for letter in "abc"}
                    break
        return given

    def _undefined(self, place: int) -> str:
        """Why a running value, or the correction by it, may be undefined after some index; empty where it can't be."""
        own = self.running.states[place]
        facts, values = Facts(self.signs()), self._values("a")
        named = {f"s{i}": t for i, t in values.items()}
        coefficients = [own.by] if own.by is not None else [c for c, _ in own.parts or ()]
        terms = [put_states(c, self._running(place, 0, 1)) for c in coefficients]
        terms += [put_states(self.running.results[int(name[1:])], named) for name in own.body.states]
        for t in terms:
            for owed in obligations(t, facts):
                if owed.predicate != "real" and any(x.op == "input" and "." in x.attrs[0] for x in postorder(owed.term)):
                    return f"a running value may be undefined: {board(owed.term)} isn't known to be {owed.predicate}"
        return ""

    # --- merging -----------------------------------------------------------------------------------------------------

    def merge(self) -> Evidence | None:
        """Merging the states of two parts is associative and commutative; None where there are no states."""
        if not self.running.states:
            return None
        a, b, c = map(self._values, "abc")
        merged = self.running.merged
        ab, bc = merged(a, b), merged(b, c)
        left, right, back = merged(ab, c), merged(a, bc), merged(b, a)
        places = range(len(self.running.states))
        goals = [(left[i], right[i]) for i in places] + [(ab[i], back[i]) for i in places]
        proof = prove_goals("merge", goals, self.signs())
        about = ", ".join(board(t) for t in a.values())
        says = "; ".join(board(t) for t in ab.values())
        return found("merge", self.running.axis, about, says, proof)

    def unit(self) -> Evidence | None:
        """A state over no index (0 for sums, -inf for maxima) leaves the other as it is; None where no state is corrected.

        Where what a state starts from can't be put into the correction, the first indices start the states instead.
        """
        own = self.running
        moving = [i for i, s in enumerate(own.states) if s.moves]
        if not moving:
            return None
        start = self._values("a")
        goals = [self._with_empty(i, start) for i in moving]
        says = "from -inf and 0"
        proof = prove_goals("unit", [g for g in goals if g], self.signs()) if all(goals) else None
        if not proof:
            kept = [(own.moved(i, start, self._running(i, 0, 0)), start[i]) for i in moving]
            says, proof = "a case of its own: the first part starts the states", prove_goals("unit", kept, self.signs())
        return found("unit", own.axis, ", ".join(board(t) for t in start.values()), says, proof)

    def _with_empty(self, place: int, start: Mapping[int, Term]) -> Goal | None:
        """State `place` merged with that over no index is as it was; None where the correction has no value there."""
        own = self.running
        if own.states[place].parts is None:
            return None
        empty = self._values("e")
        moved = own.moved(place, {i: ZERO for i in start}, own.between(empty, start, place))
        units = {t: NINF if own.states[i].kind == "max" else ZERO for i, t in empty.items()}
        done: dict[Term, Term] = dict(units)
        for t in postorder(moved):
            if t not in done:
                done[t] = Term(t.op, tuple(done[x] for x in t.args), t.attrs)
        if any(own.states[i].kind in ("min", "prod") for i in own.needs(place)) or not Facts().real(done[moved]):
            return None
        return add(own.moved(place, start, own.between(start, start, place)), done[moved]), start[place]


def passes_of(forms: Forms, kernel: Kernel, passes: Passes) -> list[PassProofs]:
    """The passes of a kernel along an axis, stored arrays being fresh inputs.

    Raises NotSeparable where a body moves in a way that no correction undoes, NotAFold where a state is read all over an axis.
    """
    region = kernel.region
    known = {c: _leaf(forms, region, c) for c in region.leaves}
    return [PassProofs(Running(forms, region.node, region.inner, passes, p, known)) for p in range(1, passes.count + 1)]


def _leaf(forms: Forms, region: Region, c: int) -> Term:
    if region.node[c].op == "leaf":
        return forms.term[c]
    axes = sorted(forms.free[c], key=lambda a: a.key)
    return read(f"t.{c}", [index(a) for a in axes], [a.size for a in axes])
