"""The algorithms whose pictures are committed: one term each, written by hand.

What may be added here: an algorithm whose picture shows something that no other one shows.
What never belongs here: assertions.
"""

from fractions import Fraction

from commute.theory.axes import Axis, axis
from commute.theory.ops import add, composite, div, exp, le, lt, mean, mul, recip, sqrt, sub, total, where
from commute.theory.terms import INT, NINF, ZERO, Term, const, index, read, reduce, size_value

b, h, n, d, c, f, i, k, o, v = map(axis, "bhndcfikov")
n1, c1 = axis("n", 1), axis("c", 1)
SMALL = const(Fraction(1, 100000))


def array(name: str, *axes: Axis) -> Term:
    return read(name, map(index, axes), (a.size for a in axes))


def scaled(scores: Term) -> Term:
    return div(scores, sqrt(size_value(d.size)))


def attention() -> Term:
    scores = scaled(total(d, mul(array("Q", b, h, n, d), array("K", b, h, n1, d))))
    return total(n1, mul(composite("softmax", scores, axes=(n1,)), array("V", b, h, n1, d)))


def multi_head() -> Term:
    q = total(c, mul(array("x", b, n, c), array("Wq", h, d, c)))
    keys = total(c, mul(array("x", b, n1, c), array("Wk", h, d, c)))
    values = total(c, mul(array("x", b, n1, c), array("Wv", h, d, c)))
    scores = where(le(index(n1), index(n)), scaled(total(d, mul(q, keys))), NINF)
    mixed = total(n1, mul(composite("softmax", scores, axes=(n1,)), values))
    return total(h, total(d, mul(mixed, array("Wo", c1, h, d))))


def gated_mlp() -> Term:
    gate = total(d, mul(array("x", b, n, d), array("gate", f, d)))
    up = total(d, mul(array("x", b, n, d), array("up", f, d)))
    return total(f, mul(mul(composite("silu", gate), up), array("down", d, f)))


def centred() -> Term:
    x = array("x", b, n, d)
    return sub(x, mean(d, x))


def layer_norm() -> Term:
    deviation = sqrt(add(mean(d, mul(centred(), centred())), SMALL))
    return add(mul(mul(centred(), recip(deviation)), array("weight", d)), array("bias", d))


def eps_outside() -> Term:
    deviation = add(sqrt(mean(d, mul(centred(), centred()))), SMALL)
    return add(mul(div(centred(), deviation), array("weight", d)), array("bias", d))


def convolution() -> Term:
    place = add(index(i), index(k))
    x = read("x", [index(b), index(c), place], [b.size, c.size, n.size])
    guarded = where(lt(place, size_value(n.size)), x, ZERO)
    return add(total(c, total(k, mul(guarded, array("weight", o, c, k)))), array("bias", o))


def cross_entropy() -> Term:
    target = read("target", [index(n)], [n.size], INT, v.size)
    chosen = read("logits", [index(n), target], [n.size, v.size])
    return mean(n, sub(composite("logsumexp", array("logits", n, v), axes=(v,)), chosen))


def safe_softmax() -> Term:
    scores = scaled(total(d, mul(array("Q", n, d), array("K", n1, d))))
    powers = exp(sub(scores, reduce("max", n1, scores)))
    return div(powers, total(n1, powers))


def residual() -> Term:
    inner = composite("gelu", total(d, mul(array("x", b, n, d), array("W1", f, d))))
    return add(array("x", b, n, d), total(f, mul(inner, array("W2", d, f))))


DRAWN = (
    attention, multi_head, gated_mlp, layer_norm, eps_outside, convolution, cross_entropy, safe_softmax, residual,
)  # fmt: skip
