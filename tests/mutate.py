"""Mutants of Torch programs: small edits of their source, what float64 says of them, and what commute says.

`python -m tests.mutate [--count N] [--seed S] [--timeout T]` runs many and prints every wrong verdict.
To add here: an edit.  Never here: labels (corpus/, bugs/), a prover.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.util
import random
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import torch

import commute
from tests.test_pairs import DRAWS, HERE, SHAPES, annotations, differs, draw, outputs

FILES = [*sorted((HERE / "corpus").glob("*.py")), *sorted((HERE.parent / "examples").glob("*.py"))]
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div)
_COMPARISONS = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.LtE, ast.NotEq: ast.Gt}
_NAMES = {
    "amax": "amin", "amin": "amax", "sum": "mean", "mean": "sum", "max": "min", "min": "max", "exp": "square", "log": "exp",
    "softmax": "log_softmax", "log_softmax": "softmax", "tril": "triu", "triu": "tril", "relu": "abs", "abs": "relu",
    "silu": "gelu", "gelu": "silu", "sigmoid": "tanh", "tanh": "sigmoid", "sqrt": "rsqrt", "rsqrt": "reciprocal",
    "var": "std", "std": "var", "maximum": "minimum", "minimum": "maximum", "logsumexp": "amax", "prod": "sum", "square": "abs",
    "cumsum": "cumprod", "zeros_like": "ones_like", "zeros": "ones", "ones": "zeros", "split": "chunk", "cat": "stack",
    "flip": "fliplr", "sin": "cos", "cos": "sin", "exp2": "exp", "log2": "log", "floor": "ceil", "view": "reshape",
    "repeat_interleave": "repeat", "masked_fill": "masked_fill", "softplus": "relu", "erf": "tanh",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A reference, an edited candidate, and the edit in words."""

    reference: Callable[..., Any]
    candidate: Callable[..., Any]
    edit: str


def edits(function: ast.FunctionDef) -> Iterator[tuple[str, Callable[[ast.FunctionDef], None]]]:
    """Every edit of a function: its words, and what does it to a copy in which nodes stand in the same order."""
    for place, node in enumerate(ast.walk(function)):
        for words, change in _changes(node):
            yield f"line {getattr(node, 'lineno', 0)}: {words}", lambda copied, p=place, do=change: do(_nth(copied, p))


def _nth(tree: ast.AST, place: int) -> Any:
    return next(node for number, node in enumerate(ast.walk(tree)) if number == place)


def _put(**fields: Any) -> Callable[[Any], None]:
    def do(node: Any) -> None:
        for name, value in fields.items():
            setattr(node, name, value)

    return do


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[Any], None]]]:
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield f"{node.value} -> {not node.value}", _put(value=not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        for value in {node.value + 1, node.value - 1, -node.value, node.value * 2} - {node.value}:
            yield f"{node.value} -> {value}", _put(value=value)
    elif isinstance(node, ast.BinOp):
        for op in _OPERATORS:
            if not isinstance(node.op, op) and isinstance(node.op, _OPERATORS):
                yield f"{type(node.op).__name__} -> {op.__name__}", _put(op=op())
        yield f"operands of {type(node.op).__name__} swapped", lambda n: _put(left=n.right, right=n.left)(n)
        yield f"right of {type(node.op).__name__} dropped", lambda n: _put(op=ast.Add(), right=ast.Constant(0))(n)
        if isinstance(node.left, ast.Call) and node.left.args:
            yield "an operation goes into a call", _into
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARISONS:
        yield "strictness", lambda n: _put(ops=[_COMPARISONS[type(n.ops[0])]()])(n)
        yield "comparison turned", lambda n: _put(left=n.comparators[0], comparators=[n.left])(n)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Invert):
        yield "sign dropped", lambda n: n.__setattr__("op", ast.UAdd()) if isinstance(n.op, ast.USub) else _plain(n)
    elif isinstance(node, ast.Attribute) and node.attr in _NAMES:
        yield f"{node.attr} -> {_NAMES[node.attr]}", _put(attr=_NAMES[node.attr])
    elif isinstance(node, ast.Call):
        if len(node.args) > 1:
            yield "first arguments swapped", lambda n: n.args.__setitem__(slice(0, 2), n.args[1::-1])
        for number, word in enumerate(node.keywords):
            yield f"{word.arg} dropped", lambda n, i=number: n.keywords.__delitem__(i)
        if len(node.args) == 1 and isinstance(node.args[0], ast.BinOp):
            yield "an operation leaves a call", _out_of
    elif isinstance(node, ast.Slice):
        if node.lower is not None:
            yield "lower bound dropped", _put(lower=None)
        if node.upper is not None:
            yield "upper bound dropped", _put(upper=None)
    elif isinstance(node, ast.AugAssign):
        yield "an update replaced", lambda n: _put(op=ast.Mult() if isinstance(n.op, ast.Add) else ast.Add())(n)


def _plain(node: ast.UnaryOp) -> None:
    node.operand = ast.UnaryOp(ast.Invert(), node.operand)


def _into(node: ast.BinOp) -> None:
    """f(x) + c becomes f(x + c) + 0."""
    call = node.left
    assert isinstance(call, ast.Call)
    call.args[0] = ast.BinOp(call.args[0], node.op, node.right)
    node.op, node.right = ast.Add(), ast.Constant(0)


def _out_of(node: ast.Call) -> None:
    """f(x + c) becomes f(f'(x)) where the operation comes last: written as f(x) + c by a lambda."""
    inner = node.args[0]
    assert isinstance(inner, ast.BinOp)
    call = ast.Call(node.func, [inner.left], node.keywords)
    node.func = ast.Lambda(ast.arguments([], [], None, [], [], None, []), ast.BinOp(call, inner.op, inner.right))
    node.args, node.keywords = [], []


def mutants(seed: int, folder: Path) -> Iterator[Mutant]:
    """Mutants without end: of both sides of labelled pairs, compared with the reference."""
    source = random.Random(seed)
    modules = [(path, ast.parse(path.read_text()), load(path)) for path in FILES]
    for number in count():
        path, tree, module = source.choice(modules)
        labelled = [p if len(p) == 2 else p[1:3] for p in module.PAIRS if len(p) == 2 or p[3]]
        functions = {f.name: f for f in tree.body if isinstance(f, ast.FunctionDef)}
        reference, victim = source.choice(labelled)
        if source.random() < 0.3:
            victim = reference
        name = getattr(victim, "__name__", "")
        if name not in functions or not hasattr(reference, "__name__"):
            continue
        offered = list(edits(functions[name]))
        if not offered:
            continue
        words, change = source.choice(offered)
        changed = copy.deepcopy(functions[name])
        try:
            change(changed)
            made = ast.fix_missing_locations(ast.Module([n if n is not functions[name] else changed for n in tree.body], []))
            file = folder / f"mutant_{path.stem}_{number}.py"
            file.write_text(ast.unparse(made))
            yield Mutant(reference, getattr(load(file), name), f"{path.name}: {reference.__name__} ~ {name}: {words}")
        except (SyntaxError, ValueError, AttributeError, TypeError, NameError):
            continue


def load(path: Path) -> Any:
    """The module in a file, run anew."""
    name = f"mutated_{path.parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def truth(mutant: Mutant) -> bool | None:
    """Whether float64 tells the two apart; None where the mutant can't be run."""
    hints = annotations(mutant.reference)
    floats = [name for name, hint in hints.items() if "float64" in hint.dtypes]
    ran = False
    for seed, row in enumerate((*SHAPES, (2, 2, 2, 2, 2, 2), (1, 3, 2, 4, 1, 2), (3, 1, 5, 2, 2, 2))):
        for change in DRAWS:
            arguments = draw(hints, row, seed)
            arguments |= {name: change(arguments[name]) for name in floats}
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    if differs(mutant.reference, mutant.candidate, arguments):
                        return True
            except (RuntimeError, TypeError, ValueError, IndexError, AttributeError, AssertionError, NameError):
                if seed == 0:
                    return None
                continue
            ran = True
    return False if ran else None


def confirmed(mutant: Mutant, found: Any) -> bool:
    """Whether a counterexample fails in plain Torch, if only by a little."""
    kinds = [(i.values, getattr(torch, i.dtype) if i.dtype else None) for i in found.inputs.values()]
    inputs = [values if dtype is None else torch.tensor(values, dtype=dtype) for values, dtype in kinds]
    want, got = (outputs(f, dict(enumerate(inputs))) for f in (mutant.reference, mutant.candidate))  # type: ignore[arg-type]
    close = (torch.allclose(g.double(), w.double(), rtol=1e-12, atol=1e-12) for w, g in zip(want, got, strict=True))
    return not all(close)


def judged(mutant: Mutant, timeout: float) -> tuple[str, str]:
    """The verdict on a mutant, and what is wrong with it (nothing where it is right)."""
    apart = truth(mutant)
    if apart is None:
        return "invalid", ""
    try:
        verdict = commute.prove(mutant.reference, mutant.candidate, timeout=timeout)
    except commute.UsageError:
        return "unusable", ""
    wrong = ""
    if verdict.kind in ("PROVED", "CHECKED") and apart:
        wrong = f"{verdict.kind} of programs that differ; {'; '.join(verdict.assumptions)} {verdict.reason}"
    if verdict.kind == "REFUTED" and not apart and not confirmed(mutant, verdict.counterexample):
        wrong = f"REFUTED of programs that agree: {verdict.counterexample}"
    return f"{verdict.kind} {'unequal' if apart else 'equal'}", wrong


def main() -> None:
    """Run mutants and print what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=8.0)
    parser.add_argument("--programs", action="store_true", help="random programs instead of mutants of the corpus")
    options = parser.parse_args()
    if options.programs:
        from tests.fuzz_torch import programs as made
    else:
        made = mutants
    tally: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for mutant in made(options.seed, Path(folder)):
            verdict, wrong = judged(mutant, options.timeout)
            tally[verdict] += 1
            if wrong:
                print(f"WRONG {mutant.edit}\n  {wrong}", flush=True)
            if sum(n for v, n in tally.items() if v != "invalid") >= options.count:
                break
    print(", ".join(f"{v}: {n}" for v, n in sorted(tally.items())))


if __name__ == "__main__":
    main()
