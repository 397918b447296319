"""Vacuity guards: planted dead checks are caught, honest proofs pass at little cost, and mutants are really mutants.

To add here: a check that could be dead without anyone's notice.  Never here: tests of provers (`test_wrong_proofs.py`).
"""

import re
import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

import commute
from commute import proof, proving, vacuity
from commute.cli import main
from commute.explaining import explained
from commute.lowering.lift_torch import lift
from commute.proof import Proof, deep_recursion
from commute.theory import law as law_room
from commute.theory.facts import MASKS
from commute.theory.law import Real, Sides, law
from commute.theory.step import law_step
from commute.theory.terms import postorder, well_sorted
from commute.vacuity import Guarded
from commute.verify import certificate, exact
from commute.verify.certificate import Case, Checked
from commute.verify.mutants import KINDS, mutants

EXAMPLES = Path(__file__).parent.parent / "examples"
SHOWN = ("attention", "causal_attention", "layer_norm", "lora", "online_softmax", "softmax_backward", "swiglu")

Vector = Float[Tensor, "n"]
Rows = Float[Tensor, "n m"]
Program = Callable[..., Any]


def twice(x: Vector) -> Vector:
    return x + x


def doubled(x: Vector) -> Vector:
    return 2 * x


def tripled(x: Vector) -> Vector:
    return 3 * x


def soft(x: Rows) -> Rows:
    return torch.softmax(x, -1)


def by_hand(x: Rows) -> Rows:
    e = torch.exp(x - x.amax(-1, keepdim=True))
    return e / e.sum(-1, keepdim=True)


@pytest.fixture
def guards(monkeypatch: pytest.MonkeyPatch) -> list[Guarded]:
    """What the guards of this test found."""
    seen: list[Guarded] = []
    real = vacuity.guard

    def watched(*args: Any, **options: Any) -> Guarded:
        seen.append(real(*args, **options))
        return seen[-1]

    monkeypatch.setattr(vacuity, "guard", watched)
    return seen


def is_dead(reference: Program, candidate: Program) -> None:
    """The verdict is UNKNOWN, and says that a check is dead, and which mistake passed."""
    verdict = commute.prove(reference, candidate)
    assert verdict.kind == "UNKNOWN"
    assert verdict.reason.startswith("internal: dead check: a mutant of the candidate passed it too: "), verdict.reason


# --- planted dead checks ---------------------------------------------------------------------------------------------


def test_a_prover_that_always_says_yes_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "prove_cases", lambda *_, **__: Proof(certificate={}, checked=Checked(True)))
    is_dead(twice, tripled)
    is_dead(twice, doubled)
    is_dead(soft, by_hand)


def test_a_checker_that_compares_a_side_with_itself_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    real = certificate.write

    def one_side(claim: Any, given: Any, where: str, paths: list[Case]) -> Any:
        return real(claim, given, where, [Case(p.condition, [(a, a) for a, _ in p.goals], []) for p in paths])

    monkeypatch.setattr(proof, "joined", lambda *_: True)
    monkeypatch.setattr(proof, "_needed", lambda *_: [])
    monkeypatch.setattr(proof, "write", one_side)
    is_dead(twice, tripled)
    is_dead(soft, by_hand)


def test_a_checker_that_skips_witnesses_is_caught_by_a_law_whose_condition_is_never_true(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(MASKS, "impossible", 0)

    @law(family="user", where=("x impossible",))
    def absurd(x: Real, y: Real) -> Sides:
        """Two numbers are the same where one of them has no sign."""
        return x, y

    planted = replace(absurd, family="semiring")
    monkeypatch.setitem(law_room._LAWS, "absurd", planted)
    book = certificate.proved_laws()
    real = proof.joined

    def hopeful(canon: Any, left: Any, right: Any) -> bool:
        if not real(canon, left, right):
            canon.journal.note(law_step(planted, {"x": left, "y": right}))
        return True

    monkeypatch.setattr(certificate, "proved_laws", lambda: {**book, planted.digest: {"axioms": []}})
    monkeypatch.setattr(proof, "joined", hopeful)
    assert commute.prove(twice, tripled).kind == "REFUTED", "the checker asks for witnesses"
    monkeypatch.setattr(certificate, "_check_condition", lambda *_: None)
    is_dead(twice, tripled)
    is_dead(twice, doubled)


def test_a_comparer_of_values_that_compares_a_side_with_itself_is_caught(
    monkeypatch: pytest.MonkeyPatch, guards: list[Guarded]
) -> None:
    monkeypatch.setattr(proving, "prove_cases", lambda *_, **__: Proof())
    assert commute.prove(twice, doubled).kind == "CHECKED"
    assert guards[-1].told and not guards[-1].dead
    real = exact._same
    monkeypatch.setattr(exact, "_same", lambda engine, left, _, order: real(engine, left, left, order))
    is_dead(twice, doubled)


def test_a_comparer_of_values_that_always_agrees_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "prove_cases", lambda *_, **__: Proof())
    monkeypatch.setattr(exact, "check_exact", lambda *_, **__: exact.ExactResult("equal", "equal"))
    is_dead(soft, by_hand)


def test_the_command_says_that_a_check_is_dead(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(proving, "prove_cases", lambda *_, **__: Proof(certificate={}, checked=Checked(True)))
    assert main(["prove", *_pair("lora")]) == 2
    assert "not decided: internal: dead check: " in capsys.readouterr().out


# --- honest proofs ---------------------------------------------------------------------------------------------------


def _pair(example: str, number: int = 0) -> list[str]:
    """The two programs of an example as arguments of the command."""
    path = EXAMPLES / f"{example}.py"
    pair = runpy.run_path(str(path))["PAIRS"][number]
    return [f"{path}:{each.__name__}" for each in pair]


@pytest.mark.parametrize("example", SHOWN)
def test_real_proofs_pass_their_guards_at_little_cost(example: str, guards: list[Guarded]) -> None:
    for reference, candidate in runpy.run_path(str(EXAMPLES / f"{example}.py"))["PAIRS"]:
        verdict = commute.prove(reference, candidate)
        assert verdict.kind == "PROVED", verdict.reason
        found = guards[-1]
        assert found.told and not found.dead
        assert found.seconds < 0.2 * verdict.seconds + 0.3
        assert "told apart by float64" in verdict.vacuity


def test_programs_that_are_undefined_somewhere_raise_no_false_alarm(guards: list[Guarded]) -> None:
    def ratio(x: Vector) -> Vector:
        return x / x

    def one(x: Vector) -> Vector:
        return torch.ones_like(x)

    def logs(x: Vector, y: Vector) -> Vector:
        return torch.log(x.exp() * y.exp())

    def total(x: Vector, y: Vector) -> Vector:
        return y + x

    def roots(x: Vector) -> Vector:
        return torch.sqrt(x) * torch.sqrt(x)

    def under(x: Vector) -> Vector:
        return torch.sqrt(x) ** 2

    def rectified(x: Vector) -> Vector:
        return torch.where(x > 0, x, 0.0)

    def clipped(x: Vector) -> Vector:
        return torch.relu(x)

    pairs = [(ratio, one), (logs, total), (roots, under), (rectified, clipped)]
    assert [commute.prove(a, b).kind for a, b in pairs] == ["PROVED"] * 4
    assert all(g.told and not g.dead for g in guards) and len(guards) == 4


def test_the_verdict_says_that_no_mutant_was_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vacuity, "TRIED", 0)
    verdict = commute.prove(twice, doubled)
    assert verdict.kind == "PROVED"
    assert vacuity.NONE_TOLD in verdict.assumptions and verdict.vacuity == vacuity.NONE_TOLD


def test_one_term_for_both_is_not_suspicious(guards: list[Guarded]) -> None:
    assert commute.prove(twice, twice).kind == "PROVED"
    assert guards[-1].told and not guards[-1].dead


def test_a_guard_keeps_its_time() -> None:
    assert vacuity.allowance(1.0, 30.0) < 0.5
    assert vacuity.allowance(1.0, 1.0) <= 0.2


# --- mutants ---------------------------------------------------------------------------------------------------------


def _candidate(example: str) -> Any:
    pair = runpy.run_path(str(EXAMPLES / f"{example}.py"))["PAIRS"][0]
    return lift(pair).paths[0].programs[1].outputs


@pytest.mark.parametrize("example", SHOWN)
def test_mutants_are_other_terms_that_can_be_evaluated(example: str) -> None:
    with deep_recursion():
        outputs = _candidate(example)
        terms = [o.whole.term for o in outputs]
        found = [m for m, _ in zip(mutants(terms, seed=1), range(40), strict=False)]
        assert len({m.terms for m in found}) >= min(5, len(found)) and len(found) >= 5
        for mutant in found:
            assert mutant.terms != tuple(terms) and mutant.kind in KINDS and mutant.what
            for term, output in zip(mutant.terms, outputs, strict=True):
                assert well_sorted(term) is None
                assert term.free <= set(output.whole.axes), mutant.what


def test_mutants_are_the_same_for_the_same_seed() -> None:
    terms = [o.whole.term for o in _candidate("layer_norm")]
    first, again, other = ([m.what for m in mutants(terms, seed)] for seed in (3, 3, 4))
    assert first == again != other


def test_a_mistake_changes_one_node_of_its_kind() -> None:
    def clipped(x: Rows, y: Rows) -> Vector:
        return torch.where(x < 2, torch.maximum(x, y) * 3 + 1, y).sum(-1)

    term = lift([clipped, clipped]).paths[0].programs[0].outputs[0].whole.term
    kinds = {m.kind for m in mutants([term])}
    assert kinds >= {"constant", "summand", "factor", "extreme", "strictness", "reduction", "branches", "sign"}
    for mutant in mutants([term]):
        fresh = set(postorder(mutant.terms[0])) - set(postorder(term))
        assert fresh or mutant.kind in ("summand", "factor")


# --- explain ---------------------------------------------------------------------------------------------------------


def test_explain_keeps_the_columns_apart_and_shows_what_the_proof_rests_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "--explain", *_pair("sum_of_product")]) == 0
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["equal", "rounding", "ran"]
    assert "rounding  float32: the candidate's error " in said and "DIVERGENCES.md" in said
    assert re.search(r"\n  sum_swap +z3, induction over j, .* s +Σ\[j\] \(Σ\[k\] x\) = ", said)
    assert "guards: 5 mutants of the candidate told apart by float64: 5 refused" in said
    assert "derivation, each line made of the one before" in said
    derived, memory = said.split("derivation, ")[1].strip().split("\n\n")
    assert derived.splitlines()[-1].startswith("  = ") and "1000" not in derived and memory.startswith("memory: ")


def test_explain_lists_axioms_and_the_steps_of_a_long_proof() -> None:
    reference, candidate = runpy.run_path(str(EXAMPLES / "attention.py"))["PAIRS"][0]
    said = explained(commute.prove(reference, candidate))
    assert "axioms    exp_sum, exp_zero" in said and "exp_sum         an axiom" in said
    assert "equations, from which congruence joins the ends" in said


def test_explain_of_other_verdicts() -> None:
    assert "both programs are lifted to one term" in explained(commute.prove(twice, twice))
    refuted = explained(commute.prove(twice, tripled))
    assert refuted.startswith("REFUTED") and "  x = [" in refuted
