"""Tampered certificates: real ones with one thing changed are rejected, also where their digest is computed anew.

To add here: a way to tamper.  Never here: certificates made up from nothing (test_forgery.py).
"""

import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from commute.theory.law import all_laws, find_law
from commute.theory.schemas import SCHEMAS
from commute.verify.certificate import EVERYWHERE, FORMAT, WHERE_DEFINED, Foreign, check_text, digest
from tests.certified import PROOFS, certificate

Data = dict[str, Any]
SMALL = [p for p in PROOFS if p[0] not in ("attention", "linear_attention")]
FLIPS = 25


def accepted(text: str) -> bool:
    """Whether the checker takes the text for a proof."""
    try:
        return check_text(text).ok
    except Foreign:
        return False


def copy(data: Data) -> Data:
    return json.loads(json.dumps(data))


def resealed(data: Data) -> Data:
    """The data with the list of laws and the digest that fit it, as a forger would leave it."""
    used = {step[0] for path in data["paths"] for step in path["steps"] if len(step) == 4}
    for name in used - set(data["laws"]):
        data["laws"][name] = find_law(name).digest
    data["laws"] = {name: mark for name, mark in sorted(data["laws"].items()) if name in used}
    return {**data, "digest": digest(data)}


def steps(data: Data) -> Iterator[tuple[Data, int, list[Any]]]:
    """Each step, in a copy of its own: the copy, its number, the step to be changed."""
    for case, path in enumerate(data["paths"]):
        for number in range(len(path["steps"])):
            changed = copy(data)
            yield changed, number, changed["paths"][case]["steps"]


def removed_steps(data: Data) -> Iterator[Data]:
    for changed, number, listed in steps(data):
        del listed[number]
        yield changed


def late_steps(data: Data) -> Iterator[Data]:
    """A step on whose equation a witness leans comes after it."""
    for changed, number, listed in steps(data):
        if len(listed[number]) == 4 and listed[number][3] and number:
            listed.insert(0, listed.pop(number))
            if listed != data["paths"][0]["steps"] and any(w not in [t for _, t in listed[0][1]] for w in listed[0][3]):
                yield changed


def other_laws(data: Data) -> Iterator[Data]:
    """Another law with the same parameters under the same substitution."""
    for changed, number, listed in steps(data):
        if len(listed[number]) == 4:
            law = find_law(listed[number][0])
            for other in all_laws():
                same = (other.holes, len(other.axes), len(other.where)) == (law.holes, len(law.axes), len(law.where))
                if other is not law and same and {other.lhs, other.rhs} != {law.lhs, law.rhs}:
                    listed[number][0] = other.name
                    yield changed
                    break


def other_substitutions(data: Data) -> Iterator[Data]:
    """Another term for one hole of a law: an index of an axis, which no law of these proofs is about."""
    for changed, number, listed in steps(data):
        if len(listed[number]) == 4 and listed[number][1]:
            filling = listed[number][1][number % len(listed[number][1])]
            filling[1] = next(p for p, row in enumerate(data["terms"]) if row[0] == "axis")
            if filling != data["paths"][0]["steps"][number][1][number % len(listed[number][1])]:
                yield changed


def other_axes(data: Data) -> Iterator[Data]:
    for changed, number, listed in steps(data):
        if len(listed[number]) == 4 and listed[number][2]:
            listed[number][2][0][1][1] += 7
            yield changed


def other_witnesses(data: Data) -> Iterator[Data]:
    """A witness that shows the predicate and isn't the term that it stands for; a dropped one; one too many."""
    one = next((i for i, row in enumerate(data["terms"]) if row == ["const", [], ["1"]]), None)
    for changed, number, listed in steps(data):
        if len(listed[number]) == 4:
            if listed[number][3] and one is not None:
                listed[number][3][0] = one
                yield copy(changed)
            if listed[number][3]:
                listed[number][3].pop()
                yield changed
            elif listed[number][1]:
                listed[number][3].append(listed[number][1][0][1])
                yield changed


def wrong_results(data: Data) -> Iterator[Data]:
    """A computed step that claims another right side."""
    for changed, number, listed in steps(data):
        if len(listed[number]) == 3:
            listed[number][2] = next(p for p in range(len(data["terms"])) if p not in listed[number][1:])
            yield changed


def other_schemas(data: Data) -> Iterator[Data]:
    for changed, number, listed in steps(data):
        if len(listed[number]) == 3:
            name = listed[number][0]
            listed[number][0] = "select_index" if name != "select_index" else "rename"
            assert listed[number][0] in SCHEMAS
            yield changed


def other_goals(data: Data) -> Iterator[Data]:
    """One end is another term."""
    for case, path in enumerate(data["paths"]):
        for goal, ends in enumerate(path["goals"]):
            for side in (0, 1):
                for place in random.Random(case).sample(range(len(data["terms"])), min(6, len(data["terms"]))):
                    if place not in ends:
                        changed = copy(data)
                        changed["paths"][case]["goals"][goal][side] = place
                        yield changed


def other_forms(data: Data) -> Iterator[Data]:
    """Entries that are missing, unknown, or of another kind."""
    for key in data:
        yield {k: v for k, v in data.items() if k != key}
    yield {**data, "note": "trust me"}
    yield {**data, "format": FORMAT + "0"}
    yield {**data, "where": "almost everywhere"}
    yield {**data, "paths": []}
    yield {**data, "paths": [{**data["paths"][0], "goals": []}]}
    yield {**data, "paths": [{**data["paths"][0], "checked": True}]}
    yield {**data, "terms": data["terms"][::-1]}
    for given in ({"nobody": 4}, {"x": 0}, {"x": 7}, {"x": 8}, {"x": -1}, {"x": "4"}, {"x": 4.0}, {"x": True}, []):
        yield {**data, "given": given}


def forged_laws(data: Data) -> Iterator[Data]:
    """A law under another digest, an unknown law, a law too many, a law too few."""
    for name, mark in data["laws"].items():
        yield {**data, "laws": {**data["laws"], name: mark[::-1]}}
        yield {**data, "laws": {k: v for k, v in data["laws"].items() if k != name}}
    yield {**data, "laws": {**data["laws"], "all_is_one": "0" * 24}}
    unused = next(law for law in all_laws() if law.name not in data["laws"])
    yield {**data, "laws": {**data["laws"], unused.name: unused.digest}}


WAYS = [
    removed_steps, late_steps, other_laws, other_substitutions, other_axes, other_witnesses, wrong_results, other_schemas,
    other_goals,
]  # fmt: skip
UNSEALED = [other_forms, forged_laws]
"""Ways that change the list of laws or the form: only the digest is made to fit."""

COUNT: Counter[str] = Counter()


@pytest.mark.parametrize("way", [*WAYS, *UNSEALED])
@pytest.mark.parametrize("proof", SMALL, ids=lambda p: f"{p[0]}-{p[2]}")
def test_it_is_rejected(proof: tuple[str, str, str], way: Any) -> None:
    data = certificate(*proof)
    for number, changed in enumerate(way(data)):
        if way is not other_forms:
            assert not accepted(json.dumps(changed)), f"{way.__name__} {number}, with the old digest"
        fitting = resealed(changed) if way in WAYS else {**changed, "digest": digest(changed)}
        if way is other_forms and number == list(data).index("digest"):
            fitting = changed
        assert not accepted(json.dumps(fitting)), f"{way.__name__} {number}, with a new digest"
        COUNT[way.__name__] += 1


@pytest.mark.parametrize("proof", PROOFS[:2], ids=lambda p: p[0])
def test_a_removed_step_of_a_long_proof_is_missed(proof: tuple[str, str, str]) -> None:
    data = certificate(*proof)
    for changed in list(removed_steps(data))[::7]:
        assert not accepted(json.dumps(resealed(changed)))


@pytest.mark.parametrize("proof", PROOFS, ids=lambda p: f"{p[0]}-{p[2]}")
def test_a_flipped_bit_is_seen(proof: tuple[str, str, str]) -> None:
    text = json.dumps(certificate(*proof), indent=1).encode()
    chance = random.Random(f"{proof}")
    for _ in range(FLIPS):
        place, bit = chance.randrange(len(text)), 1 << chance.randrange(8)
        changed = text[:place] + bytes([text[place] ^ bit]) + text[place + 1 :]
        assert not accepted(changed.decode("utf-8", errors="replace")), f"bit {bit} of byte {place}"


@pytest.mark.parametrize("proof", PROOFS, ids=lambda p: f"{p[0]}-{p[2]}")
def test_a_truncated_or_doubled_text_is_rejected(proof: tuple[str, str, str]) -> None:
    text = json.dumps(certificate(*proof))
    for changed in (text[:-1], text[: len(text) // 2], text + text, text[:-1] + ', "given": {}}', text + "}"):
        assert not accepted(changed)


def test_what_is_given_can_t_be_dropped() -> None:
    data = certificate("certified", "scaled", "unscaled")
    assert data["given"] == {"y": 4}
    for given in ({}, {"y": 6}, {"y": 2}, {"x": 4}):
        assert not accepted(json.dumps(resealed({**data, "given": given})))


def test_where_can_t_be_widened() -> None:
    data = certificate("certified", "divided", "undivided")
    assert data["where"] == WHERE_DEFINED
    assert not accepted(json.dumps(resealed({**data, "where": EVERYWHERE})))


def test_the_direction_matters_where_the_reference_is_defined() -> None:
    data = certificate("certified", "divided", "undivided")
    data["paths"][0]["goals"] = [goal[::-1] for goal in data["paths"][0]["goals"]]
    assert not accepted(json.dumps(resealed(data)))


def test_there_are_enough_of_them() -> None:
    """Counts what the tests above tried, where they all ran in this process."""
    if len(COUNT) == len([*WAYS, *UNSEALED]):
        assert sum(COUNT.values()) >= 250, COUNT
