"""Random equations in TASO's operators whose truth is known get no wrong verdict.

What may be added here: another way to know the truth. What never belongs here: an equation by hand (test_rules.py).
"""

import torch
from torch import Tensor

from commute.lowering.taso_rules import Node, read_rules
from commute.ruling import judge
from tests.taso_equations import PAIRWISE, equations

OPERATORS = {
    "ewadd": torch.add, "ewmul": torch.mul, "matmul": torch.matmul, "transpose": torch.t, "relu": torch.relu, "smul": torch.mul,
}  # fmt: skip


def value(node: Node, given: dict[str, Tensor]) -> Tensor:
    """The value of matrices, all of one square shape, by Torch alone."""
    if node.op == "var":
        shape = () if node.name in ("s", "scalar_1") else (3, 3)
        return given.setdefault(node.name, torch.randn(shape, dtype=torch.float64))
    return OPERATORS[node.op](*(value(o, given) for o in node.operands))


def square(node: Node) -> bool:
    return node.op == "var" or node.op in OPERATORS and all(map(square, node.operands))


def test_the_generator_knows_the_truth() -> None:
    tried = 0
    for text, true in equations(11, 300):
        [rule] = read_rules(text)
        if true and square(rule.left) and square(rule.right):
            given: dict[str, Tensor] = {}
            torch.testing.assert_close(value(rule.left, given), value(rule.right, given))
            tried += 1
    assert tried > 100 and set(PAIRWISE) <= set(OPERATORS)


def test_no_wrong_verdict_and_most_are_decided() -> None:
    decided = {True: 0, False: 0}
    for text, true in equations(5, 14):
        [rule] = read_rules(text)
        verdict = judge(rule, 20.0).verdict
        decided[verdict != "UNKNOWN"] += 1
        assert not (true and verdict == "REFUTED"), text
        if not true and verdict in ("PROVED", "CHECKED") and square(rule.left) and square(rule.right):
            given: dict[str, Tensor] = {}
            torch.testing.assert_close(value(rule.left, given), value(rule.right, given), msg=text)
    assert decided[True] >= 4 * decided[False]
