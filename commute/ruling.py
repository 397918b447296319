"""The verb *rules*: a verdict for every equation of a file in TASO's operators, and the condition on shapes that it is under.

First numbers are tried at drawn shapes and group counts; what they don't refute is proved at symbolic shapes by the same
provers as any two programs.  To add here: what a verdict says.
Never here: syntax, shapes or meaning of the operators (`lowering/taso_*.py`, `lowering/lift_taso.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

from commute.budget import OutOfTime, alarm
from commute.lowering.lift_taso import WITNESS, Posed, Unshaped, pose
from commute.lowering.taso_audit import differ, shapes_differ
from commute.lowering.taso_rules import Rule, abstracted, channel_lemmas, read_rules
from commute.lowering.taso_shapes import Shapes
from commute.lowering.taso_sizes import spoken
from commute.theory import messages
from commute.theory.messages import UsageError
from commute.verify.verdict import CHECKED, EXIT_CODES, PROVED, REFUTED, UNKNOWN, Verdict

_LEMMAS: dict[str, bool] = {}
"""Rules by which other rules are proved, and whether they themselves were."""


@dataclass(frozen=True)
class Ruling:
    """What is known of one equation: `line` is its number in the file, from 0; the verdict holds where `condition` does."""

    line: int
    rule: Rule
    verdict: str
    condition: str = ""
    reason: str = ""
    seconds: float = 0.0
    counterexample: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """The verdict as JSON has it; an UNKNOWN says why as its condition."""
        return {
            "line": self.line,
            "verdict": self.verdict,
            "condition": self.condition or (f"unknown: {self.reason}" if self.reason else ""),
            "seconds": round(self.seconds, 3),
            "counterexample": self.counterexample,
        }

    def __str__(self) -> str:
        words = f", where {self.condition}" if self.condition else f": {self.reason}" if self.reason else ""
        if self.counterexample:
            shapes = ", ".join(f"{n} {tuple(s)}" for n, s in self.counterexample["shapes"].items())
            groups = self.counterexample["groups"]
            words += f": with {shapes}{f', groups {groups}' if groups else ''} the sides are "
            words += f"{self.counterexample['left']} and {self.counterexample['right']} at {self.counterexample['index']}"
        return f"{self.line:>4}  {self.verdict:<8} {self.seconds:5.2f} s  {self.rule}{words}"


def rules_of(path: str | Path) -> list[Rule]:
    """The equations of a file; UsageError where it can't be read."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(messages.unreadable(str(path), error)) from None
    found = read_rules(text, str(path))
    if not found:
        raise UsageError(messages.no_rules(str(path)))
    return found


def judge(rule: Rule, timeout: float = 20.0) -> Ruling:
    """What is known of one equation."""
    started = monotonic()
    question = _Question(rule, started + timeout)
    try:
        with alarm(timeout):
            found = question.ruling()
    except Unshaped as error:
        found = question.unknown(str(error))
    except OutOfTime:
        found = question.late(timeout)
    except Exception as error:
        found = question.unknown(messages.internal_error(error))
    return replace(found, seconds=monotonic() - started)


def exit_code(rulings: list[Ruling]) -> int:
    """0 where all hold, 1 where one is refuted, 2 where one is undecided."""
    codes = {EXIT_CODES[r.verdict] for r in rulings}
    return 1 if 1 in codes else max(codes, default=0)


class _Question:
    """One equation, and how long it may take."""

    def __init__(self, rule: Rule, deadline: float):
        self.rule, self.deadline = rule, deadline
        self.found: Ruling | None = None

    def ruling(self) -> Ruling:
        """The answer."""
        shapes = Shapes(self.rule)
        none_agree = shapes_differ(shapes, self.left(0.05))
        if none_agree is not None:
            return self.made(REFUTED, counterexample=none_agree.to_json())
        difference, _ = differ(shapes, self.left(0.15))
        if difference is None:
            return self.proved_abstractly(by_channels=False) or self.proved_by_channels() or self.proved(shapes)
        self.found = self.made(REFUTED, counterexample=difference.to_json())
        if set(difference.groups) - {1}:
            try:
                under = self.proved_ungrouped(shapes)
            except Unshaped:
                return self.found
            if under.verdict in (PROVED, CHECKED):
                groups = ", ".join(map(str, difference.groups))
                return replace(under, condition=f"{under.condition} (false with groups {groups})")
        return self.found

    def proved_by_channels(self) -> Ruling | None:
        """PROVED where convolutions are taken apart by channels, once the rules that allow it are."""
        lemmas = channel_lemmas(self.rule)
        for each in lemmas:
            if str(each) not in _LEMMAS:
                shapes, question = Shapes(each), _Question(each, monotonic() + self.left(0.5))
                _LEMMAS[str(each)] = question.proved_ungrouped(shapes).verdict == PROVED
        return self.proved_abstractly(by_channels=True) if lemmas and all(_LEMMAS[str(each)] for each in lemmas) else None

    def proved_abstractly(self, by_channels: bool) -> Ruling | None:
        """PROVED whatever the sides share stands for, if that needs no condition on it."""
        rule = abstracted(self.rule, by_channels)
        if rule == self.rule:
            return None
        try:
            shapes = Shapes(rule)
            posed = pose(shapes)
            if _ranks(shapes) or any("shared_" in c for each in posed for c in each.conditions):
                return None
            told = pose(Shapes(self.rule)) if by_channels else []
            conditions = [c for each in told for c in each.conditions]
            found = _Question(rule, monotonic() + self.left(0.3)).prove_all(shapes, posed, conditions)
        except Unshaped:
            return None
        return replace(found, rule=self.rule) if found.verdict == PROVED else None

    def proved(self, shapes: Shapes) -> Ruling:
        """A ruling for any group counts if they have one formula, else for one group."""
        try:
            posed = pose(shapes)
        except Unshaped:
            if not shapes.groups:
                raise
            return self.proved_ungrouped(shapes)
        return self.prove_all(shapes, posed, [])

    def proved_ungrouped(self, shapes: Shapes) -> Ruling:
        """A ruling under the condition that no convolution is grouped."""
        return self.prove_all(shapes, pose(shapes, ungrouped=True), ["groups = 1"])

    def prove_all(self, shapes: Shapes, posed: list[Posed], conditions: list[str]) -> Ruling:
        """Prove every case of sizes, or say of which one nothing is known."""
        from commute.proving import prove

        kinds: set[str] = set()
        conditions = [*conditions, *_ranks(shapes)]
        for number, each in enumerate(posed):
            share = max(0.5, self.left(max(0.4, 1 / (len(posed) - number))))
            try:
                verdict = prove(each.left, each.right, timeout=share)
            except UsageError as error:
                return self.unknown(messages.one_line(error))
            if verdict.kind not in (PROVED, CHECKED):
                return self.undecided(each, verdict)
            kinds.add(verdict.kind)
            where = [f"equal {verdict.where}"] if verdict.where else []
            told = [*where, *verdict.assumptions, *([verdict.reason] if verdict.kind == CHECKED else [])]
            conditions += [*each.conditions, *(spoken(t, shapes.words) for t in told)]
        kind = CHECKED if CHECKED in kinds else PROVED
        return self.made(kind, condition="; ".join(dict.fromkeys(conditions)))

    def undecided(self, posed: Posed, verdict: Verdict) -> Ruling:
        """What a case that isn't proved says of the equation; kernels may have been padded there as none is in the file."""
        found = verdict.counterexample
        if verdict.kind == REFUTED and found is not None and WITNESS not in posed.left.__annotations__:
            plain = found.to_json()
            shapes = {n: _dims(values) for n, values in plain["inputs"].items()}
            known = {"shapes": shapes, "groups": [], "inputs": plain["inputs"], "index": list(found.index)}
            return self.made(REFUTED, counterexample={**known, "left": plain["reference"], "right": plain["candidate"]})
        return self.unknown(verdict.reason or "the sides differ for some padding of the kernels")

    def made(self, verdict: str, **fields: Any) -> Ruling:
        """A ruling."""
        return Ruling(self.rule.number, self.rule, verdict, **fields)

    def unknown(self, reason: str) -> Ruling:
        """UNKNOWN, or what was found before."""
        return self.found or self.made(UNKNOWN, reason=reason)

    def late(self, timeout: float) -> Ruling:
        """What is known when the time is spent."""
        return self.unknown(f"the time of {timeout:g} s is spent")

    def left(self, share: float = 1.0) -> float:
        """Seconds that are left, or a share of them."""
        return max(0.05, self.deadline - monotonic()) * share


def _ranks(shapes: Shapes) -> list[str]:
    """How many dimensions operands have that could have others; what is elementwise only is the same for all."""
    found = {shapes.ranks.find(k) for k in shapes.ranks.joined} & shapes.ranks.guessed
    names = [n for n in shapes.variables if shapes.ranks.find(("var", n)) in found]
    return [f"{len(shapes.variables[names[0]].sizes)} dimensions: {', '.join(names)}"] if names else []


def _dims(values: Any) -> list[int]:
    return [len(values), *_dims(values[0])] if isinstance(values, list) and values else [0] if values == [] else []
