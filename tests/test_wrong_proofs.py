"""Wrong proofs that the checker once took: each is a certificate that looked right and isn't.

To add here: a false equation for which a certificate was accepted, with the reason why it is false.
Never here: tampered or foreign certificates (test_tampering.py, test_forgery.py).
"""

import torch
from jaxtyping import Float
from torch import Tensor

import commute
from commute.theory.axes import Axis, Size, axis
from commute.theory.facts import POS, Facts
from commute.theory.law import find_law
from commute.theory.ops import add, composite, eq, exp, indicator, mul, recip, total, where
from commute.theory.schemas import selected
from commute.theory.step import Step, law_step
from commute.theory.terms import BOOL, NINF, ONE, ZERO, Term, index, read, substitute
from commute.verify.certificate import EVERYWHERE, Case, Checked, check, write
from commute.verify.definedness import obligations
from commute.verify.inputs import InputSpec
from commute.verify.numeric import agrees_with_lift

N = Size.symbol("n")
SHORT, LONG = Axis(N), Axis(2 * N)


def verdict(lhs: Term, rhs: Term, *steps: Step, given: dict[str, int] | None = None) -> Checked:
    """What the checker says of one claim and its steps."""
    return check(write({}, given or {}, EVERYWHERE, [Case("", [(lhs, rhs)], list(steps))]))


def test_a_softmax_read_at_a_shorter_axis_keeps_its_own_length() -> None:
    """softmax over 2n numbers, read at its first n places, isn't the softmax of those n numbers."""
    whole = composite("softmax", read("s", [index(LONG)], [2 * N]), axes=(LONG,))
    short = composite("softmax", read("s", [index(SHORT)], [2 * N]), axes=(SHORT,))
    assert substitute(whole, {LONG: index(SHORT)}) is not short
    picked = total(LONG, mul(indicator(eq(index(LONG), index(SHORT))), whole))
    assert not verdict(picked, short, Step("select_index", picked, short)).ok
    right = substitute(whole, {LONG: index(SHORT)})
    assert verdict(picked, right, Step("select_index", picked, right)).ok


def test_a_sum_that_a_mask_fixes_beyond_its_axis_is_nothing() -> None:
    """[k = n + 1]·x[n + 1] has no k at the last n: its sum is x[n + 1] only where n + 1 is an index."""
    after = add(index(SHORT), ONE)
    k = Axis(N, 1)
    picked = total(k, mul(indicator(eq(index(k), after)), add(read("x", [index(k)], [N]), ONE)))
    value = add(read("x", [after], [N]), ONE)
    assert not verdict(picked, value, Step("select_index", picked, value)).ok
    right = selected(k, after, add(read("x", [index(k)], [N]), ONE))
    assert verdict(picked, right, Step("select_index", picked, right)).ok


def test_a_positive_array_is_zero_out_of_range() -> None:
    """x > 0 is said of the elements of x: past its end x reads 0, and 0/0 isn't 1."""
    past, inside = read("x", [add(index(SHORT), ONE)], [N]), read("x", [index(SHORT)], [N])
    for x, ok in ((past, False), (inside, True)):
        step = law_step(find_law("recip_cancels"), {"x": x})
        assert verdict(mul(x, recip(x)), ONE, step, given={"x": POS}).ok == ok


def test_a_factor_is_owed_wherever_its_guard_allows() -> None:
    """At an output i where m[i] is false the reference looks at no quotient; the candidate does, where another m[j] is true."""
    m = Term("input", (index(SHORT),), ("m", BOOL, (N,), None))
    f, z = read("f", [], []), read("z", [], [])
    reference = where(m, recip(f), ZERO)
    candidate = add(reference, mul(ZERO, total(SHORT, where(m, recip(mul(f, exp(z))), ZERO))))
    assert "undefined" in verdict(reference, candidate, Step("ring", reference, candidate)).reason


def test_what_a_reduction_owes_of_its_body_is_bound_by_it() -> None:
    """A sum over k of what may be -inf owes that it is finite for all k, not for the k of one output."""
    masked = where(Term("input", (index(SHORT),), ("m", BOOL, (N,), None)), read("s", [index(SHORT)], [N]), NINF)
    (owed,) = obligations(total(SHORT, masked), Facts())
    assert owed.predicate == "real" and owed.bound == {SHORT}


def test_a_number_that_an_index_is_compared_with_is_passed_by_some_size() -> None:
    """CHECKED at sizes 1 to 4 says nothing of a mask that begins at index 40."""

    def whole(x: Float[Tensor, "n"]) -> Float[Tensor, ""]:
        return x.sum()

    def first_forty(x: Float[Tensor, "n"]) -> Float[Tensor, ""]:
        return torch.where(torch.arange(x.shape[0]) < 40, x, 0.0).sum()

    verdict = commute.prove(whole, first_forty, timeout=10)
    assert verdict.kind == "REFUTED" and verdict.counterexample
    assert verdict.counterexample.sizes == {"n": 41}


def test_a_term_with_a_value_where_its_function_is_nan_is_not_what_was_run() -> None:
    n = axis("n")
    spec = InputSpec("x", (n.size,))
    x = read("x", [index(n)], [n.size])
    assert not agrees_with_lift(lambda x: x + (-1 - x * x).sqrt(), [x], [[n]], [spec], ["n"])
    assert agrees_with_lift(lambda x: x + 0, [x], [[n]], [spec], ["n"])
