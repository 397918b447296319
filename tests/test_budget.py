"""Budgets: time and memory are kept, even by programs and calls that don't give way, and the verdict says what was spent."""

from __future__ import annotations

import time

import pytest

from commute.budget import OutOfMemory, OutOfTime, alarm, peak, resident, usual_memory
from commute.proving import prove
from tests.pathological import PAIRS, SIZES, measure

FAST = ("fixed_to_a_million", "nested_norms", "stacked_choices", "shared_doubling")
"""Pairs that are tried in this very process, among others."""


def test_time_runs_out() -> None:
    with pytest.raises(OutOfTime), alarm(0.02):
        time.sleep(60)


def test_memory_runs_out() -> None:
    held = []
    with pytest.raises(OutOfMemory), alarm(60, memory=resident() + 64):
        while True:
            held.append(bytearray(1 << 20))


def test_who_swallows_an_interruption_is_interrupted_again() -> None:
    swallowed = 0
    with pytest.raises(OutOfTime), alarm(0.01):
        while swallowed < 2:
            try:
                time.sleep(60)
            except OutOfTime:
                swallowed += 1
        time.sleep(60)
    assert swallowed == 2


def test_the_outer_of_two_alarms_is_heard_in_the_inner() -> None:
    with pytest.raises(OutOfTime), alarm(0.02):
        try:
            with alarm(60):
                time.sleep(60)
        except OutOfTime:
            time.sleep(60)


def test_after_an_alarm_all_is_quiet() -> None:
    with alarm(0.05), alarm(0.02, memory=1e9):
        pass
    time.sleep(0.1)


def test_memory_is_measured() -> None:
    before = peak()
    block = bytearray(96 << 20)
    block[::4096] = b"x" * len(block[::4096])
    assert resident() > 96 and peak() >= max(before, 96)
    assert 0 < usual_memory() <= 4096


@pytest.mark.parametrize("name", FAST)
def test_budget_20_a_pathological_pair_ends_with_a_reason(name: str) -> None:
    verdict = prove(*PAIRS[name], sizes=SIZES[name], timeout=1.0)
    assert verdict.kind == "UNKNOWN" and verdict.reason
    assert verdict.peak_mib and verdict.to_json()["peak_mib"] == round(verdict.peak_mib)


def test_the_memory_of_a_question_is_kept() -> None:
    verdict = prove(*PAIRS["long_sum"], timeout=20.0, memory=resident())
    assert verdict.kind == "UNKNOWN" and "memory" in verdict.reason


def test_a_call_that_never_returns_to_python_is_ended_from_outside() -> None:
    found = measure("large_by_itself", 60.0, 1024)
    assert found.code == 2 and found.said["verdict"] == "UNKNOWN"
    assert found.said["reason"] == "the memory of 1024 MiB is spent"
    assert 500 < found.peak_mib < 4096
