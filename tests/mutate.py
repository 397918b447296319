"""Mutants of Torch programs: small edits of their source, what float64 says of them, and whether a verdict agrees.

A mutant's name says file, function, line, kind and edit, so that it is found again whatever else is edited.  Run many with
`python -m tests.soundness --only mutants`.
To add here: what is wrong about a verdict.  Never here: edits (edits.py), labels (corpus/, bugs/), a prover.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import linecache
import random
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

import commute
from commute.budget import OutOfTime, alarm
from tests.edits import KINDS, Edit, edited, edits
from tests.test_pairs import DRAWS, HERE, SHAPES, annotations, differs, draw, outputs

FOLDERS = (HERE / "corpus", HERE / "bugs", HERE.parent / "examples")
_MORE_SHAPES = [(2, 2, 2, 2, 2, 2), (1, 3, 2, 4, 1, 2), (3, 1, 5, 2, 2, 2), (7, 2, 1, 3, 6, 2)]
_MORE_DRAWS: list[Callable[[Tensor], Tensor]] = [
    lambda x: (2 * x).round() / 2,
    lambda x: -x.abs(),
    lambda x: 0 * x + 1,
    lambda x: x.sort(-1).values if x.dim() else x,
    lambda x: x.sign(),
]
_FAILURES = (RuntimeError, TypeError, ValueError, IndexError, AttributeError, AssertionError, NameError, ZeroDivisionError)


@dataclass(frozen=True)
class Mutant:
    """A reference, an edited candidate, and the edit in words (the mutant's name)."""

    reference: Callable[..., Any]
    candidate: Callable[..., Any]
    edit: str
    kind: str = ""


@dataclass(frozen=True)
class Site:
    """Where a mutant comes from, before it is made: a file, the reference, the function to edit, the edit."""

    path: Path
    reference: str
    function: str
    edit: Edit
    turn: int

    @property
    def name(self) -> str:
        """file, function, line within the function, kind, before -> after; the reference where it is another function."""
        e, against = self.edit, "" if self.reference == self.function else f" against {self.reference}"
        again = f" #{self.turn}" if self.turn else ""
        place = f"{self.path.parent.name}/{self.path.name}: {self.function}{against}, line {e.line}{again}"
        return f"{place}, {e.kind}: {e.before} -> {e.after}"

    def made(self) -> Mutant | None:
        """The mutant; None where the edited source can't be run."""
        module, tree = load(self.path), _functions(self.path)
        try:
            changed = edited(tree[self.function], self.edit)
            text = ast.unparse(changed)
            file = f"<mutant {hashlib.sha256(self.name.encode()).hexdigest()[:16]}>"
            linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
            space = dict(vars(module))
            exec(compile(text, file, "exec"), space)
        except (SyntaxError, *_FAILURES):
            return None
        return Mutant(getattr(module, self.reference), space[self.function], self.name, self.edit.kind)


@cache
def load(path: Path) -> Any:
    """The module in a file."""
    name = f"mutated_{path.parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@cache
def _functions(path: Path) -> dict[str, ast.FunctionDef]:
    return {f.name: f for f in ast.parse(path.read_text()).body if isinstance(f, ast.FunctionDef)}


def sites() -> list[Site]:
    """Every mutant there is: of each reference, and of each candidate that is equal to it; in an order without a pattern."""
    found: dict[str, Site] = {}
    for path in (p for folder in FOLDERS for p in sorted(folder.glob("*.py"))):
        functions = _functions(path)
        turns: Counter[str] = Counter()
        for reference, victim in _victims(load(path)):
            if victim not in functions or reference not in functions:
                continue
            for edit in edits(functions[victim]):
                first = Site(path, reference, victim, edit, 0)
                site = Site(path, reference, victim, edit, turns[first.name])
                turns[first.name] += 1
                found[site.name] = site
    return sorted(found.values(), key=lambda s: hashlib.sha256(s.name.encode()).digest())


def _victims(module: Any) -> list[tuple[str, str]]:
    """(reference, function to edit) by name, each once."""
    found: dict[tuple[str, str], None] = {}
    for row in getattr(module, "PAIRS", ()):
        reference, candidate = row if len(row) == 2 else row[1:3]
        equal = len(row) == 2 or row[3]
        for victim in (reference, candidate) if equal else (reference,):
            if isinstance(reference, FunctionType) and isinstance(victim, FunctionType):
                found[reference.__name__, victim.__name__] = None
    for _, reference, _ in getattr(module, "BUGS", ()):
        if isinstance(reference, FunctionType):
            found[reference.__name__, reference.__name__] = None
    return list(found)


def chosen(number: int) -> list[Site]:
    """So many sites, of every kind as equal a share as there are; the same on every run."""
    every = sites()
    rarest = sorted(KINDS, key=lambda kind: sum(s.edit.kind == kind for s in every))
    taken: list[Site] = []
    for left, kind in zip(range(len(rarest), 0, -1), rarest, strict=True):
        taken += [s for s in every if s.edit.kind == kind][: (number - len(taken)) // left]
    kept = {s.name for s in taken}
    return [s for s in every if s.name in kept]


def mutants(seed: int) -> Iterator[Mutant]:
    """Mutants without end, in a random order."""
    source, every = random.Random(seed), sites()
    while True:
        mutant = source.choice(every).made()
        if mutant is not None:
            yield mutant


# --- truth -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Truth:
    """What float64 says: whether the two were seen to differ, and sizes at which only the reference runs."""

    apart: bool
    fails_at: tuple[int, ...] = ()


def truth(mutant: Mutant) -> Truth | None:
    """What float64 says at many sizes and values; None where the mutant can't be run at all."""
    hints = annotations(mutant.reference)
    floats = [name for name, hint in hints.items() if "float64" in hint.dtypes]
    truths = [name for name, hint in hints.items() if not {"float64", "int64"} & set(hint.dtypes)]
    ran, fails = False, ()
    for seed, row in enumerate((*SHAPES, *_MORE_SHAPES)):
        source = random.Random(seed)
        for number, change in enumerate((*DRAWS, *_MORE_DRAWS, None, None)):
            arguments = draw(hints, row, seed + 100 * (number % 3))
            for name in floats:
                arguments[name] = (change or source.choice((*DRAWS, *_MORE_DRAWS)))(arguments[name])
            if number % 5 == 4:
                arguments |= {name: torch.full_like(arguments[name], number % 2 == 0) for name in truths}
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    if differs(mutant.reference, mutant.candidate, arguments):
                        return Truth(True)
            except _FAILURES:
                if not ran and seed == 0:
                    return None
                fails = fails or (row if _runs(mutant.reference, arguments) else ())
                break
            ran = True
    return Truth(False, fails) if ran else None


def _runs(function: Callable[..., Any], arguments: dict[str, Tensor]) -> bool:
    try:
        outputs(function, arguments)
    except _FAILURES:
        return False
    return True


def confirmed(mutant: Mutant, found: Any) -> bool:
    """Whether a counterexample fails in plain Torch, if only by a little, or the candidate raises there."""
    kinds = [(i.values, getattr(torch, i.dtype) if i.dtype else None) for i in found.inputs.values()]
    inputs = [values if dtype is None else torch.tensor(values, dtype=dtype) for values, dtype in kinds]
    arguments: dict[Any, Tensor] = dict(enumerate(inputs))
    want = outputs(mutant.reference, arguments)
    try:
        got = outputs(mutant.candidate, arguments)
    except _FAILURES:
        return True
    close = (torch.allclose(g.double(), w.double(), rtol=1e-12, atol=1e-12) for w, g in zip(want, got, strict=True))
    return not all(close)


def judged(mutant: Mutant, timeout: float) -> tuple[str, str]:
    """The verdict on a mutant, and what is wrong with it (nothing where it is right)."""
    try:
        with alarm(20.0):
            seen = truth(mutant)
    except OutOfTime:
        seen = None
    if seen is None:
        return "invalid", ""
    try:
        verdict = commute.prove(mutant.reference, mutant.candidate, timeout=timeout)
    except commute.UsageError:
        return "unusable", ""
    except Exception as error:
        return "crashed", f"no verdict: {type(error).__name__} {error}"
    wrong = ""
    if verdict.kind in ("PROVED", "CHECKED") and seen.apart:
        wrong = f"{verdict.kind} of programs that differ; {'; '.join(verdict.assumptions)} {verdict.reason}"
    if verdict.kind in ("PROVED", "CHECKED") and seen.fails_at and not verdict.assumptions:
        wrong = f"{verdict.kind} though the candidate can't be run at {seen.fails_at}, and the verdict says {verdict.sizes}"
    if verdict.kind == "REFUTED" and not confirmed(mutant, verdict.counterexample):
        wrong = f"REFUTED by what doesn't reproduce: {verdict.counterexample}"
    return f"{verdict.kind} {'unequal' if seen.apart else 'equal'}", wrong
