"""The hunt for a wrong PROVED, a short run of it: random pairs of terms, random Torch programs, mutants of real ones.

COMMUTE_FUZZ_SECONDS=600 hunts so long in each test, with seeds that no run before had.
To add here: another kind of pair.  Never here: how pairs are made (fuzz_terms.py, fuzz_torch.py, mutate.py).
"""

import os
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

import pytest

from tests.fuzz_terms import Pair, pairs
from tests.fuzz_torch import programs
from tests.mutate import Mutant, judged, mutants
from tests.soundness import judge_pair

LONG = float(os.environ.get("COMMUTE_FUZZ_SECONDS", "0"))
MOST = 6
"""A sample without both a proof and a refutation grows to at most so many times its size."""
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
    proved, wrong = judge_pair(pair, seed, saturate)
    assert not wrong, wrong
    return proved


def of_corpus(seed: int, folder: Path) -> Iterator[Mutant]:
    """Mutants of the corpus; the folder is for programs that are written."""
    return mutants(seed)


@pytest.mark.parametrize(("saturate", "number"), [(False, 500), (True, 10)])
def test_what_is_proved_of_random_terms_is_true(saturate: bool, number: int) -> None:
    proved = [assert_true_where_proved(p, s, saturate) for s, p in enumerate(drawn(pairs(START + 7 * saturate), number))]
    assert sum(proved) > len(proved) / 8, "too few pairs are proved for this to say anything"


@pytest.mark.parametrize(("made", "number"), [(of_corpus, 30), (programs, 25)])
def test_no_program_gets_a_wrong_verdict(made: Callable[[int, Path], Iterator[Mutant]], number: int, tmp_path: Path) -> None:
    tally, wanted = [], {"REFUTED unequal", "PROVED equal"}
    for mutant in drawn(made(START + 2, tmp_path), MOST * number):
        verdict, wrong = judged(mutant, 4.0)
        assert not wrong, f"{mutant.edit}: {wrong}"
        tally.append(verdict)
        if not LONG and len(tally) >= number and wanted <= set(tally):
            break
    assert wanted <= set(tally), tally


def test_there_are_mutants_of_every_kind_and_each_undecided_one_has_a_reason() -> None:
    from tests.edits import KINDS
    from tests.mutate import chosen
    from tests.soundness import TABLE

    assert {site.edit.kind for site in chosen(400)} == set(KINDS)
    rows = [line.split("\t") for line in TABLE.read_text().splitlines()[1:]]
    for mutant, verdict, decision, reason in rows:
        assert decision in ("equal", "differs") and reason, mutant
        assert decision == "equal" or verdict == "UNKNOWN", f"{mutant}: {verdict}, decided {decision}"
