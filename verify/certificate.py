"""The trusted checker: whether a certificate proves what it claims.  Everything that finds proofs may be wrong; this may not.

A certificate holds two programs as terms, and an ordered list of equations, each an instance of a law that is known (by its
digest) to be proved, or a computed step that is done again here.  The checker closes them under congruence and looks whether
the ends meet.  It imports the standard library and theory only, and reading a certificate runs nothing.
Never here: search, or anything that only makes proofs shorter or faster to find.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from commute.theory.codec import Malformed, Table, decode, decode_axis, encode_axis
from commute.theory.facts import ALL, NEG, NIL, POS, Facts
from commute.theory.law import BadInstance, find_law
from commute.theory.schemas import SCHEMAS, premises_of
from commute.theory.step import Step
from commute.theory.terms import BOOL, FALSE, INT, TRUE, Term, postorder
from commute.verify.definedness import Obligation, implies, obligations, uncovered

FORMAT = "commute-certificate/1"
_KEYS = {"format", "claim", "given", "where", "laws", "terms", "paths", "digest"}
_PATH_KEYS = {"condition", "ends", "goals", "steps"}
_SIGNS = {
    POS: "positive", POS | NIL: "nonnegative", POS | NEG: "nonzero", NEG: "negative", NEG | NIL: "nonpositive", NIL: "zero",
}  # fmt: skip
PATIENCE = 60.0
"""Seconds after which a certificate is rejected for what it costs."""

EVERYWHERE, WHERE_DEFINED = "everywhere", "where every output of the reference is defined"
EACH_DEFINED, BOTH_DEFINED = "at each output where both are defined", "where every output of both is defined"


class Rejected(Exception):
    """The certificate doesn't prove its claim; the text says why."""


class Foreign(Exception):
    """The file is no certificate of this format."""


@dataclass(frozen=True)
class Checked:
    """What the checker says: `ok`, the claim in words, and the laws and axioms that it leans on; `reason` where not ok."""

    ok: bool
    reason: str = ""
    claim: str = ""
    laws: tuple[str, ...] = ()
    axioms: tuple[str, ...] = ()
    where: str = EVERYWHERE


@dataclass
class Case:
    """One case of the claim: a condition on sizes in words, the pairs of terms to join, and the steps that join them."""

    condition: str
    goals: list[tuple[Term, Term]]
    steps: list[Step] = field(default_factory=list)


# --- writing ---------------------------------------------------------------------------------------------------------


def write(claim: Mapping[str, Any], given: Mapping[str, int], where: str, paths: Iterable[Case]) -> dict[str, Any]:
    """The certificate as plain data: `claim` is carried along (names, sizes, sources), `given` the signs of inputs."""
    table, laws = Table(), {}
    body_paths = []
    paths = list(paths)
    read = {t.attrs[0] for path in paths for t in postorder(*(t for goal in path.goals for t in goal)) if t.op == "input"}
    for path in paths:
        steps = []
        for step in path.steps:
            if step.is_law:
                laws[step.name] = find_law(step.name).digest
                steps.append(
                    [
                        step.name,
                        [[h, table.add(t)] for h, t in step.holes],
                        [[str(a), encode_axis(b)] for a, b in step.axes],
                        [table.add(w) for w in step.witnesses],
                    ]
                )
            else:
                steps.append([step.name, table.add(step.lhs), table.add(step.rhs)])
        goals = [[table.add(a), table.add(b)] for a, b in path.goals]
        body_paths.append({"condition": path.condition, "ends": _ends(path.goals), "goals": goals, "steps": steps})
    body = {
        "format": FORMAT, "claim": dict(claim), "given": {k: v for k, v in sorted(given.items()) if k in read}, "where": where,
        "laws": dict(sorted(laws.items())), "terms": table.rows, "paths": body_paths,
    }  # fmt: skip
    return {**body, "digest": digest(body)}


def _ends(goals: Iterable[tuple[Term, Term]]) -> list[list[str]]:
    """What the two programs were lifted to, as hashes by which a lift can be compared with a certificate."""
    return [[a.digest, b.digest] for a, b in goals]


def digest(body: Mapping[str, Any]) -> str:
    """The hash of all that a certificate says."""
    plain = {k: v for k, v in body.items() if k != "digest"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


# --- checking --------------------------------------------------------------------------------------------------------


def check_text(text: str) -> Checked:
    """Check a certificate as it stands in a file; Foreign where the text is none."""
    try:
        data = json.loads(text, object_pairs_hook=_no_twins)
    except (ValueError, RecursionError) as error:
        raise Foreign(f"it isn't JSON: {error}") from None
    if not isinstance(data, dict) or not isinstance(data.get("format"), str):
        raise Foreign("it has no format")
    if data["format"] != FORMAT:
        raise Foreign(f"its format is {data['format']!r}, and this reads {FORMAT!r}")
    return check(data)


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({k for k, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def check(data: Mapping[str, Any]) -> Checked:
    """Check a certificate given as plain data."""
    try:
        return _check(data, monotonic() + PATIENCE)
    except (Rejected, Malformed, BadInstance) as error:
        return Checked(False, str(error))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        return Checked(False, f"malformed: {type(error).__name__} {error}")


def _check(data: Mapping[str, Any], deadline: float) -> Checked:
    if set(data) != _KEYS:
        raise Rejected(f"its entries are {', '.join(sorted(data))}")
    if digest(data) != data["digest"]:
        raise Rejected("its digest isn't that of its text: it was changed after it was written")
    if data["where"] not in (EVERYWHERE, WHERE_DEFINED, EACH_DEFINED, BOTH_DEFINED):
        raise Rejected(f"it claims equality {data['where']!r}")
    axioms = _check_laws(data["laws"])
    terms = decode(data["terms"])
    given = data["given"]
    if not all(type(mask) is int and 0 < mask < ALL for mask in given.values()):
        raise Rejected("what it takes as given about an input is no set of signs")
    if not data["paths"]:
        raise Rejected("it claims nothing")
    used: set[str] = set()
    read: set[str] = set()
    for path in data["paths"]:
        if set(path) != _PATH_KEYS or not path["goals"]:
            raise Rejected("a case without goals")
        used |= _check_path(path, terms, Facts(given), data["where"], read, deadline)
    if not set(given) <= read:
        raise Rejected("it takes something as given about an input that it doesn't read")
    if used != set(data["laws"]):
        raise Rejected("it lists laws that it doesn't use, or uses laws that it doesn't list")
    return Checked(True, "", _claim(data), tuple(sorted(used)), tuple(sorted(axioms)), data["where"])


def _check_laws(laws: Mapping[str, str]) -> set[str]:
    """Every law named is one of the house, unchanged, and proved or an axiom; the axioms' names are returned."""
    book = proved_laws()
    axioms = set()
    for name, mark in laws.items():
        try:
            law = find_law(name)
        except KeyError:
            raise Rejected(f"no law is named {name!r}") from None
        if law.digest != mark:
            raise Rejected(f"the law {name} isn't the one that the proof used")
        if law.axiom:
            axioms.add(name)
        elif mark not in book:
            raise Rejected(f"the law {name} is unproved")
        axioms |= set(book.get(mark, {}).get("axioms", ()))
    return axioms


def proved_laws() -> Mapping[str, Any]:
    """Digest -> how it was proved, for every law that has been proved."""
    import commute.theory.laws as room

    path = Path(room.__file__).parent / "proved.json"
    if not path.exists():
        return {}
    return json.loads(path.read_text())


def _check_path(
    path: Mapping[str, Any], terms: list[Term], facts: Facts, where: str, read: set[str], deadline: float
) -> set[str]:
    """Check one case; the names of the laws that it uses.  The inputs that its goals read are added to `read`."""
    goals = [(_at(terms, a), _at(terms, b)) for a, b in path["goals"]]
    if path["ends"] != _ends(goals):
        raise Rejected("its ends aren't those that it names")
    owed = [o for ends in goals for t in ends[: 1 + (where == BOTH_DEFINED)] for o in obligations(t, facts)]
    granted = [o for o in owed if not o.guards and not o.term.states] if where in (WHERE_DEFINED, BOTH_DEFINED) else []
    closure = Closure()
    used: set[str] = set()
    for number, step in enumerate(path["steps"]):
        if monotonic() > deadline:
            raise Rejected(f"checking it takes more than {PATIENCE:g} s")
        try:
            name = _check_step(step, terms, facts, closure, granted)
        except (Rejected, BadInstance) as error:
            raise Rejected(f"step {number}: {error}") from None
        if name is not None:
            used.add(name)
    for a, b in goals:
        if a.sort == BOOL or b.sort == BOOL or a.states or b.states:
            raise Rejected("a goal that isn't about numbers")
        closure.add(a)
        closure.add(b)
        if not closure.equal(a, b):
            raise Rejected(f"its steps don't join the ends: {a} and {b}")
    read |= {t.attrs[0] for t in postorder(*(t for goal in goals for t in goal)) if t.op == "input"}
    _check_sense(closure, facts)
    if where in (EVERYWHERE, WHERE_DEFINED):
        _check_definedness(goals, owed, facts, closure, where)
    return used


def _check_sense(closure: Closure, facts: Facts) -> None:
    """An input is one array wherever it is read, and no two different numbers or truth values have become equal."""
    shapes: dict[str, tuple[Any, ...]] = {}
    for t in closure.terms():
        if t.op == "input":
            if shapes.setdefault(t.attrs[0], t.attrs) != t.attrs:
                raise Rejected(f"it reads the input {t.attrs[0]} in two shapes or sorts")
            ranged = t.sort == INT and t.attrs[3] is not None
            if t.attrs[0] in facts.given and (t.sort == BOOL or (ranged and not facts.given[t.attrs[0]] & (NIL | POS))):
                raise Rejected(f"what it takes as given about {t.attrs[0]} can't be")
        elif t.op == "const" and any(m.op == "const" and m is not t for m in closure.members(t)):
            raise Rejected("its steps make two different numbers equal")
    if closure.equal(TRUE, FALSE):
        raise Rejected("its steps make true equal to false")


def _check_definedness(
    goals: list[tuple[Term, Term]], owed: list[Obligation], facts: Facts, closure: Closure, where: str
) -> None:
    for a, b in goals:
        mine = [o for o in owed] if where == WHERE_DEFINED else obligations(a, facts)
        theirs = obligations(b, facts)
        left = uncovered(mine, theirs, closure.equal, closure.members, facts, where == EVERYWHERE)
        if left:
            raise Rejected(f"the candidate may be undefined where the reference is defined: {left[0]}")


def _check_step(
    step: Any, terms: list[Term], facts: Facts, closure: Closure, granted: list[Obligation]
) -> str | None:
    """Check one step against all before it and add its equation; the name of the law, where it is one."""
    if len(step) == 3:
        name, left, right = step
        lhs, rhs = _at(terms, left), _at(terms, right)
        if name not in SCHEMAS:
            raise Rejected(f"no computed step is named {name!r}")
        if not SCHEMAS[name](lhs, rhs, facts) or not all(closure.equal(a, b) for a, b in premises_of(name, lhs, rhs)):
            raise Rejected(f"{name} doesn't give {lhs} = {rhs}")
        closure.join(lhs, rhs)
        return None
    name, holes, axes, witnesses = step
    law = find_law(name)
    by_name = {str(a): a for a in law.axes}
    filled = {h: _at(terms, t) for h, t in holes}
    chosen = {by_name[a]: decode_axis(b) for a, b in axes}
    if len(filled) != len(holes) or len(chosen) != len(axes) or len(witnesses) != len(law.where):
        raise Rejected(f"{name} has other parameters")
    lhs, rhs = law.instance(filled, chosen, facts)
    for (predicate, h), w in zip(law.where, witnesses, strict=True):
        _check_condition(predicate, filled[h], _at(terms, w), facts, closure, granted)
    closure.join(lhs, rhs)
    return name


def _check_condition(
    predicate: str, term: Term, witness: Term, facts: Facts, closure: Closure, granted: list[Obligation]
) -> None:
    """The witness is equal to the term by earlier steps, and shows the predicate or is one that what is defined owes."""
    closure.add(term)
    closure.add(witness)
    if not closure.equal(term, witness):
        raise Rejected(f"the witness {witness} isn't known to equal {term}")
    if facts.holds(predicate, witness):
        return
    if any(implies(o.predicate, predicate) and o.term is witness for o in granted):
        return
    raise Rejected(f"{witness} isn't known to be {predicate}")


def _at(terms: list[Term], place: Any) -> Term:
    if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < len(terms):
        raise Rejected("a term that isn't in the table")
    return terms[place]


def _claim(data: Mapping[str, Any]) -> str:
    """What the certificate shows, in words.  Names and sizes are the author's: the checker knows terms only."""
    about, sizes = data["claim"], data["claim"].get("sizes", {})
    text = f"{about.get('reference', 'reference')} = {about.get('candidate', 'candidate')}, {data['where']}"
    given = [f"{name} is {_SIGNS[mask]}" for name, mask in data["given"].items()]
    fixed = [f"{name} = {size}" for name, size in sizes.items() if str(size).isdecimal()]
    cases = [path["condition"] for path in data["paths"] if path["condition"]]
    text += f", given that {', '.join(given)}" if given else ""
    text += f", for {', '.join(fixed)}" if fixed else ""
    text += f", in the cases {'; '.join(cases)}" if cases else ""
    if not text.isprintable():
        raise Rejected("its claim isn't plain text")
    return text


# --- congruence ------------------------------------------------------------------------------------------------------


class Closure:
    """Ground equations closed under congruence: a union-find over terms, by the plain algorithm of Downey, Sethi & Tarjan."""

    def __init__(self) -> None:
        self._parent: dict[Term, Term] = {}
        self._members: dict[Term, list[Term]] = {}
        self._uses: dict[Term, list[Term]] = {}
        self._table: dict[tuple[Any, ...], Term] = {}

    def add(self, term: Term) -> None:
        """Make the term and its parts known."""
        for t in postorder(term) if term not in self._parent else ():
            if t not in self._parent:
                self._parent[t] = t
                self._members[t] = [t]
                self._uses[t] = []
                for a in t.args:
                    self._uses[self._find(a)].append(t)
                self._enter(t)

    def _find(self, t: Term) -> Term:
        root = t
        while self._parent[root] is not root:
            root = self._parent[root]
        while self._parent[t] is not root:
            self._parent[t], t = root, self._parent[t]
        return root

    def _enter(self, t: Term) -> None:
        if not t.args:
            return
        key = (t.op, t.attrs, tuple(self._find(a) for a in t.args))
        twin = self._table.setdefault(key, t)
        if twin is not t and self._find(twin) is not self._find(t):
            self.join(twin, t)

    def join(self, left: Term, right: Term) -> None:
        """Take the two as equal, and all that follows by congruence."""
        self.add(left)
        self.add(right)
        queue = [(left, right)]
        while queue:
            a, b = (self._find(t) for t in queue.pop())
            if a is b:
                continue
            if len(self._uses[a]) + len(self._members[a]) > len(self._uses[b]) + len(self._members[b]):
                a, b = b, a
            self._parent[a] = b
            self._members[b] += self._members.pop(a)
            moved = self._uses.pop(a)
            for t in moved:
                key = (t.op, t.attrs, tuple(self._find(x) for x in t.args))
                twin = self._table.setdefault(key, t)
                if twin is not t:
                    queue.append((twin, t))
            self._uses[b] += moved

    def equal(self, left: Term, right: Term) -> bool:
        """Whether the two are known to be equal."""
        self.add(left)
        self.add(right)
        return self._find(left) is self._find(right)

    def terms(self) -> list[Term]:
        """All terms known."""
        return list(self._parent)

    def members(self, term: Term) -> list[Term]:
        """All terms known to be equal to this one."""
        self.add(term)
        return self._members[self._find(term)]
