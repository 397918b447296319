"""The hunt for a false verdict, at length: `make soundness`, or `python -m tests.soundness --help`.

Parts run in two processes and print one table; any false verdict fails the run.  Truth comes from float64 and exact values at
many sizes (mutate.py, fuzz_truth.py), never from commute's own refuter.
To add here: another part (one row of PARTS).  Never here: how mutants, programs or terms are made.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import random
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path

from commute.proof import deep_recursion, prove_cases
from commute.theory.facts import NEG, NIL, POS
from commute.theory.terms import Term
from commute.verify.certificate import EVERYWHERE

TABLE = Path(__file__).parent / "undecided_mutants.tsv"
TIMEOUT = 3.0
"""Seconds for a verdict on a mutant or a program."""
PROGRESS = 25
"""A line on stderr after so many pieces."""
MANY = 60
"""Draws for a pair that no prover joined: values at which the second term alone is undefined are rare (1/(x - 2))."""
RENEWED = 40
"""Pieces that a process works on: it keeps every term that it met, and half an hour of them is gigabytes."""

Pair = tuple[Term, Term]


@dataclass
class Outcome:
    """What one piece of a part found: verdicts counted, what is wrong, and lines worth keeping."""

    tally: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    notes: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Take in another outcome."""
        self.tally += other.tally
        self.wrong += other.wrong
        self.notes += other.notes


def judge_pair(pair: Pair, seed: int, saturate: bool) -> tuple[bool, str]:
    """Whether a pair of terms was proved, and what is wrong about that."""
    from tests.fuzz_terms import ARRAYS
    from tests.fuzz_truth import falsified

    source = random.Random(seed)
    masks = (POS, POS | NIL, POS | NEG)
    given = {} if source.random() < 0.6 else {name: source.choice(masks) for name, row in ARRAYS.items() if row[0] == "real"}
    proof = prove_cases([("", [pair])], given, {}, seconds=1.0 if saturate else 0.4, saturate=saturate)
    if proof.certificate is None:
        return False, ""
    wrong = falsified(*pair, proof.where == EVERYWHERE, proof.certificate["given"], seed)
    return True, f"{pair[0]} = {pair[1]} was proved {proof.where}, given {given}: {wrong}" if wrong else ""


# --- parts: each piece is (seed or place, how many) -----------------------------------------------------------------


def mutants(start: int, number: int, total: int) -> Outcome:
    """Mutants of the corpus, the bugs and the examples."""
    from tests.mutate import judged

    out, decided = Outcome(), decisions()
    for site in _sites(total)[start : start + number]:
        mutant = site.made()
        verdict, wrong = judged(mutant, TIMEOUT) if mutant is not None else ("invalid", "")
        out.tally[verdict] += 1
        out.tally[f"kind {site.edit.kind}"] += verdict not in ("invalid", "unusable")
        decision = decided.get(site.name)
        if decision == "differs" and verdict.startswith(("PROVED", "CHECKED")) or decision == "equal" and "REFUTED" in verdict:
            wrong = wrong or f"{verdict}, but decided by hand: {decision}"
        if wrong:
            out.wrong.append(f"{site.name}\n    {wrong}")
        if verdict.endswith(" equal") and not verdict.startswith("REFUTED"):
            out.notes.append((site.name, verdict.split()[0]))
    return out


@cache
def _sites(total: int):
    from tests.mutate import chosen

    return chosen(total)


@cache
def decisions() -> dict[str, str]:
    """Mutants that float64 can't tell apart, by name, and what was decided by hand: equal or differs."""
    with TABLE.open(newline="") as file:
        return {row["mutant"]: row["decision"] for row in csv.DictReader(file, delimiter="\t")}


def programs(start: int, number: int, total: int) -> Outcome:
    """Random Torch programs against near copies."""
    from tests.fuzz_torch import programs as made
    from tests.mutate import judged

    out = Outcome()
    with tempfile.TemporaryDirectory() as folder:
        for mutant in islice(made(start, Path(folder)), number):
            verdict, wrong = judged(mutant, TIMEOUT)
            out.tally[verdict] += 1
            out.wrong += [f"{mutant.edit}\n    {wrong}"] if wrong else []
    return out


def edits(start: int, number: int, total: int) -> Outcome:
    """Pairs of terms that are nearly equal: laws without their conditions, wrong neighbours, edits."""
    from tests.fuzz_terms import pairs

    out = Outcome()
    for i, pair in enumerate(islice(pairs(start * 1000), number)):
        proved, wrong = judge_pair(pair, start + i, saturate=i % 400 == 0)
        out.tally["proved" if proved else "not proved"] += 1
        out.wrong += [wrong] if wrong else []
    return out


def laws(start: int, number: int, total: int) -> Outcome:
    """Pairs made by up to six laws, equal by construction; half as many again with one edit after that."""
    from tests.fuzz_steps import STEPS, walk
    from tests.fuzz_terms import Grammar, edited
    from tests.fuzz_truth import falsified

    out = Outcome()
    for i in range(start, start + number):
        grammar, steps = Grammar(random.Random(f"laws {i}")), 1 + i % STEPS
        made = walk(grammar, steps)
        if made is None:
            continue
        proved, wrong = _walked((made.start, made.end), i)
        if not proved and (lost := falsified(made.start, made.end, True, {}, i, draws=MANY)):
            out.tally["less defined"] += 1
            wrong = "" if "undefined" in lost else f"a law is false: {made.laws}: {made.start} = {made.end}: {lost}"
        else:
            out.tally[f"{steps} steps"] += 1
            out.tally[f"{steps} steps proved"] += proved
            out.notes += [] if proved else [(name.lstrip("-"), f"{made.start} = {made.end}") for name in set(made.laws)]
        out.wrong += [wrong] if wrong else []
        if i % 2:
            other = edited(made.end, grammar)
            if other is not made.start and other.sort == made.start.sort:
                proved, wrong = judge_pair((made.start, other), i, saturate=False)
                out.tally["edited, proved" if proved else "edited, not proved"] += 1
                out.wrong += [wrong] if wrong else []
    return out


def _walked(pair: Pair, seed: int) -> tuple[bool, str]:
    """Whether a pair made by laws is proved, and what is wrong about that."""
    from tests.fuzz_truth import falsified

    proof = prove_cases([("", [pair])], {}, {}, seconds=0.8, saturate=False)
    if not proof:
        return False, ""
    wrong = falsified(*pair, proof.where == EVERYWHERE, {}, seed, draws=3)
    return True, f"{pair[0]} = {pair[1]} was proved {proof.where}: {wrong}" if wrong else ""


def classes(start: int, number: int, total: int) -> Outcome:
    """Classes of saturated e-graphs: their members agree in float64 and exactly."""
    from tests.fuzz_classes import hunt

    tally = hunt(number, start, corpus=total > 1000)
    return Outcome(Counter({"classes": tally.classes}), [str(each) for each in tally.wrong])


@dataclass(frozen=True)
class Part:
    """A part of the hunt: its work, how much of it at length and in a sample, and how much a piece holds."""

    work: Callable[[int, int, int], Outcome]
    full: int
    sample: int
    piece: int


PARTS = {
    "mutants": Part(mutants, 5200, 240, 20),
    "programs": Part(programs, 400, 30, 10),
    "edits": Part(edits, 52_000, 1500, 500),
    "laws": Part(laws, 33_000, 1500, 300),
    "classes": Part(classes, 10_000, 300, 150),
}


def _piece(name: str, start: int, number: int, total: int) -> tuple[str, Outcome, float]:
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    began = time.process_time()
    with deep_recursion():
        out = PARTS[name].work(start, number, total)
    return name, out, time.process_time() - began


def run(names: list[str], sample: bool, seed: int, factor: float, workers: int) -> dict[str, tuple[Outcome, float]]:
    """Run parts in so many processes; what each found (until Ctrl-C, if need be) and its seconds of CPU."""
    found = {name: (Outcome(), 0.0) for name in names}
    pieces = _pieces(names, sample, seed, factor)
    with multiprocessing.get_context("spawn").Pool(workers, maxtasksperchild=RENEWED) as pool:
        try:
            for done, (name, out, seconds) in enumerate(pool.imap_unordered(_starred, pieces), 1):
                before, spent = found[name]
                before.add(out)
                found[name] = before, spent + seconds
                for each in out.wrong:
                    print(f"WRONG {name}: {each}", flush=True)
                if done % PROGRESS == 0:
                    print(f"{done}/{len(pieces)} pieces", file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            print("interrupted; what was found until then:")
    return found


def _starred(arguments: tuple[str, int, int, int]) -> tuple[str, Outcome, float]:
    return _piece(*arguments)


def _pieces(names: list[str], sample: bool, seed: int, factor: float) -> list[tuple[str, int, int, int]]:
    """The pieces of all parts, side by side, so that what is found until Ctrl-C is of every part."""
    placed = []
    for name in names:
        part = PARTS[name]
        total = int((part.sample if sample else part.full) * factor)
        offset = 0 if name == "mutants" else seed * 10_000_000
        for start in range(0, total, part.piece):
            placed.append((start / total, (name, offset + start, min(part.piece, total - start), total)))
    return [piece for _, piece in sorted(placed, key=lambda each: each[0])]


# --- the report ------------------------------------------------------------------------------------------------------


def report(name: str, out: Outcome, seconds: float) -> None:
    """The figures of one part."""
    plain = {k: v for k, v in sorted(out.tally.items()) if not k.startswith("kind ") and " steps" not in k}
    print(f"{name:9} {seconds:7.0f} s CPU   wrong {len(out.wrong)}   " + ", ".join(f"{k} {v}" for k, v in plain.items()))
    if name == "mutants":
        kinds = {k.removeprefix("kind "): v for k, v in out.tally.items() if k.startswith("kind ")}
        print(f"{'':9} {sum(kinds.values())} ran: " + ", ".join(f"{k} {v}" for k, v in sorted(kinds.items())))
        new = sorted(n for n in set(out.notes) if n[0] not in decisions())
        print(f"{'':9} {len(out.notes)} can't be told apart, {len(new)} of them not in {TABLE.name}")
        print("".join(f"{'':11}{verdict} {mutant}\n" for mutant, verdict in new), end="")
    if name == "laws":
        rows = [(n, out.tally[f"{n} steps"], out.tally[f"{n} steps proved"]) for n in range(1, 7)]
        print(f"{'':9} proved by steps: " + ", ".join(f"{n}: {p}/{t} = {p / max(1, t):.1%}" for n, t, p in rows))
        every, proved = sum(t for _, t, _ in rows), sum(p for _, _, p in rows)
        print(f"{'':9} proved in all: {proved}/{every} = {proved / max(1, every):.2%}")
        missed = Counter(n for n, _ in out.notes).most_common(12)
        print(f"{'':9} laws in misses: " + ", ".join(f"{law} {n}" for law, n in missed))


def main() -> int:
    """Run, print the table; 1 where a verdict was false."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", action="store_true", help="about two minutes on two cores instead of less than thirty")
    parser.add_argument("--only", choices=sorted(PARTS), action="append")
    parser.add_argument("--seed", type=int, default=0, help="other terms and programs (mutants are the same for all)")
    parser.add_argument("--times", type=float, default=1.0, help="so many times the work")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells let what they start in the background ignore it
    began = time.monotonic()
    found = run(options.only or list(PARTS), options.sample, options.seed, options.times, options.workers)
    for name, (out, seconds) in found.items():
        report(name, out, seconds)
    wrong = sum(len(out.wrong) for out, _ in found.values())
    print(f"{time.monotonic() - began:.0f} s in all, {wrong} false verdict{'' if wrong == 1 else 's'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
