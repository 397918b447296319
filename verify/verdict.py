"""What commute says about two programs: one of four verdicts, in three columns that are never merged into one word.

What may be added here: a field of the verdict and the words for it. What never belongs here: finding the verdict out.

>>> verdict = Verdict(PROVED, 0.21, sizes={"n": "any", "k": "any multiple of 4", "d": 64}, axioms=("exp_add",))
>>> print(verdict)
PROVED in 0.21 s
  equal     over the reals, by a certificate, for all sizes n; k any multiple of 4; d = 64
  rounding  not judged
  ran       not run
  axioms    exp_add
>>> verdict.exit_code
0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite, isnan
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from commute.verify.tolerance import Rounding

PROVED = "PROVED"
CHECKED = "CHECKED"
REFUTED = "REFUTED"
UNKNOWN = "UNKNOWN"

EXIT_CODES = {PROVED: 0, CHECKED: 0, REFUTED: 1, UNKNOWN: 2}

#: The size of an axis that may have any; other words say a restriction, an integer fixes it.
ANY = "any"


@dataclass(frozen=True)
class Input:
    """One argument of a counterexample.

    `values` are nested lists, or one number for a tensor without axes; `dtype` is Torch's name (`float64`), or empty
    for a plain Python value.
    """

    values: Any
    dtype: str = "float64"

    def source(self) -> str:
        """The value as Torch source; it uses the names `torch`, `inf` and `nan`."""
        return f"torch.tensor({self.values!r}, dtype=torch.{self.dtype})" if self.dtype else repr(self.values)


@dataclass(frozen=True)
class Counterexample:
    """A concrete input at which the two programs differ over the reals, not merely in their rounding.

    `sizes` gives each axis; `inputs` is in the order of the reference's arguments; `index` is the element of the
    result that differs, of result number `output` where the programs return several; `reference` and `candidate` are
    the two values there. `parameters` are the entries of a module's state, by the name of the entry; `raised` is what the
    candidate raises there in place of a value.
    """

    sizes: Mapping[str, int]
    inputs: Mapping[str, Input]
    index: tuple[int, ...]
    reference: float
    candidate: float
    output: int | None = None
    parameters: Mapping[str, Input] = field(default_factory=dict)
    raised: str = ""

    def __str__(self) -> str:
        place = f"result {self.output}" if self.output is not None else "the result"
        if self.index:
            place += f" at [{', '.join(map(str, self.index))}]"
        sizes = ", ".join(f"{axis} = {size}" for axis, size in self.sizes.items())
        head = f"with {sizes}, {place}" if sizes else place
        if self.raised:
            return f"{head} is {self.reference!r} by the reference, and the candidate raises {self.raised}"
        return f"{head} is {self.reference!r} by the reference and {self.candidate!r} by the candidate"

    def to_json(self) -> dict[str, Any]:
        """Sizes, inputs as nested lists, and the two values; a number that JSON can't write is a word (`inf`)."""
        return {
            "sizes": dict(self.sizes),
            "inputs": {name: _plain(each.values) for name, each in {**self.inputs, **self.parameters}.items()},
            "reference": _plain(self.reference),
            "candidate": f"raises {self.raised}" if self.raised else _plain(self.candidate),
        }

    def snippet(self, reference: tuple[str, str], candidate: tuple[str, str]) -> str:
        """A script to paste that fails with the two values, without commute.

        `reference` and `candidate` say where each function is: the path of its file, and its name there.
        """
        lines = [
            "import runpy",
            "from math import inf, nan",
            "",
            "import torch",
            "",
            f"reference = runpy.run_path({reference[0]!r})[{reference[1]!r}]",
            f"candidate = runpy.run_path({candidate[0]!r})[{candidate[1]!r}]",
            "inputs = [",
            *(f"    {each.source()},  # {name}" for name, each in self.inputs.items()),
            "]",
        ]
        if self.parameters:
            lines += self._module_lines()
        element = "" if self.output is None else f"[{self.output}]"
        lines += [
            f"want, got = reference(*inputs){element}, candidate(*inputs){element}",
            "torch.testing.assert_close(got, want, check_dtype=False, equal_nan=True)",
        ]
        return "\n".join(lines) + "\n"

    def _module_lines(self) -> list[str]:
        state = ", ".join(f"{name!r}: {each.source()}" for name, each in self.parameters.items())
        return [
            "if not isinstance(reference, torch.nn.Module):",
            "    reference = reference()",
            "if not isinstance(candidate, torch.nn.Module):",
            "    candidate = candidate()",
            f"state = {{{state}}}",
            "reference.double().eval().load_state_dict(state, strict=False)",
            "candidate.double().eval().load_state_dict(state, strict=False)",
        ]


@dataclass(frozen=True)
class Verdict:
    """What is known about `reference = candidate`.

    `kind` is PROVED, CHECKED, REFUTED or UNKNOWN; `reason` says why it is UNKNOWN, or how sure CHECKED is. `sizes`
    says of each axis what the claim covers: an integer, ANY, or a restriction in words. `axioms` and `laws` are names,
    `steps` readable lines of the proof, `certificate` what `commute recheck` reads. `assumptions` are what the claim
    rests on besides the axioms, `constants` readings of floats that were guessed. `rounding` and `ran` are the two
    other columns; None means that nothing is claimed. `vacuity` says how the prover fared on wrong programs.
    `where` says at which outputs a proof claims equality, empty for all of them; `undefined` names inputs at which a program
    has no value.
    """

    kind: str
    seconds: float
    reason: str = ""
    sizes: Mapping[str, int | str] = field(default_factory=dict)
    axioms: tuple[str, ...] = ()
    laws: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    certificate: dict[str, Any] | None = None
    counterexample: Counterexample | None = None
    assumptions: tuple[str, ...] = ()
    rounding: Rounding | None = None
    ran: str | None = None
    constants: tuple[str, ...] = ()
    vacuity: str = ""
    peak_mib: float | None = None
    """The most memory that the process had held until then; its Python, its Torch and all it did before included."""
    where: str = ""
    undefined: tuple[str, ...] = ()
    by: str = ""
    """How CHECKED was found, where not by exact random values."""

    def __post_init__(self) -> None:
        if self.kind not in EXIT_CODES:
            raise ValueError(f"a verdict is one of {', '.join(EXIT_CODES)}, not {self.kind!r}")
        if self.kind == REFUTED and self.counterexample is None:
            raise ValueError("REFUTED needs the input at which the programs differ")
        if self.kind == PROVED and self.counterexample is not None:
            raise ValueError("PROVED can't have a counterexample")
        if self.kind == UNKNOWN and not self.reason:
            raise ValueError("UNKNOWN needs its reason")

    @property
    def exit_code(self) -> int:
        """0 for PROVED and CHECKED, 1 for REFUTED, 2 for UNKNOWN."""
        return EXIT_CODES[self.kind]

    def to_json(self) -> dict[str, Any]:
        """The verdict as `commute prove --json` prints it."""
        return {
            "verdict": self.kind,
            "seconds": round(self.seconds, 3),
            "sizes": dict(self.sizes),
            "axioms": list(self.axioms),
            "laws": list(self.laws),
            "steps": list(self.steps),
            "certificate": self.certificate,
            "reason": self.reason,
            "counterexample": self.counterexample and self.counterexample.to_json(),
            "rounding": self.rounding and self.rounding.to_json(),
            "peak_mib": None if self.peak_mib is None else round(self.peak_mib),
            "assumptions": list(self.assumptions),
            "where": self.where,
            "undefined": list(self.undefined),
        }

    def __str__(self) -> str:
        rows = [("equal", self._equal())]
        rows += [("rounding", str(self.rounding or "not judged")), ("ran", self.ran or "not run")]
        rows += [(name, ", ".join(texts)) for name, texts in (("axioms", self.axioms), ("laws", self.laws)) if texts]
        rows += [("undefined", text) for text in self.undefined]
        rows += [("assumed", text) for text in self.assumptions]
        rows += [("constant", text) for text in self.constants]
        return "\n".join([f"{self.kind} in {self.seconds:.2f} s", *(f"  {name:<9} {text}" for name, text in rows)])

    def explain(self) -> str:
        """The verdict with the whole proof, step by step, or with the input at which the programs differ."""
        parts = [str(self)]
        if self.steps:
            width = len(str(len(self.steps)))
            parts.append("\n".join(f"  {i:>{width}}. {step}" for i, step in enumerate(self.steps, 1)))
        if self.counterexample:
            given = {**self.counterexample.inputs, **self.counterexample.parameters}
            parts.append("\n".join(f"  {name} = {each.values!r}" for name, each in given.items()))
        return "\n\n".join(parts)

    def _equal(self) -> str:
        """The first column: what is claimed about equality over the reals."""
        if self.kind == PROVED:
            where = f", {self.where}" if self.where else ""
            return f"over the reals, by a certificate, {describe_sizes(self.sizes)}{where}"
        if self.kind == CHECKED:
            surely = f"; {self.reason}" if self.reason else ""
            return f"{self.by or 'on exact random values'}, {describe_sizes(self.sizes)}{surely}"
        if self.kind == REFUTED:
            why = f"; {self.reason}" if self.reason else ""
            return f"no: {self.counterexample}{why}"
        return f"not decided: {self.reason}"


def describe_sizes(sizes: Mapping[str, int | str]) -> str:
    """What a claim covers, in words.

    >>> describe_sizes({"b": "any", "n": "any", "k": "at least 2", "d": 64})
    'for all sizes b, n; k at least 2; d = 64'
    >>> describe_sizes({})
    'for every input'
    """
    free = [axis for axis, size in sizes.items() if size == ANY]
    parts = [f"for all sizes {', '.join(free)}"] if free else []
    parts += [f"{axis} {size}" for axis, size in sizes.items() if isinstance(size, str) and size != ANY]
    fixed = ", ".join(f"{axis} = {size}" for axis, size in sizes.items() if not isinstance(size, str))
    if fixed:
        parts.append(fixed if parts else f"at {fixed}")
    return "; ".join(parts) or "for every input"


def _plain(value: Any) -> Any:
    """Nested lists in which a number that JSON can't write is a word.

    >>> _plain([1.5, [float("-inf")]])
    [1.5, ['-inf']]
    """
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not isfinite(value):
        return "nan" if isnan(value) else ("inf" if value > 0 else "-inf")
    return value
