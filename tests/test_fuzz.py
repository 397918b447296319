"""The hunt for a wrong PROVED, a short run of it: random pairs of terms, random Torch programs, mutants of real ones.

COMMUTE_FUZZ_SECONDS=600 hunts so long in each test, with seeds that no run before had.
To add here: another kind of pair.  Never here: how pairs are made (fuzz_terms.py, fuzz_torch.py, mutate.py).
"""

import os
import random
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

import pytest

from commute.proof import prove_cases
from commute.theory.facts import NEG, NIL, POS
from commute.verify.certificate import EVERYWHERE
from tests.fuzz_terms import ARRAYS, Pair, pairs
from tests.fuzz_torch import programs
from tests.fuzz_truth import falsified
from tests.mutate import Mutant, judged, mutants

LONG = float(os.environ.get("COMMUTE_FUZZ_SECONDS", "0"))
T = TypeVar("T")
START = int(time.time()) * 1000 if LONG else 0


def drawn(items: Iterator[T], number: int) -> Iterator[T]:
    """So many items, or those of a longer run."""
    end = time.monotonic() + LONG
    if not LONG:
        yield from islice(items, number)
    while time.monotonic() < end:
        yield next(items)


def assert_true_where_proved(pair: Pair, seed: int, saturate: bool) -> bool:
    """Whether the pair was proved; what is proved must be true."""
    source = random.Random(seed)
    masks = (POS, POS | NIL, POS | NEG)
    given = {} if source.random() < 0.6 else {name: source.choice(masks) for name, row in ARRAYS.items() if row[0] == "real"}
    proof = prove_cases([("", [pair])], given, {}, seconds=1.0 if saturate else 0.4, saturate=saturate)
    if proof.certificate is None:
        return False
    wrong = falsified(*pair, proof.where == EVERYWHERE, proof.certificate["given"], seed)
    assert not wrong, f"{pair[0]} = {pair[1]} was proved {proof.where}, given {given}: {wrong}"
    return True


@pytest.mark.parametrize(("saturate", "number"), [(False, 500), (True, 10)])
def test_what_is_proved_of_random_terms_is_true(saturate: bool, number: int) -> None:
    proved = [assert_true_where_proved(p, s, saturate) for s, p in enumerate(drawn(pairs(START + 7 * saturate), number))]
    assert sum(proved) > len(proved) / 8, "too few pairs are proved for this to say anything"


@pytest.mark.parametrize(("made", "number"), [(mutants, 30), (programs, 25)])
def test_no_program_gets_a_wrong_verdict(made: Callable[[int, Path], Iterator[Mutant]], number: int, tmp_path: Path) -> None:
    tally = []
    for mutant in drawn(made(START + 2, tmp_path), number):
        verdict, wrong = judged(mutant, 4.0)
        assert not wrong, f"{mutant.edit}: {wrong}"
        tally.append(verdict)
    assert any(v.startswith("REFUTED") for v in tally) and any(v == "PROVED equal" for v in tally), tally
