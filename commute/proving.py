"""The verb *prove*: lift two programs together, prove them equal, or find an input that tells them apart.

The order is that of cost: the normaliser, a search for a counterexample, the e-graph, Z3, exact values.  Behind a PROVED or
CHECKED the lifted terms are tied to the functions that were run.  To add here: another way to decide, in its place.
Never here: how a prover works.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isfinite
from time import monotonic
from typing import TYPE_CHECKING, Any

from commute.budget import OutOfMemory, OutOfTime, alarm, peak, resident, usual_memory
from commute.judging import judged
from commute.proof import STRICT, WHERE_BOTH, Goal, Proof, deep_recursion, prove_cases
from commute.rechecking import path_goals
from commute.refuting import search, with_fixed
from commute.theory import messages
from commute.theory.facts import ALL, NEG, NIL, POS, Facts
from commute.theory.terms import Term
from commute.undefined import except_where, only_masked_rows, undefined_in_words, unmet, without_key
from commute.verify.certificate import EVERYWHERE
from commute.verify.raising import raising
from commute.verify.verdict import CHECKED, PROVED, REFUTED, UNKNOWN, Counterexample, Verdict
from commute.wording import assumed_in_words, sizes_in_words

if TYPE_CHECKING:
    from commute.lowering.finite_masks import Masks
    from commute.vacuity import Guarded
    from commute.verify.tolerance import Rounding

SOFT = 0.85
"""The share of the memory at which a search is interrupted: the way out needs some too."""

_SIGNS = {"positive": POS, "nonnegative": POS | NIL, "nonzero": POS | NEG}


def prove(
    reference: Callable[..., Any],
    candidate: Callable[..., Any],
    *,
    sizes: Mapping[str, int] | None = None,
    assume: Mapping[str, Any] | None = None,
    timeout: float = 30.0,
    memory: float | None = None,
    ignore_undefined: bool = False,
    assume_masks: bool = False,
) -> Verdict:
    """Whether two Torch programs are equal over the reals, with a certificate or a counterexample.

    `sizes` fixes size symbols, `assume` restricts arguments ("positive", "nonnegative", "nonzero" or (low, high)), `timeout`
    is in seconds, `memory` in MiB for the whole process (None: what it holds now, and 4096 or half of the machine's).
    `ignore_undefined` accepts a candidate without a value where the reference has one, `assume_masks` reads numbers up to -1e4
    in masks as minus infinity.  Raises UsageError where the input can't be used: annotations, shapes, a program that raises.
    """
    question = _Question(reference, candidate, dict(sizes or {}), dict(assume or {}), timeout, ignore_undefined, assume_masks)
    memory = resident() + usual_memory() if memory is None else memory
    try:
        with alarm(max(0.9 * timeout, timeout - 1.0), SOFT * memory):
            return question.verdict()
    except OutOfTime:
        return question.unknown(f"the time of {timeout:g} s is spent")
    except (OutOfMemory, MemoryError):
        return question.unknown(f"the memory of {memory:.0f} MiB is spent")


class _Question:
    """One call of prove: what was asked, and how much of the time is left."""

    def __init__(
        self,
        reference: Callable[..., Any],
        candidate: Callable[..., Any],
        sizes: dict[str, int],
        assume: dict[str, Any],
        timeout: float,
        ignore_undefined: bool,
        assume_masks: bool,
    ):
        self.programs = (reference, candidate)
        self.sizes, self.assume = sizes, assume
        self.started = monotonic()
        self.deadline = self.started + timeout
        self.timeout = timeout
        self.reasons: list[str] = []
        self.ignore_undefined, self.assume_masks = ignore_undefined, assume_masks
        self.masks: Masks | None = None
        self.silent: list[str] = []
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
        self.paths = self.lifted.paths
        return self._raises() or self._judged()

    def _judged(self) -> Verdict:
        """The answer about programs that are lifted, and of which none but the reference raises."""
        proof = self._prove(saturate=False, seconds=min(4.0, self.left(0.5)))
        if not proof and self.assume_masks and self._read_masks():
            proof = self._prove(saturate=False, seconds=min(4.0, self.left(0.5)))
        if proof:
            return self._proved(proof)
        found = self._refute(min(6.0, self.left(0.5)))
        if found is not None:
            return found
        proof = self._prove(saturate=True, seconds=min(12.0, self.left(0.7)), earlier=proof)
        if proof:
            return self._proved(proof)
        solved = self._solved()
        if solved is not None:
            return solved
        checked = self._checked()
        if checked is None and self.hint is not None:
            checked = self._refute(min(4.0, self.left()), self.hint)
        return checked or self.unknown(self._why(proof), judged(self.lifted.paths, self.lifted.callables, self.assume))

    # --- proving -----------------------------------------------------------------------------------------------------

    def _prove(self, *, saturate: bool, seconds: float, earlier: Proof | None = None) -> Proof:
        proof = prove_cases(
            self._cases(self.paths, self.masks), self.given, self._claim(), seconds=seconds, saturate=saturate, earlier=earlier,
            wheres=self._wheres(),
        )  # fmt: skip
        if proof and proof.where in WHERE_BOTH and not self.ignore_undefined:
            left = unmet(self._goals(), proof, self._facts())
            if not only_masked_rows(left, self._facts()):
                return Proof(reasons=[f"the candidate may be undefined where the reference is defined: {left[0]}"], joined=True)
        return proof

    @staticmethod
    def _cases(paths: Sequence[Any], masks: Masks | None) -> list[tuple[str, list[Goal]]]:
        assumed = [str(masks)] if masks else []
        return [(" and ".join([*path.conditions, *assumed]), path_goals(path)) for path in paths]

    def _wheres(self) -> tuple[str, ...]:
        """Where equality is worth having; one who assumes that no row is fully masked needs it nowhere else."""
        return (*STRICT, *WHERE_BOTH) if self.ignore_undefined or self.masks else STRICT

    def _goals(self) -> list[Goal]:
        return [goal for path in self.paths for goal in path_goals(path)]

    def _facts(self) -> Facts:
        return Facts(self.given)

    def _read_masks(self) -> bool:
        """Go on with numbers in masks as minus infinity, where there are any."""
        from commute.lowering.finite_masks import Masks

        masks = Masks()
        paths = masks.paths(self.lifted.paths)
        if masks.numbers:
            self.masks, self.paths = masks, paths
        return self.masks is not None

    def _claim(self) -> dict[str, Any]:
        return {
            "reference": self.lifted.programs[0].name,
            "candidate": self.lifted.programs[1].name,
            "sizes": {k: str(v) for k, v in self._sizes().items()},
            "source": list(self.lifted.source),
            "fixed": dict(self.sizes),
            "assume": {name: list(said) if isinstance(said, tuple) else said for name, said in self.assume.items()},
            "masks": self.masks is not None,
        }

    def _proved(self, proof: Proof) -> Verdict:
        problem = self._untied()
        if problem is not None:
            return problem
        assert proof.checked is not None
        from commute.vacuity import guard_proof

        guarded = guard_proof(self.paths, proof, self._prove_mutant, self.assume, self._allowance())
        if guarded.dead:
            return self.unknown(guarded.dead)
        return self._verdict(
            PROVED,
            certificate=proof.certificate,
            axioms=proof.checked.axioms,
            laws=proof.checked.laws,
            steps=tuple(str(s) for s in proof.steps),
            assumptions=(*self._assumptions(), *self._untried(guarded)),
            vacuity=str(guarded),
            where=proof.where if proof.where != EVERYWHERE else "",
            undefined=undefined_in_words(self._goals(), proof, self._facts()),
        )

    def _prove_mutant(self, cases: Any, *, seconds: float, ways: Any) -> Proof:
        return prove_cases(cases, self.given, self._claim(), seconds=seconds, saturate=False, ways=ways, wheres=self._wheres())

    def _allowance(self) -> float:
        from commute.vacuity import allowance

        return min(allowance(monotonic() - self.started, self.timeout), self.left(0.5))

    @staticmethod
    def _untried(guarded: Guarded) -> tuple[str, ...]:
        """What an answer rests on where no wrong program could be tried on the one who gave it."""
        from commute.vacuity import NONE_TOLD

        return () if guarded.told else (NONE_TOLD,)

    def _untied(self) -> Verdict | None:
        """The verdict where the lifted terms are not what was run; None where they agree with it (SOUNDNESS 14)."""
        from commute.verify.numeric import agrees_with_lift

        rows = 0
        for path in self.lifted.paths:
            for program, function in zip(path.programs, self.lifted.callables, strict=True):
                wholes = [o.whole for o in program.outputs]
                check = agrees_with_lift(
                    function, [w.term for w in wholes], [w.axes for w in wholes], path.inputs, path.symbols,
                    assume=self.assume, constraints=path.holds,
                )  # fmt: skip
                if check.raises:
                    return self._raising(path) or self.unknown(f"{program.name} raises {check.reason}")
                if not check.able:
                    return self.unknown(f"{program.name} can't be run beside the terms lifted from it: {check.reason}")
                if not check:
                    what = f"the terms lifted from {program.name} are not what it computes"
                    return self.unknown(f"internal: {what}: {check.reason}")
                rows += len(check.rows)
        self.ran = f"both in Torch on the CPU, float64, at {rows} rows of sizes: each agrees with its lifted terms"
        return None

    # --- what raises -------------------------------------------------------------------------------------------------

    def _raises(self) -> Verdict | None:
        """The verdict where the candidate raises at sizes at which the reference gives a number."""
        for path, text in self.lifted.raising:
            found, alive = raising(path, self.lifted.callables, self.assume)
            where = " and ".join(path.conditions)
            if found is not None:
                return self._refuted(with_fixed(found, path))
            if alive:
                return self.unknown(f"{text} where {where}, and the reference runs there")
            self.silent.append(f"{where}: {text}, and no number of the reference was seen there")
        return None

    def _raising(self, path: Any) -> Verdict | None:
        found, _ = raising(path, self.lifted.callables, self.assume)
        return None if found is None else self._refuted(with_fixed(found, path))

    # --- refuting ----------------------------------------------------------------------------------------------------

    def _refute(self, seconds: float, hint: tuple[Any, Any, Any] | None = None) -> Verdict | None:
        """A counterexample; `hint` is a path, sizes and inputs at which exact values differed."""
        found = search(
            self.paths, self.lifted.callables, self.assume, seconds, hint=hint, undefined=not self.ignore_undefined
        )
        if found is None:
            return None
        except_ = self._except(found[1], found[0].output or 0) if not isfinite(found[0].candidate) else ""
        return self._refuted(found[0], "; ".join(text for text in (except_, self._under_masks()) if text))

    def _refuted(self, found: Counterexample, reason: str = "") -> Verdict:
        self.ran = "both in Torch on the CPU, float64, at the input that tells them apart"
        return self._verdict(REFUTED, counterexample=found, reason=reason)

    def _except(self, path: Any = None, number: int = 0) -> str:
        """Where alone the candidate differs, by having no value; "" where that isn't proved.  `path`: a value is said too."""
        cases = self._cases(self.paths, self.masks)
        proof = prove_cases(
            cases, self.given, self._claim(), seconds=min(2.0, self.left(0.5)), saturate=False, wheres=WHERE_BOTH
        )
        return except_where(self._goals(), proof, self._facts(), path, number, self.assume) if proof else ""

    def _under_masks(self) -> str:
        """What --assume-masks would give, where that is a proof; "" elsewhere."""
        if self.masks or self.assume_masks or not self._read_masks():
            return ""
        proof = self._prove(saturate=False, seconds=min(3.0, self.left(0.5)))
        masks, self.masks, self.paths = self.masks, None, self.lifted.paths
        return f"with --assume-masks: PROVED under {masks.assumption}" if proof and masks else ""

    # --- checking ----------------------------------------------------------------------------------------------------

    def _checked(self) -> Verdict | None:
        claims: list[str] = []
        for path in self.paths:
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
        if problem is not None:
            return problem
        from commute.vacuity import guard_values

        guarded = guard_values(self.paths, self._compared, self.assume, self._allowance())
        if guarded.dead:
            return self.unknown(guarded.dead)
        assumptions = (*self._assumptions(), *self._untried(guarded))
        return self._verdict(CHECKED, reason="; ".join(dict.fromkeys(claims)), assumptions=assumptions, vacuity=str(guarded))

    def _solved(self) -> Verdict | None:
        """What Z3 says of all values where every size is a number; a model of a difference counts where Torch shows it."""
        from commute.solving import BY, compared, solve
        from commute.vacuity import guard_values

        solved = solve(self.paths, self.assume, min(5.0, self.left(0.4)))
        if solved.hint is not None:
            return self._refute(min(3.0, self.left(0.5)), solved.hint)
        if not solved.equal:
            return None
        problem = self._untied()
        if problem is not None:
            return problem
        guarded = guard_values(self.paths, partial(compared, assume=self.assume), self.assume, self._allowance())
        if guarded.dead:
            return self.unknown(guarded.dead)
        assumptions = (*self._assumptions(), *self._untried(guarded))
        return self._verdict(CHECKED, by=BY, assumptions=assumptions, vacuity=str(guarded))

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
        if kind in (PROVED, CHECKED):
            fields["rounding"] = judged(self.lifted.paths, self.lifted.callables, self.assume)
        constants = tuple(str(c) for c in self.lifted.constants)
        return Verdict(kind, monotonic() - self.started, constants=constants, peak_mib=peak(), **fields)

    def unknown(self, reason: str, rounding: Rounding | None = None) -> Verdict:
        """UNKNOWN with its reason."""
        sizes = self._sizes() if hasattr(self, "lifted") else {}
        return Verdict(UNKNOWN, monotonic() - self.started, reason=reason, sizes=sizes, peak_mib=peak(), rounding=rounding)

    def _why(self, proof: Proof) -> str:
        keyless = without_key(self._goals(), self._facts())
        late = f"the time of {self.timeout:g} s is spent" if self.left() < 0.05 * self.timeout else ""
        reasons = dict.fromkeys(text for text in (late, keyless, *self.reasons, *proof.reasons) if text)
        first = [text for text in (self._except() if proof.joined else "", self._under_masks()) if text]
        return "; ".join([*first, "neither proved nor refuted", *reasons]).replace("refuted; ", "refuted: ", 1)

    def _sizes(self) -> dict[str, int | str]:
        return sizes_in_words(self.lifted, self.sizes)

    def _assumptions(self) -> tuple[str, ...]:
        said = assumed_in_words(self.assume, (*self.lifted.excluded, *self.silent))
        return (*said, str(self.masks)) if self.masks else said


def _signs(said: Any) -> int:
    """The signs that an assumption leaves."""
    if isinstance(said, str):
        return _SIGNS.get(said, ALL)
    low = said[0]
    if not isinstance(low, int | float):
        return ALL
    return POS if low > 0 else POS | NIL if low >= 0 else ALL
