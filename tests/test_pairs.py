"""The labels of tests/corpus, tests/bugs and examples are true: each pair is run in float64, without any prover.

Equal pairs must agree at several sizes wherever the reference is defined; unequal ones must differ visibly somewhere.
Labels are ground truth for the whole project, so nothing here may depend on commute's own machinery.
"""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import pytest
import torch
from torch import Tensor

HERE = Path(__file__).parent
SHAPES = [(3, 2, 4, 5, 2, 3), (2, 3, 3, 2, 4, 3), (1, 1, 1, 1, 1, 1), (5, 4, 2, 3, 3, 1), (4, 4, 4, 4, 4, 4)]
DRAWS: list[Callable[[Tensor], Tensor]] = [
    lambda x: x,
    lambda x: 10 * x,
    lambda x: x.round(),
    lambda x: 30 * x.round(),
    lambda x: 0 * x,
    lambda x: 0.01 * x,
    lambda x: x.abs(),
]


def load(path: Path) -> ModuleType:
    """The module in a file, under a name that no other test uses."""
    name = f"pairs_{path.parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = sys.modules.setdefault(name, importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module


def pairs() -> Iterator[Any]:
    """Every labelled pair of the corpus, the bugs and the examples."""
    for path in sorted((HERE / "corpus").glob("*.py")):
        for name, reference, candidate, equal in load(path).PAIRS:
            yield pytest.param(reference, candidate, equal, id=f"{path.stem}: {name}")
    for path in sorted((HERE / "bugs").glob("*.py")):
        for name, reference, candidate in load(path).BUGS:
            yield pytest.param(reference, candidate, False, id=f"bug: {name}")
    for path in sorted((HERE.parent / "examples").glob("*.py")):
        for reference, candidate in load(path).PAIRS:
            yield pytest.param(reference, candidate, True, id=f"example: {path.stem}, {candidate.__name__}")


def annotations(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotated arguments of a function or a module."""
    body = function.forward if isinstance(function, torch.nn.Module) else function
    return {name: hint for name, hint in get_type_hints(body).items() if name != "return" and hasattr(hint, "dim_str")}


def draw(hints: dict[str, Any], row: tuple[int, ...], seed: int) -> dict[str, Tensor]:
    """Random arguments: sizes by order of appearance, integers in the range of the smallest axis they could index."""
    torch.manual_seed(seed)
    sizes: dict[str, int] = {}
    for hint in hints.values():
        for word in hint.dim_str.replace("*", " ").replace("+", " ").replace("-", " ").split():
            if word.isidentifier():
                sizes.setdefault(word, row[len(sizes) % len(row)])

    def shape(hint: Any) -> list[int]:
        return [eval(word, {}, sizes) for word in hint.dim_str.split()]

    arguments = {}
    for name, hint in hints.items():
        if "int64" in hint.dtypes:
            own = set(hint.dim_str.split())
            others = [h.dim_str.split() for h in hints.values() if "float64" in h.dtypes]
            limit = min(eval(word, {}, sizes) for words in others for word in words if word not in own)
            arguments[name] = torch.randint(limit, shape(hint))
        elif "float64" in hint.dtypes:
            arguments[name] = torch.randn(shape(hint), dtype=torch.float64)
        else:
            arguments[name] = torch.rand(shape(hint)) < 0.6
    return arguments


def outputs(function: Callable[..., Any], arguments: dict[str, Tensor]) -> list[Tensor]:
    """What a function returns, as a list, on copies of its arguments."""
    with torch.no_grad():
        result = function(*(value.clone() for value in arguments.values()))
    return list(result) if isinstance(result, tuple | list) else [result]


def differs(reference: Callable[..., Any], candidate: Callable[..., Any], arguments: dict[str, Tensor]) -> bool:
    """Whether the two differ visibly where the reference is defined; large inputs may overflow and cancel."""
    large = any(value.is_floating_point() and bool((value.abs() > 8).any()) for value in arguments.values())
    for left, right in zip(outputs(reference, arguments), outputs(candidate, arguments), strict=True):
        assert left.shape == right.shape, f"{tuple(left.shape)} against {tuple(right.shape)}"
        defined = left.isfinite() & right.isfinite() if large else left.isfinite()
        if not torch.allclose(left[defined].double(), right[defined].double(), rtol=1e-7, atol=1e-4 if large else 1e-9):
            return True
    return False


@pytest.mark.filterwarnings("ignore:var.*degrees of freedom:UserWarning")
@pytest.mark.parametrize(("reference", "candidate", "equal"), list(pairs()))
def test_label(reference: Callable[..., Any], candidate: Callable[..., Any], equal: bool) -> None:
    hints = annotations(reference)
    floats = [name for name, hint in hints.items() if "float64" in hint.dtypes]
    assert hints, "the reference has no annotations"
    seen = False
    for seed, row in enumerate(SHAPES):
        for change in DRAWS:
            arguments = draw(hints, row, seed)
            arguments |= {name: change(arguments[name]) for name in floats}
            try:
                difference = differs(reference, candidate, arguments)
            except ValueError:  # F.group_norm refuses a single value a group
                continue
            if equal:
                assert not difference, {name: tuple(value.shape) for name, value in arguments.items()}
            elif difference:
                return
            seen = True
    assert equal and seen, "labelled unequal, but no input tells them apart"
