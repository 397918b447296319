"""Certificates of real proofs for the tests of the checker: each is proved once a run.

To add here: an example whose certificate has something that the others lack.  Never here: what is done to certificates.
"""

import json
import runpy
from functools import lru_cache
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

import commute
from commute.verify.verdict import Verdict

EXAMPLES = Path(__file__).parent.parent / "examples"

PROOFS = [
    ("attention", "attention", "streamed"),
    ("causal_attention", "causal_library", "causal_by_zeros"),
    ("cross_entropy", "library", "lse_minus_logit"),
    ("layer_norm", "library", "by_moments"),
    ("linear_attention", "normalised", "normalised_linear"),
    ("lora", "applied", "merged"),
    ("online_softmax", "softmax", "four_blocks"),
    ("rms_norm_linear", "with_library_norm", "folded"),
    ("softmax_backward", "from_jacobian", "fused"),
    ("swiglu", "swiglu", "fused"),
    ("certified", "scaled", "unscaled"),
    ("certified", "divided", "undivided"),
]
"""File in examples/ (or this one), reference, candidate."""

Vector = Float[Tensor, "n"]


def scaled(x: Vector, y: Vector) -> Vector:
    """A product, divided again by a factor that is given to be positive."""
    return (x * y) / y


def unscaled(x: Vector, y: Vector) -> Vector:
    """What is left of it."""
    return x


def divided(x: Vector, y: Vector) -> Vector:
    """A product, divided again by a factor of which nothing is known."""
    return (x / y) * y


def undivided(x: Vector, y: Vector) -> Vector:
    """What is left of it, wherever it is defined."""
    return x


@lru_cache
def proved(file: str, reference: str, candidate: str) -> Verdict:
    """The verdict on one of PROOFS."""
    names = globals() if file == "certified" else runpy.run_path(str(EXAMPLES / f"{file}.py"))
    assume = {"y": "positive"} if reference == "scaled" else None
    return commute.prove(names[reference], names[candidate], assume=assume)


def certificate(file: str, reference: str, candidate: str) -> dict[str, Any]:
    """A fresh copy of its certificate as data."""
    verdict = proved(file, reference, candidate)
    assert verdict.kind == "PROVED", verdict.reason
    return json.loads(json.dumps(verdict.certificate))
