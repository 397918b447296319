"""Where programs have no value: what follows from what, what a verdict says of it, and what may be accepted.

To add here: a pair that differs only where one of the programs is undefined, a mask with a large number, a program that raises.
Never here: equality itself.
"""

import itertools
import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

import commute
from commute.cli import main
from commute.lowering.lift_torch import lift
from commute.rechecking import path_goals, relift_file
from commute.theory.axes import axis
from commute.theory.facts import Facts
from commute.theory.ops import add, exp, log, mul, recip, sqrt
from commute.theory.terms import Term, const, index, read
from commute.undefined import without_key
from commute.verify.certificate import BOTH_DEFINED, EACH_DEFINED, WHERE_DEFINED, check, digest
from commute.verify.definedness import obligations, uncovered
from commute.verify.evaluate import evaluate
from commute.verify.verdict import Verdict

Vector = Float[Tensor, "n"]
Queries = Float[Tensor, "n d"]
Keys = Float[Tensor, "m d"]
Mask = Bool[Tensor, "n m"]
Row = Float[Tensor, "m"]
ROWS = "row n is fully masked"


# --- what follows from what ------------------------------------------------------------------------------------------

X, Y = (read(name, [index(axis("n"))], [axis("n").size]) for name in "xy")


def some_term(rng: random.Random, depth: int) -> Term:
    if depth == 0 or rng.random() < 0.2:
        return rng.choice([X, Y, X, Y, const(2)])
    op = rng.choice([mul, mul, add, sqrt, recip, log, exp])
    return op(*(some_term(rng, depth - 1) for _ in range(2 if op in (mul, add) else 1)))


@pytest.mark.parametrize("everywhere", [True, False])
def test_what_is_covered_is_defined_wherever_the_reference_is(everywhere: bool) -> None:
    """Random pairs, each a reference that owes much and a candidate that owes parts of it, on a grid of numbers."""
    rng = random.Random(7)
    grid = list(itertools.product((-2.0, -0.5, 0.0, 0.5, 1.0, 3.0), repeat=2))
    inputs = {"x": [a for a, _ in grid], "y": [b for _, b in grid]}
    n, covered = axis("n"), 0
    facts = Facts()
    for _ in range(400):
        parts = [some_term(rng, 2) for _ in range(3)]
        whole = rng.choice([recip, sqrt, log])(mul(mul(parts[0], parts[1]), sqrt(parts[2])))
        part = rng.choice([recip, sqrt, log])(rng.choice([*parts, mul(parts[0], parts[1]), sqrt(parts[1])]))
        mine, theirs = obligations(whole, facts), obligations(part, facts)
        if not theirs or uncovered(mine, theirs, lambda a, b: a is b, lambda t: [t], facts, everywhere):
            continue
        covered += 1
        arrays = {name: np.array(values) for name, values in inputs.items()}
        want, got = evaluate([whole, part], {"n": len(grid)}, arrays, [n], strict=True)
        broken = [grid[i] for i in range(len(grid)) if math.isfinite(want[i]) and not math.isfinite(got[i])]
        assert not broken, (whole, part, broken)
    assert covered > 40


FOLLOWING = [
    (recip(mul(X, Y)), recip(X)),
    (recip(sqrt(mul(X, Y))), recip(mul(Y, X))),
    (recip(sqrt(X)), log(X)),
    (mul(sqrt(X), recip(X)), log(X)),
    (mul(recip(sqrt(X)), recip(sqrt(Y))), recip(sqrt(mul(X, Y)))),
]
NOT_FOLLOWING = [
    (sqrt(mul(X, Y)), sqrt(X)),
    (sqrt(X), log(X)),
    (recip(X), log(X)),
    (recip(X), recip(mul(X, Y))),
    (recip(add(X, Y)), recip(X)),
    (recip(sqrt(mul(X, Y))), recip(sqrt(X))),
]


@pytest.mark.parametrize(("reference", "candidate"), FOLLOWING)
def test_definedness_that_follows(reference: Term, candidate: Term) -> None:
    mine, theirs = (obligations(t, Facts()) for t in (reference, candidate))

    def equal(a: Term, b: Term) -> bool:
        return a is b or (a.op == b.op == "mul" and set(a.args) == set(b.args))

    assert theirs and not uncovered(mine, theirs, equal, lambda t: [t], Facts(), True)


@pytest.mark.parametrize(("reference", "candidate"), NOT_FOLLOWING)
def test_definedness_that_does_not_follow(reference: Term, candidate: Term) -> None:
    mine, theirs = (obligations(t, Facts()) for t in (reference, candidate))
    assert uncovered(mine, theirs, lambda a, b: a is b, lambda t: [t], Facts(), True)


# --- what a verdict says ---------------------------------------------------------------------------------------------


def library(q: Queries, k: Keys, v: Keys, mask: Mask) -> Queries:
    return F.scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=mask[None])[0]


def formula(q: Queries, k: Keys, v: Keys, mask: Mask) -> Queries:
    return torch.softmax((q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~mask, -math.inf), -1) @ v


def without_scale(q: Queries, k: Keys, v: Keys, mask: Mask) -> Queries:
    return torch.softmax((q @ k.mT).masked_fill(~mask, -math.inf), -1) @ v


def ones(x: Vector) -> Vector:
    return torch.ones_like(x)


def quotient(x: Vector) -> Vector:
    return x / x


def same(x: Vector) -> Vector:
    return x


def through_log(x: Vector) -> Vector:
    return torch.exp(torch.log(x))


def through_root(x: Vector) -> Vector:
    return torch.sqrt(x) ** 2


def squares(x: Vector) -> Vector:
    return x * (x * x).sum() / (x * x).sum()


EXCEPT = [
    (library, formula, f"equal except where {ROWS}: 0 vs undefined", EACH_DEFINED, f"the candidate where {ROWS}"),
    (ones, quotient, "equal except where x[n] = 0: 1 vs undefined", BOTH_DEFINED, "the candidate where x[n] = 0"),
    (same, through_log, "equal except where x[n] <= 0: a number vs undefined", BOTH_DEFINED, "the candidate where x[n] <= 0"),
    (same, through_root, "equal except where x[n] < 0: a number vs undefined", BOTH_DEFINED, "the candidate where x[n] < 0"),
]


@pytest.mark.parametrize(("reference", "candidate", "text", "where", "undefined"), EXCEPT, ids=[r[1].__name__ for r in EXCEPT])
def test_where_only_the_candidate_has_no_value(
    reference: Any, candidate: Any, text: str, where: str, undefined: str, tmp_path: Path
) -> None:
    strict = commute.prove(reference, candidate)
    assert strict.kind == "REFUTED" and strict.reason == f"{text} (--ignore-undefined accepts that)"
    accepted = commute.prove(reference, candidate, ignore_undefined=True)
    assert accepted.kind == "PROVED" and accepted.where == where and accepted.undefined == (undefined,)
    assert f", {where}\n" in str(accepted) and f"  undefined {undefined}" in str(accepted)
    assert accepted.to_json()["where"] == where and accepted.certificate is not None
    file = tmp_path / "certificate.json"
    file.write_text(json.dumps(accepted.certificate))
    assert commute.recheck_file(file).claim.startswith(f"{reference.__name__} = {candidate.__name__}, {where}")
    assert not relift_file(file, [reference, candidate])
    back = commute.prove(candidate, reference)
    assert back.kind == "PROVED" and back.where in ("", WHERE_DEFINED)
    assert back.undefined == (undefined.replace("candidate", "reference"),)


def test_a_proof_where_both_are_defined_passes_for_no_stronger_claim() -> None:
    for reference, candidate, *_ in EXCEPT:
        certificate = commute.prove(reference, candidate, ignore_undefined=True).certificate
        assert certificate is not None and check(certificate).ok
        for where in ("everywhere", WHERE_DEFINED, *([EACH_DEFINED] if certificate["where"] == BOTH_DEFINED else [])):
            forged = {**certificate, "where": where}
            assert not check({**forged, "digest": digest(forged)}).ok, where


def test_what_differs_elsewhere_too_is_not_accepted() -> None:
    verdict = commute.prove(library, without_scale, ignore_undefined=True)
    assert verdict.kind == "REFUTED" and verdict.counterexample is not None
    assert math.isfinite(verdict.counterexample.candidate)
    assert "equal except" not in commute.prove(library, without_scale).reason


def test_one_undefined_output_leaves_all_others_undecided_where_a_sum_runs_over_them() -> None:
    verdict = commute.prove(same, squares)
    assert verdict.kind == "REFUTED" and "equal except where" in verdict.reason and "Σ" in verdict.reason


# --- large numbers in masks ------------------------------------------------------------------------------------------


def scores(q: Tensor, k: Tensor) -> Tensor:
    return q @ k.mT / math.sqrt(q.shape[-1])


def filled(q: Queries, k: Keys, v: Keys, mask: Mask) -> Queries:
    return torch.softmax(scores(q, k).masked_fill(~mask, -1e9), -1) @ v


def added(q: Queries, k: Keys, v: Keys, mask: Mask) -> Queries:
    return torch.softmax(scores(q, k) + (1.0 - mask.to(q.dtype)) * -10000.0, -1) @ v


def least(q: Queries, k: Keys, v: Keys, mask: Mask) -> Queries:
    return torch.softmax(scores(q, k).masked_fill(mask.logical_not(), torch.finfo(q.dtype).min), -1) @ v


def extended(q: Queries, k: Keys, v: Keys, mask: Mask) -> Queries:
    bias = torch.zeros_like(mask, dtype=q.dtype).masked_fill(mask.logical_not(), torch.finfo(q.dtype).min)
    return F.scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=bias[None])[0]


def filled_before_the_scale(q: Queries, k: Keys, v: Keys, mask: Mask) -> Queries:
    return torch.softmax((q @ k.mT).masked_fill(~mask, -1e6) / math.sqrt(q.shape[-1]), -1) @ v


def by_a_maximum(q: Queries, k: Keys, v: Keys, mask: Mask) -> Queries:
    s = scores(q, k).masked_fill(~mask, -1e9)
    e = torch.exp(s - s.amax(-1, keepdim=True))
    return e @ v / e.sum(-1, keepdim=True)


def too_small(q: Queries, k: Keys, v: Keys, mask: Mask) -> Queries:
    return torch.softmax(scores(q, k).masked_fill(~mask, -1e3), -1) @ v


def turned(q: Queries, k: Keys, v: Keys, mask: Mask) -> Queries:
    return torch.softmax(scores(q, k).masked_fill(mask, -1e9), -1) @ v


def clamped(q: Queries, k: Keys, v: Keys, mask: Mask) -> Queries:
    return q.clamp(min=-1e6) * mask.any()


MASKED = [
    (formula, filled), (library, filled), (formula, added), (library, least), (formula, extended), (added, filled),
    (formula, filled_before_the_scale), (filled, formula),
]  # fmt: skip


@pytest.mark.parametrize(("reference", "candidate"), MASKED, ids=[f"{a.__name__}, {b.__name__}" for a, b in MASKED])
def test_a_large_number_in_a_mask_is_minus_infinity_under_an_assumption(reference: Any, candidate: Any) -> None:
    verdict = commute.prove(reference, candidate, assume_masks=True)
    assert verdict.kind == "PROVED", verdict
    (said,) = [text for text in verdict.assumptions if "minus infinity" in text]
    assert "|scores| < " in said and said.endswith("no fully masked row")
    certificate = verdict.certificate
    assert certificate is not None and said in check(certificate).claim


STRICT = [(formula, filled), (library, added), (added, filled)]


@pytest.mark.parametrize(("reference", "candidate"), STRICT, ids=[f"{a.__name__}, {b.__name__}" for a, b in STRICT])
def test_it_is_a_number_by_default_and_what_the_assumption_would_give_is_said(reference: Any, candidate: Any) -> None:
    verdict = commute.prove(reference, candidate, timeout=6)
    assert verdict.kind in ("REFUTED", "UNKNOWN")
    assert "with --assume-masks: PROVED under |scores| < 5" in verdict.reason


WRONG_MASKS = [(formula, too_small), (formula, turned), (filled, turned), (clamped, lambda q, k, v, mask: q * mask.any())]


@pytest.mark.parametrize(("reference", "candidate"), WRONG_MASKS, ids=["-1e3", "turned", "turned, both", "clamped"])
def test_the_assumption_makes_nothing_else_equal(reference: Any, candidate: Any) -> None:
    verdict = commute.prove(reference, candidate, assume_masks=True, timeout=4)
    assert verdict.kind in ("REFUTED", "UNKNOWN")
    assert "--assume-masks" not in verdict.reason


def test_the_assumption_is_not_named_where_it_is_not_needed(tmp_path: Path) -> None:
    verdict = commute.prove(filled, by_a_maximum, assume_masks=True)
    assert verdict.kind == "PROVED" and not any("minus infinity" in text for text in verdict.assumptions)
    file = tmp_path / "certificate.json"
    file.write_text(json.dumps(commute.prove(formula, filled, assume_masks=True).certificate))
    assert not relift_file(file, [formula, filled])
    assert relift_file(file, [formula, too_small])


def test_a_mask_of_integers_that_are_0_or_1() -> None:
    def by_bits(s: Row, bits: Int[Tensor, "m"]) -> Row:
        return torch.softmax(s + (1 - bits) * -1e9, 0)

    def by_truth(s: Row, bits: Int[Tensor, "m"]) -> Row:
        return torch.softmax(s.masked_fill(bits != 1, -math.inf), 0)

    verdict = commute.prove(by_truth, by_bits, assume={"bits": (0, 2)}, assume_masks=True)
    assert verdict.kind in ("PROVED", "CHECKED"), verdict


def test_a_maximum_over_a_row_that_may_be_masked_is_said_to_lack_a_key() -> None:
    def by_itself(q: Queries, k: Keys, v: Keys, mask: Mask) -> Queries:
        s = scores(q, k).masked_fill(~mask, -math.inf)
        e = torch.exp(s - s.amax(-1, keepdim=True))
        return e @ v / e.sum(-1, keepdim=True)

    goals = path_goals(lift([formula, by_itself]).paths[0])
    assert without_key(goals, Facts()) == "no key is known that no mask hides in row n, whose maximum is subtracted"
    assert not without_key(path_goals(lift([formula, library]).paths[0]), Facts())


# --- programs that raise ---------------------------------------------------------------------------------------------


def raises_at_one(x: Vector) -> Vector:
    return x * (1 / (x.shape[0] - 1))


def guarded_at_one(x: Vector) -> Vector:
    return x / max(x.shape[0] - 1, 1)


def divides_a_tensor(x: Vector) -> Vector:
    return x / (x.shape[0] - 1)


def by_a_root(x: Vector) -> Vector:
    return x * (1 / math.sqrt(x.shape[0] - 1)) * (1 / math.sqrt(x.shape[0] - 1))


def by_a_logarithm(x: Vector) -> Vector:
    return x / max(x.shape[0] - 1, 1) + 0 * (1 / math.log(x.shape[0]))


def refuses_three(x: Vector) -> Vector:
    if x.shape[0] == 3:
        raise ValueError("three")
    return x / max(x.shape[0] - 1, 1)


def test_sizes_at_which_the_reference_raises_are_left_out_and_said() -> None:
    for candidate in (guarded_at_one, divides_a_tensor, by_a_root):
        verdict = commute.prove(raises_at_one, candidate)
        assert verdict.kind == ("CHECKED" if candidate is by_a_root else "PROVED"), verdict
        assert verdict.sizes == {"n": "at least 2"}
        said = "nothing is said where n = 1: raises_at_one raises ZeroDivisionError: division by zero"
        assert said in verdict.assumptions


def test_a_divisor_that_is_never_0_is_no_question() -> None:
    def squared(x: Vector) -> Vector:
        n = x.shape[0]
        return x * (1 / (n * n - 2)) * (1 / (2 * n - 1)) / math.sqrt(n * n - n + 1)

    assert len(lift([squared]).paths) == 1


def test_a_candidate_that_raises_where_the_reference_does_not_is_refuted() -> None:
    for candidate, size in ((raises_at_one, 1), (by_a_logarithm, 1), (refuses_three, 3)):
        verdict = commute.prove(guarded_at_one, candidate)
        assert verdict.kind == "REFUTED" and verdict.counterexample is not None, verdict
        assert verdict.counterexample.sizes == {"n": size}, verdict
        assert f"and the candidate raises {verdict.counterexample.raised}" in str(verdict)
        json.dumps(verdict.to_json(), allow_nan=False)


def test_a_candidate_that_raises_where_the_reference_gives_no_number_is_told() -> None:
    verdict = commute.prove(divides_a_tensor, raises_at_one)
    assert verdict.kind == "PROVED" and verdict.sizes == {"n": "at least 2"}
    assert "raises_at_one raises ZeroDivisionError" in verdict.assumptions[0]


def test_the_script_of_a_candidate_that_raises_raises(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import subprocess
    import sys

    file = tmp_path / "two.py"
    file.write_text(
        "from jaxtyping import Float\nfrom torch import Tensor\n\n\n"
        'def kept(x: Float[Tensor, "n"]):\n    return x / max(x.shape[0] - 1, 1)\n\n\n'
        "def divided(x):\n    return x * (1 / (x.shape[0] - 1))\n"
    )
    assert main(["prove", f"{file}:kept", f"{file}:divided"]) == 1
    script = capsys.readouterr().out.split("run:\n\n")[1]
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 1 and "ZeroDivisionError" in ended.stderr


def test_the_options_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "two.py"
    file.write_text(
        "from jaxtyping import Float\nfrom torch import Tensor\n\n\n"
        'def one(x: Float[Tensor, "n"]):\n    return x * 0 + 1\n\n\ndef quotient(x):\n    return x / x\n'
    )
    pair = [f"{file}:one", f"{file}:quotient"]
    assert main(["prove", *pair]) == 1
    capsys.readouterr()
    assert main(["prove", *pair, "--ignore-undefined", "--assume-masks", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["where"] == BOTH_DEFINED and answer["undefined"] == ["the candidate where x[n] = 0"]


def test_a_verdict_says_where_it_holds() -> None:
    text = str(Verdict("PROVED", 0.1, where=EACH_DEFINED, undefined=(f"the candidate where {ROWS}",)))
    assert f"for every input, {EACH_DEFINED}" in text and f"undefined the candidate where {ROWS}" in text
