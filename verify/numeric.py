"""Run Torch functions in float64 on concrete inputs, and tie a lifted term to the function that it came from.

Casts inside a function to a lower precision are read as float64: the question is what the algorithm computes over the
reals.  To add here: ways of running a function.  Never here: search for counterexamples (`refute.py`), judgements on proofs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from commute.theory.axes import Axis
from commute.theory.terms import Term
from commute.verify.coverage import marks
from commute.verify.draws import KINDS, Array, draw_inputs
from commute.verify.evaluate import BudgetExceeded, Unsupported, evaluate
from commute.verify.inputs import SCALAR, Assume, InputSpec, size_rows

__all__ = ["KINDS", "Failure", "LiftCheck", "agrees_with_lift", "draw_inputs", "run", "to_torch"]

Function = Callable[..., Any]

PRECISIONS = (torch.float64, torch.float32)
"""A program that raises in both of these doesn't raise for want of a dtype."""

FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
"""The narrow formats of `formats.py`, as Torch calls them."""
_CASTS = {torch.Tensor.float, torch.Tensor.double, torch.Tensor.half, torch.Tensor.bfloat16}


Result = torch.Tensor
"""What a program returns; other files of this room speak of it without knowing Torch."""


@dataclass(frozen=True)
class Failure:
    """A function raised: what, in one line."""

    text: str


class _OnePrecision(TorchFunctionMode):
    """Every float dtype named inside becomes `dtype`."""

    def __init__(self, dtype: torch.dtype):
        super().__init__()
        self.dtype = dtype

    def _put(self, value: Any) -> Any:
        return self.dtype if isinstance(value, torch.dtype) and value in FLOATS else value

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _CASTS:
            return args[0].to(self.dtype)
        return func(*map(self._put, args), **{k: self._put(v) for k, v in (kwargs or {}).items()})


def to_torch(
    specs: Sequence[InputSpec], inputs: Mapping[str, Array], dtype: torch.dtype = torch.float64
) -> dict[str, Any]:
    """The inputs as fresh tensors, reals in `dtype`; what is passed as a number stays one."""
    result: dict[str, Any] = {}
    for spec in specs:
        value = inputs[spec.name]
        if spec.passing == SCALAR:
            result[spec.name] = np.asarray(value).item()
        elif spec.sort == "real":
            result[spec.name] = torch.tensor(np.asarray(value, dtype=np.float64), dtype=dtype)
        else:
            result[spec.name] = torch.tensor(value, dtype=getattr(torch, spec.dtype) if spec.sort == "int" else None)
    return result


def run(
    function: Function,
    specs: Sequence[InputSpec],
    inputs: Mapping[str, Array],
    dtype: torch.dtype = torch.float64,
) -> list[torch.Tensor] | Failure:
    """What the function returns on copies of the inputs, as a list of tensors, with every real in `dtype`."""
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(dtype)
        with torch.no_grad(), warnings.catch_warnings(), _OnePrecision(dtype):
            warnings.simplefilter("ignore")
            result = function(**to_torch(specs, inputs, dtype))
    except Exception as error:
        return Failure(f"{type(error).__name__}: {' '.join(str(error).split())}")
    finally:
        torch.set_default_dtype(before)
    parts = list(result) if isinstance(result, tuple | list) else [result]
    return [p if isinstance(p, torch.Tensor) else torch.tensor(p) for p in parts]


def raised(function: Function, specs: Sequence[InputSpec], inputs: Mapping[str, Array], dtype: torch.dtype) -> str:
    """What a function raises at these inputs as it stands, nothing of Torch being changed, in one line; "" where it runs."""
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function(**to_torch(specs, inputs, dtype))
    except Exception as error:
        return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    return ""


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread: the tensors that are tried are small, and on a busy machine threads wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def as_array(tensor: torch.Tensor) -> Array:
    """A result as a NumPy array, reals in float64."""
    tensor = tensor.detach()
    return (tensor.double() if tensor.is_floating_point() else tensor).numpy()


def error_estimate(
    function: Function, specs: Sequence[InputSpec], inputs: Mapping[str, Array], results: Sequence[torch.Tensor]
) -> list[Array]:
    """An estimate of each element's float64 error: its scale, and how far a float32 run is off, scaled down."""
    coarse = run(function, specs, inputs, torch.float32)
    errors = []
    for i, result in enumerate(results):
        fine = as_array(result).astype(np.float64)
        size = np.where(np.isfinite(fine), np.abs(fine), 0.0)
        error = 2.0**-46 * np.maximum(size, max(1e-3 * size.max(initial=0.0), 1.0))
        if not isinstance(coarse, Failure) and coarse[i].shape == result.shape:
            with np.errstate(all="ignore"):
                off = np.abs(fine - as_array(coarse[i]).astype(np.float64))
            error = error + np.where(np.isfinite(off), off, 0.0) * 2.0**-25
        errors.append(error)
    return errors


@dataclass(frozen=True)
class LiftCheck:
    """Whether lifted terms and their function agree, at which rows of sizes, and if not, where.

    `raises`: it doesn't run; `able`: nothing was too large to be tried.
    """

    agrees: bool
    reason: str
    rows: tuple[Mapping[str, int], ...]
    raises: bool = False
    able: bool = True

    def __bool__(self) -> bool:
        return self.agrees


_TIED = ("normal", "small", "large", "twenty", "ties", "masked")
"""The kinds of draws on which a lift is compared; softplus is linear past 20."""

_CANCELLED = 2.0**-36
"""What cancellation may leave of an error where scores are large, beyond the estimate; softplus at 20 is off by 2^-29."""

LOOSE = 32.0
"""How many times the estimated error a lifted term may be off."""


def agrees_with_lift(
    function: Function,
    terms: Sequence[Term],
    axes: Sequence[Sequence[Axis]],
    specs: Sequence[InputSpec],
    symbols: Sequence[str],
    *,
    fixed_sizes: Mapping[str, int] | None = None,
    assume: Assume | None = None,
    constraints: Callable[[Mapping[str, int]], bool] | None = None,
    seed: int = 0,
) -> LiftCheck:
    """Compare lifted `terms` (one a result, over `axes`) with the function in float64 at several rows of sizes.

    One row has each size 1 (where that is allowed), one draw has large magnitudes.  Elements that aren't finite on a side
    are not compared, but a term may not have a value where the function is NaN, unless that may be overflow; a row in which
    none is compared doesn't count, and without three comparisons nothing agrees.
    """
    rng = np.random.default_rng(seed)
    rows = size_rows(symbols, specs, fixed=fixed_sizes, constraints=constraints, count=4, marks=marks(terms))
    if not rows:
        return LiftCheck(False, "inputs of these sizes are too large", (), able=False)
    compared, used = 0, []
    for row in rows:
        for kind in _TIED:
            inputs = draw_inputs(specs, row, kind, rng, assume)
            got = run(function, specs, inputs)
            if isinstance(got, Failure):
                return LiftCheck(False, f"{got.text} at {_words(row)}", tuple(used), raises=True)
            try:
                lifted = evaluate(terms, row, inputs, axes, strict=True)
            except (BudgetExceeded, Unsupported) as error:
                return LiftCheck(False, f"the lifted term can't be evaluated: {error}", tuple(used), able=False)
            large = kind in ("large", "twenty")
            errors = [e + (_CANCELLED if large else 0.0) for e in error_estimate(function, specs, inputs, got)]
            problem, elements = _compare(got, lifted, errors, overflows=large)
            if problem:
                return LiftCheck(False, f"at {_words(row)}, {kind} values: {problem}", tuple(used))
            compared += elements > 0
        used.append(row)
    if compared < 3:
        return LiftCheck(False, "no three draws gave finite values to compare", tuple(used))
    return LiftCheck(True, "", tuple(used))


def _words(row: Mapping[str, int]) -> str:
    return ", ".join(f"{k} = {v}" for k, v in row.items()) or "no sizes"


def _compare(
    got: Sequence[torch.Tensor], lifted: Sequence[Array], errors: Sequence[Array], *, overflows: bool
) -> tuple[str, int]:
    if len(got) != len(lifted):
        return f"{len(got)} results, {len(lifted)} lifted", 0
    elements = 0
    for number, (tensor, value) in enumerate(zip(got, lifted, strict=True)):
        want, have = as_array(tensor), np.asarray(value)
        if want.shape != have.shape:
            return f"result {number} has shape {want.shape}, lifted {have.shape}", elements
        want, have = want.astype(np.float64), have.astype(np.float64)
        finite = np.isfinite(want) & np.isfinite(have)
        lost = np.isnan(want) & np.isfinite(have)
        if lost.any() and not overflows:
            at = np.unravel_index(int(lost.argmax()), lost.shape)
            return f"result {number} at {tuple(map(int, at))} is NaN by the function, {float(have[at])!r} lifted", elements
        if not finite.any():
            continue
        elements += int(finite.sum())
        gap = np.abs(np.where(finite, want, 0.0) - np.where(finite, have, 0.0)) / (LOOSE * errors[number])
        if gap.max() > 1:
            at = np.unravel_index(int(gap.argmax()), gap.shape)
            place = f"result {number} at {tuple(map(int, at))}"
            return f"{place} is {float(want[at])!r} by the function, {float(have[at])!r} lifted", elements
    return "", elements
