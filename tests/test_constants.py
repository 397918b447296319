"""What a float is read as: the number that its author meant.

To add here: a constant and its reading.  Never here: how readings are listed in a verdict.
"""

import math

import numpy as np
import pytest

from commute.lowering.constants import read_float
from commute.verify.evaluate import evaluate

PLAIN = [
    (0.1, "1/10"),
    (0.125, "1/8"),
    (1e-5, "1/100000"),
    (-1e9, "-1000000000"),
    (0.044715, "8943/200000"),
    (1.702, "851/500"),
    (0.12345678912345, "2469135782469/20000000000000"),
    (2.0, "2"),
]
GUESSED = [
    (1 / 3, "1/3"),
    (-2 / 7, "-2/7"),
    (0.1 + 0.2, "3/10"),
    (80**-0.5, "1/√80"),
    (math.sqrt(2), "√2"),
    (1 / math.sqrt(2), "1/√2"),
    (math.pi, "π"),
    (math.pi / 2, "1/2·π"),
    (math.sqrt(2 / math.pi), "√(2·1/π)"),
    (1 / math.sqrt(2 * math.pi), "1/√(2·π)"),
    (1.4426950408889634, "1/log(2)"),
    (0.6931471805599453, "log(2)"),
    (math.log(10), "log(10)"),
]


@pytest.mark.parametrize(("value", "text"), PLAIN)
def test_a_short_decimal_stays_itself(value: float, text: str) -> None:
    reading = read_float(value)
    assert str(reading.term) == text
    assert not reading.guessed


@pytest.mark.parametrize(("value", "text"), GUESSED)
def test_a_folded_constant_is_what_it_was_folded_from(value: float, text: str) -> None:
    reading = read_float(value)
    assert str(reading.term) == text
    assert reading.guessed
    assert reading.plain.op == "const"
    assert float(evaluate([reading.term], {}, {}, ())[0]) == pytest.approx(value, rel=3e-16)


@pytest.mark.parametrize("value", [*np.random.default_rng(0).normal(size=300), 1e300, 5e-324, 3.4028234663852886e38])
def test_a_random_float_is_its_decimal(value: float) -> None:
    assert not read_float(float(value)).guessed


def test_single_precision_is_read_at_its_own() -> None:
    assert str(read_float(float(np.float32(0.1)), single=True).term) == "1/10"
    assert str(read_float(float(np.float32(1 / math.log(2))), single=True).term) == "1/log(2)"
    assert str(read_float(float(np.float32(1 / 3)), single=True).term) == "1/3"
