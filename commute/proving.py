"""The verb *prove*: lift two programs together, prove them equal, or find an input that tells them apart.

The order is that of cost: the normaliser, a search for a counterexample, the e-graph, exact values.  A PROVED or CHECKED has
tied its lifted terms to the functions that were run.  To add here: another way to decide, in its place.
Never here: how a prover works.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from time import monotonic
from typing import TYPE_CHECKING, Any

from commute.budget import OutOfTime, alarm
from commute.proof import Proof, deep_recursion, prove_cases
from commute.theory import messages
from commute.theory.axes import Size
from commute.theory.codec import decode
from commute.theory.facts import ALL, NEG, NIL, POS
from commute.theory.messages import UsageError
from commute.theory.terms import Term
from commute.verify.certificate import EVERYWHERE, Checked, Foreign, check_text
from commute.verify.verdict import ANY, CHECKED, PROVED, REFUTED, UNKNOWN, Counterexample, Verdict

if TYPE_CHECKING:
    from commute.vacuity import Guarded

_SIGNS = {"positive": POS, "nonnegative": POS | NIL, "nonzero": POS | NEG}


def prove(
    reference: Callable[..., Any],
    candidate: Callable[..., Any],
    *,
    sizes: Mapping[str, int] | None = None,
    assume: Mapping[str, Any] | None = None,
    timeout: float = 30.0,
) -> Verdict:
    """Whether two Torch programs are equal over the reals, with a certificate or a counterexample.

    `sizes` fixes size symbols, `assume` restricts arguments ("positive", "nonnegative", "nonzero" or (low, high)), `timeout`
    is in seconds.  Raises UsageError where the input can't be used: annotations, shapes, a program that raises.
    """
    question = _Question(reference, candidate, dict(sizes or {}), dict(assume or {}), timeout)
    try:
        with alarm(max(0.9 * timeout, timeout - 1.0)):
            return question.verdict()
    except OutOfTime:
        return question.unknown(f"the time of {timeout:g} s is spent")


def recheck_file(path: str | FilePath) -> Checked:
    """What the trusted checker says of a certificate in a file; UsageError where the file is none."""
    try:
        text = FilePath(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(messages.unreadable(str(path), error)) from None
    try:
        with deep_recursion():
            return check_text(text)
    except Foreign as error:
        raise UsageError(messages.foreign_certificate(str(path), str(error))) from None


def relift_file(path: str | FilePath, programs: Sequence[Callable[..., Any]]) -> str:
    """Why a certificate is not about these two programs as they are now, or "" where lifting them gives its very terms.

    Raises UsageError where the file is no certificate or the programs can't be lifted.
    """
    from commute.lowering.lift_torch import lift
    from commute.lowering.registry import Unsupported

    data = json.loads(FilePath(path).read_text(encoding="utf-8"))
    about = data["claim"]
    try:
        with deep_recursion():
            terms = decode(data["terms"])
            lifted = lift(programs, sizes=about.get("fixed"), assume=_assumed(about.get("assume", {})))
    except Unsupported as error:
        raise UsageError(messages.one_line(error)) from None
    claimed = [[(terms[a], terms[b]) for a, b in case["goals"]] for case in data["paths"]]
    if claimed == [path_goals(each) for each in lifted.paths]:
        return ""
    changed = [n for n, a, b in zip(("reference", "candidate"), about["source"], lifted.source, strict=True) if a != b]
    return f"lifting gives other terms than the certificate's ({' and '.join(changed) or 'no source text'} changed since)"


def path_goals(path: Any) -> list[tuple[Term, Term]]:
    """The pairs of terms that have to be equal on one path of a lifted pair of programs."""
    first, second = path.programs
    outputs = zip(first.outputs, second.outputs, strict=True)
    return [(a.term, b.term) for x, y in outputs for a, b in zip(x.blocks, y.blocks, strict=True)]


def _assumed(assume: Mapping[str, Any]) -> dict[str, Any]:
    """Assumptions as JSON gives them back: pairs are lists there."""
    return {name: tuple(said) if isinstance(said, list) else said for name, said in assume.items()}


class _Question:
    """One call of prove: what was asked, and how much of the time is left."""

    def __init__(
        self,
        reference: Callable[..., Any],
        candidate: Callable[..., Any],
        sizes: dict[str, int],
        assume: dict[str, Any],
        timeout: float,
    ):
        self.programs = (reference, candidate)
        self.sizes, self.assume = sizes, assume
        self.started = monotonic()
        self.deadline = self.started + timeout
        self.timeout = timeout
        self.reasons: list[str] = []
        self.hint: tuple[Any, Any, Any] | None = None
        self.ran: str | None = None

    def left(self, share: float = 1.0) -> float:
        """Seconds that are left, or a share of them."""
        return max(0.0, self.deadline - monotonic()) * share

    def verdict(self) -> Verdict:
        """The answer."""
        from commute.verify.numeric import one_thread

        with one_thread():
            return self._decided()

    def _decided(self) -> Verdict:
        """The answer, by the cheapest way that decides."""
        from commute.lowering.lift_torch import lift
        from commute.lowering.registry import Unsupported

        try:
            with deep_recursion():
                self.lifted = lift(self.programs, sizes=self.sizes, assume=self.assume)
        except Unsupported as error:
            return self.unknown(f"unsupported: {messages.one_line(error)}")
        except RecursionError:
            return self.unknown("a program nested too deeply to lift")
        self.given = {name: mask for name, said in self.assume.items() if (mask := _signs(said)) != ALL}
        proof = self._prove(saturate=False, seconds=min(4.0, self.left(0.5)))
        if proof:
            return self._proved(proof)
        found = self._refute(min(6.0, self.left(0.5)))
        if found is not None:
            return found
        proof = self._prove(saturate=True, seconds=min(12.0, self.left(0.7)), earlier=proof)
        if proof:
            return self._proved(proof)
        checked = self._checked()
        if checked is None and self.hint is not None:
            checked = self._refute(min(4.0, self.left()), self.hint)
        return checked or self.unknown(self._why(proof))

    # --- proving -----------------------------------------------------------------------------------------------------

    def _prove(self, *, saturate: bool, seconds: float, earlier: Proof | None = None) -> Proof:
        cases = [(" and ".join(path.conditions), path_goals(path)) for path in self.lifted.paths]
        return prove_cases(cases, self.given, self._claim(), seconds=seconds, saturate=saturate, earlier=earlier)

    def _claim(self) -> dict[str, Any]:
        return {
            "reference": self.lifted.programs[0].name,
            "candidate": self.lifted.programs[1].name,
            "sizes": {k: str(v) for k, v in self._sizes().items()},
            "source": list(self.lifted.source),
            "fixed": dict(self.sizes),
            "assume": {name: list(said) if isinstance(said, tuple) else said for name, said in self.assume.items()},
        }

    def _proved(self, proof: Proof) -> Verdict:
        problem = self._untied()
        if problem:
            return self.unknown(problem)
        assert proof.checked is not None
        from commute.vacuity import guard_proof

        guarded = guard_proof(self.lifted.paths, proof, self._prove_mutant, self.assume, self._allowance())
        if guarded.dead:
            return self.unknown(guarded.dead)
        assumptions = list(self._assumptions())
        if proof.where != EVERYWHERE:
            assumptions.append(f"equal {proof.where}")
        return self._verdict(
            PROVED,
            certificate=proof.certificate,
            axioms=proof.checked.axioms,
            laws=proof.checked.laws,
            steps=tuple(str(s) for s in proof.steps),
            assumptions=(*assumptions, *self._untried(guarded)),
            vacuity=str(guarded),
        )

    def _prove_mutant(self, cases: Any, *, seconds: float, ways: Any) -> Proof:
        return prove_cases(cases, self.given, self._claim(), seconds=seconds, saturate=False, ways=ways)

    def _allowance(self) -> float:
        from commute.vacuity import allowance

        return min(allowance(monotonic() - self.started, self.timeout), self.left(0.5))

    @staticmethod
    def _untried(guarded: Guarded) -> tuple[str, ...]:
        """What an answer rests on where no wrong program could be tried on the one who gave it."""
        from commute.vacuity import NONE_TOLD

        return () if guarded.told else (NONE_TOLD,)

    def _untied(self) -> str:
        """Why the lifted terms are not what was run, or nothing where they agree with it (SOUNDNESS 14)."""
        from commute.verify.numeric import agrees_with_lift

        rows = 0
        for path in self.lifted.paths:
            for program, function in zip(path.programs, self.lifted.callables, strict=True):
                wholes = [o.whole for o in program.outputs]
                check = agrees_with_lift(
                    function, [w.term for w in wholes], [w.axes for w in wholes], path.inputs, path.symbols,
                    assume=self.assume, constraints=path.holds,
                )  # fmt: skip
                if not check:
                    return f"internal: the terms lifted from {program.name} are not what it computes: {check.reason}"
                rows += len(check.rows)
        self.ran = f"both in Torch on the CPU, float64, at {rows} rows of sizes: each agrees with its lifted terms"
        return ""

    # --- refuting ----------------------------------------------------------------------------------------------------

    def _refute(self, seconds: float, hint: tuple[Any, Any, Any] | None = None) -> Verdict | None:
        """A counterexample; `hint` is a path, sizes and inputs at which exact values differed."""
        from commute.verify.refute import refute

        paths = self.lifted.paths if hint is None else (hint[0],)
        for path in paths:
            first, second = path.programs
            pairs = zip(first.outputs, second.outputs, strict=True)
            terms = [(a.whole.term, b.whole.term) for a, b in pairs]
            reference, candidate = self.lifted.callables
            found = refute(
                reference, candidate, path.inputs, path.symbols, assume=self.assume, terms=terms,
                budget_seconds=seconds / len(paths), constraints=path.holds, hints=[hint[1:]] if hint else (),
            )  # fmt: skip
            if found is not None:
                self.ran = "both in Torch on the CPU, float64, at the input that tells them apart"
                return self._verdict(REFUTED, counterexample=self._with_fixed(found, path))
        return None

    @staticmethod
    def _with_fixed(found: Counterexample, path: Any) -> Counterexample:
        """The counterexample with the sizes that the path itself fixes."""
        fixed = {name: size.at(found.sizes) for name, size in path.fixed.items()}
        return replace(found, sizes={**found.sizes, **fixed})

    # --- checking ----------------------------------------------------------------------------------------------------

    def _checked(self) -> Verdict | None:
        claims: list[str] = []
        for path in self.lifted.paths:
            first, second = path.programs
            wholes = [(a.whole, b.whole) for a, b in zip(first.outputs, second.outputs, strict=True)]
            result = self._compared(
                path, [a.term for a, _ in wholes], [b.term for _, b in wholes], [a.axes for a, _ in wholes], self.left(0.8)
            )
            if result.kind == "unequal" and result.where:
                self.hint = (path, result.where["sizes"], result.where["inputs"])
            if result.kind != "equal":
                self.reasons.append(f"exact values: {result.reason}")
                return None
            claims.append(result.claim)
        problem = self._untied()
        if problem:
            return self.unknown(problem)
        from commute.vacuity import guard_values

        guarded = guard_values(self.lifted.paths, self._compared, self.assume, self._allowance())
        if guarded.dead:
            return self.unknown(guarded.dead)
        assumptions = (*self._assumptions(), *self._untried(guarded))
        return self._verdict(CHECKED, reason="; ".join(dict.fromkeys(claims)), assumptions=assumptions, vacuity=str(guarded))

    def _compared(self, path: Any, reference: list[Term], candidate: list[Term], axes: list[Any], seconds: float) -> Any:
        """What exact values say of terms on a path."""
        from commute.verify.coverage import marks
        from commute.verify.exact import check_exact
        from commute.verify.inputs import size_rows

        rows = size_rows(path.symbols, path.inputs, constraints=path.holds, count=4, marks=marks([*reference, *candidate]))
        return check_exact(
            reference, candidate, axes, path.symbols, path.inputs, rows, assume=self.assume, budget_seconds=seconds
        )

    # --- words -------------------------------------------------------------------------------------------------------

    def _verdict(self, kind: str, **fields: Any) -> Verdict:
        fields = {"sizes": self._sizes(), "assumptions": self._assumptions(), "ran": self.ran, **fields}
        constants = tuple(str(c) for c in self.lifted.constants)
        return Verdict(kind, monotonic() - self.started, constants=constants, **fields)

    def unknown(self, reason: str) -> Verdict:
        """UNKNOWN with its reason."""
        sizes = self._sizes() if hasattr(self, "lifted") else {}
        return Verdict(UNKNOWN, monotonic() - self.started, reason=reason, sizes=sizes)

    def _why(self, proof: Proof) -> str:
        reasons = dict.fromkeys([*self.reasons, *proof.reasons])
        if self.left() < 0.05 * self.timeout:
            reasons = {f"the time of {self.timeout:g} s is spent": None, **reasons}
        return "neither proved nor refuted: " + "; ".join(reasons)

    def _sizes(self) -> dict[str, int | str]:
        sizes: dict[str, int | str] = {}
        for path in self.lifted.paths:
            for symbol in path.symbols:
                sizes.setdefault(symbol, ANY)
        for name, size in self.lifted.sizes.items():
            constant = Size.of(size).constant
            if constant is not None:
                sizes[name] = constant
            elif size != Size.symbol(name):
                sizes[name] = f"= {size} for any {', '.join(sorted(size.symbols))}"
        return sizes | self.sizes

    def _assumptions(self) -> tuple[str, ...]:
        said = [f"{n} is {a if isinstance(a, str) else f'in {a[0]} .. {a[1]}'}" for n, a in self.assume.items()]
        said += [f"nothing is said where {each}" for each in self.lifted.excluded]
        return tuple(said)


def _signs(said: Any) -> int:
    """The signs that an assumption leaves."""
    if isinstance(said, str):
        return _SIGNS.get(said, ALL)
    low = said[0]
    if not isinstance(low, int | float):
        return ALL
    return POS if low > 0 else POS | NIL if low >= 0 else ALL
