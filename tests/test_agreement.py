"""The laws before a second solver: obligations as SMT-LIB scripts, cvc5's answers, and the axioms together.

What may be added here: a way in which an export could say too little.  What never belongs here: how a law is proved.
"""

from dataclasses import replace
from pathlib import Path

import pytest
import z3
from typer.testing import CliRunner

from commute.cli import app
from commute.theory.law import Law, Real, Sides, all_laws, law
from commute.theory.ops import mul, unary
from commute.theory.terms import MINUS_ONE, ONE
from commute.verify import agreement as agreeing
from commute.verify import lawbook
from commute.verify.agreement import Agreement, agreement
from commute.verify.axioms import model
from commute.verify.lawbook import AXIOM_LIMIT, LawResult, check_laws
from commute.verify.second_opinion import SecondOpinion, installed
from commute.verify.smtlib import Script, all_scripts

TABLE = {made.name: made for made in all_laws()}
AXIOMS = [made for made in TABLE.values() if made.axiom]
needs_cvc5 = pytest.mark.skipif(not installed(), reason="cvc5 is not installed (the extra `cvc5`)")


@pytest.fixture(scope="module")
def results() -> list[LawResult]:
    return check_laws()


@pytest.fixture(scope="module")
def obligations(results: list[LawResult]) -> list[Script]:
    return all_scripts(results)


def test_every_law_has_its_obligations(obligations: list[Script]) -> None:
    named: dict[str, set[str]] = {}
    for each in obligations:
        name, _, part = each.name.partition("-")
        named.setdefault(name, set()).add(part)
    assert named.keys() == TABLE.keys()
    for name, parts in named.items():
        assert parts in ([{"near"}] if TABLE[name].axiom else [{"direct", "near"}, {"base", "step", "near"}]), name


def test_z3_reads_a_script_as_it_is_meant(obligations: list[Script]) -> None:
    for each in obligations[::9]:
        solver = z3.Solver()
        solver.set("timeout", 10000)
        solver.from_string(each.text)
        assert f"(set-info :status {each.status})" in each.text
        assert str(solver.check()) in (each.status, "unknown"), each.name


@needs_cvc5
def test_cvc5_agrees_on_every_obligation(obligations: list[Script]) -> None:
    found = agreement(obligations)
    assert found.against == () and found.silent == ()
    assert found.asked == len(obligations) > 2 * len(TABLE)


@needs_cvc5
def test_a_contradiction_and_a_silence_are_told() -> None:
    def script(name: str, status: str, fact: str) -> Script:
        text = f"(set-logic QF_NRA)\n(declare-fun x () Real)\n(assert {fact})\n(check-sat)\n"
        return Script(name, status, "QF_NRA", text)

    found = agreement([script("wrong", "unsat", "(= (* x x) 2.0)"), script("right", "unsat", "(< (* x x) 0.0)")])
    assert [name.partition(":")[0] for name in found.against] == ["wrong"]
    assert "agrees on 1 of 2" in str(found) and "contradicts Z3 on wrong" in str(found)
    silent = agreement([script("garbled", "sat", "(= x")])
    assert len(silent.silent) == 1 and not silent.against


@needs_cvc5
def test_a_question_without_an_end_is_given_up(obligations: list[Script]) -> None:
    hard = next(each for each in obligations if each.name == "merge_squares-direct")
    with SecondOpinion() as cvc5:
        assert cvc5.ask(hard.text, hard.logic, 0.001) == "no answer in 0.001 s"
        assert cvc5.ask("(set-logic QF_NIA)\n(check-sat)\n", "QF_NIA", 20.0) == "sat"


def test_without_cvc5_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreeing, "installed", lambda: False)
    assert str(agreement([])) == "cvc5 was not asked: it is not installed (pip install commute[cvc5])"
    assert Agreement("", 0).against == ()


def test_obligations_are_exported(results: list[LawResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreeing, "installed", lambda: False)
    monkeypatch.setattr(lawbook, "check_laws", lambda: results)
    said = CliRunner().invoke(app, ["laws", "--check", "--smtlib", str(tmp_path)])
    assert said.exit_code == 0, said.output
    assert "set-info :status sat" in (tmp_path / "sum_scale-near.smt2").read_text()
    assert "set-info :status unsat" in (tmp_path / "sum_scale-step.smt2").read_text()


# --- axioms ----------------------------------------------------------------------------------------------------------


def test_axioms_are_few_and_cited() -> None:
    assert 0 < len(AXIOMS) <= AXIOM_LIMIT
    assert [made.name for made in AXIOMS if not made.citation] == []


def test_the_axioms_have_a_model_of_the_shape_that_is_meant() -> None:
    assert model(AXIOMS) is not None


def wrong_parity(name: str) -> Law:
    @law(family="test", axiom="wrong")
    def parity(x: Real) -> Sides:
        """A function with the parity of another."""
        return unary(name, mul(MINUS_ONE, x)), mul(MINUS_ONE, unary(name, x))

    return parity


@pytest.mark.parametrize("name", ["exp", "cos"])
def test_a_wrong_axiom_leaves_no_model(name: str) -> None:
    assert model([*AXIOMS, wrong_parity(name)]) is None


# --- digests ---------------------------------------------------------------------------------------------------------


def test_a_changed_lemma_changes_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    from commute.theory import law as table

    user = TABLE["log_quotient"]
    before = user.digest
    lemma = TABLE["exp_of_log"]  # a lemma of its lemmas
    monkeypatch.setitem(table._LAWS, lemma.name, replace(lemma, rhs=ONE))
    assert replace(user).digest != before
    monkeypatch.setitem(table._LAWS, lemma.name, replace(lemma, doc="Another sentence."))
    assert replace(user).digest == before


def test_a_circle_of_lemmas_still_has_a_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    from commute.theory import law as table

    first, second = replace(TABLE["add_zero"], uses=("mul_one",)), replace(TABLE["mul_one"], uses=("add_zero",))
    monkeypatch.setitem(table._LAWS, "add_zero", first)
    monkeypatch.setitem(table._LAWS, "mul_one", second)
    assert len({first.digest, second.digest, TABLE["add_zero"].digest}) == 3
