"""A lifted program against its own function: results cut into the blocks that the lift has, so that they can be compared.

The lift is part of every claim (SOUNDNESS 14), so `agrees` compares each program with its function on every path.
To add here: ways of lining up tensors with blocks.  Never here: evaluation or tolerance (`verify/`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from commute.lowering.lifted import Lifted, Path
from commute.theory.axes import Axis, Size
from commute.theory.terms import Term
from commute.verify.evaluate import evaluate
from commute.verify.inputs import InputSpec
from commute.verify.numeric import LiftCheck, agrees_with_lift


def sizes_from(specs: Sequence[InputSpec], inputs: Mapping[str, Any]) -> dict[str, int]:
    """The sizes of symbols that the shapes of inputs say; ValueError where they contradict the specs."""
    known: dict[str, Size] = {}
    equations = [
        (s, int(d)) for spec in specs for s, d in zip(spec.shape, getattr(inputs[spec.name], "shape", ()), strict=True)
    ]
    while True:
        before = len(known)
        for size, value in equations:
            rest = size.put(known)
            if len(rest.symbols) == 1:
                name = next(iter(rest.symbols))
                known[name] = Size(_solved(rest, name, value))
            elif not rest.symbols and rest != Size(value):
                raise ValueError(f"an axis of size {size} = {rest} has {value} elements")
        if len(known) == before:
            return {name: size.constant or 0 for name, size in known.items()}


def _solved(size: Size, name: str, value: int) -> int:
    for guess in range(1, value + 2):
        if size.at({name: guess}) == value:
            return guess
    raise ValueError(f"an axis of size {size} has {value} elements")


def pieces(lifted: Lifted, place: int, path: Path) -> Callable[..., list[torch.Tensor]]:
    """The function of program `place`, its results cut into the blocks of a path, each over its axes."""
    outputs = path.programs[place].outputs
    function = lifted.callables[place]

    def run(**inputs: Any) -> list[torch.Tensor]:
        sizes = sizes_from(path.inputs, inputs)
        result: list[torch.Tensor] = []
        for tensor, output in zip(function(**inputs), outputs, strict=True):
            shape = tuple(s.at(sizes) for s in output.shape)
            if tuple(tensor.shape) != shape:
                raise ValueError(f"a result of shape {tuple(tensor.shape)}, lifted {shape}")
            result += [_cut(tensor, block.place, block.axes, sizes) for block in output.blocks]
        return result

    return run


def _cut(tensor: torch.Tensor, place: Sequence[Term], axes: Sequence[Axis], sizes: Mapping[str, int]) -> torch.Tensor:
    if not place:
        return tensor
    values = evaluate(list(place), sizes, {}, axes)
    return tensor[tuple(torch.as_tensor(v.astype("int64")) for v in values)]


def agrees(lifted: Lifted, *, assume: Mapping[str, Any] | None = None, seed: int = 0) -> LiftCheck:
    """Whether every program computes what its lifted terms say, on every path."""
    rows: list[Mapping[str, int]] = []
    for path in lifted.paths:
        for place, program in enumerate(path.programs):
            if not program.terms:
                continue
            axes = [b.axes for o in program.outputs for b in o.blocks]
            found = agrees_with_lift(
                pieces(lifted, place, path),
                program.terms,
                axes,
                path.inputs,
                path.symbols,
                assume=assume,
                constraints=path.holds,
                seed=seed,
            )
            rows += found.rows
            if not found:
                where = f" where {' and '.join(path.conditions)}" if path.conditions else ""
                return LiftCheck(False, f"{program.name}{where}: {found.reason}", tuple(rows))
    return LiftCheck(True, "", tuple(rows))
