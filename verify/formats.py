"""Float formats, and what a program computes in: the format of values, of sums, of the factors of matrix products.

To add here: a format, or a way of computing in formats.  Never here: error bounds (`errors.py`), terms, Torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Format:
    """A float format: `unit` roundoff, the least normal number, the error of an underflow, the largest number."""

    name: str
    unit: float
    normal: float
    underflow: float
    largest: float

    def round(self, values: Array) -> Array:
        """The nearest numbers of the format, as float64."""
        values = np.asarray(values, dtype=np.float64)
        with np.errstate(all="ignore"):
            if self.name == "float16":
                return values.astype(np.float16).astype(np.float64)
            single = values.astype(np.float32)
            if self.name == "float32":
                return single.astype(np.float64)
            spare = 16 if self.name == "bfloat16" else 13
            bits = np.ascontiguousarray(single).view(np.uint32).astype(np.uint64)
            kept = (bits + (1 << (spare - 1)) - 1 + ((bits >> spare) & 1)) >> spare << spare
            return kept.astype(np.uint32).view(np.float32).astype(np.float64).reshape(values.shape)

    def holds(self, values: Array) -> Array:
        """Whether each number is one of the format."""
        return self.round(values) == values


# Hardware and kernels may flush what lies below the least normal float32 to 0; float16 keeps its subnormal numbers.
FLOAT32 = Format("float32", 2.0**-24, 2.0**-126, 2.0**-126, (2 - 2.0**-23) * 2.0**127)
FLOAT16 = Format("float16", 2.0**-11, 2.0**-14, 2.0**-25, 65504.0)
BFLOAT16 = Format("bfloat16", 2.0**-8, 2.0**-126, 2.0**-126, (2 - 2.0**-7) * 2.0**127)
TF32 = Format("tf32", 2.0**-10, 2.0**-126, 2.0**-126, FLOAT32.largest)
"""Ten bits after the leading one; the unit is that of truncation, as tensor cores do it."""


@dataclass(frozen=True)
class Precision:
    """What a program computes in: the format of its `values`, of sums, and of the factors of products that are summed.

    `fused` says that products under a sum are never rounded to the format of values (a matrix product, a tensor core).
    """

    values: Format = FLOAT32
    accumulate: Format = FLOAT32
    factors: Format | None = None
    fused: bool = False

    def __str__(self) -> str:
        apart = f", sums in {self.accumulate.name}" if self.accumulate != self.values else ""
        return self.values.name + apart + (f", factors in {self.factors.name}" if self.factors else "")


PRECISIONS = {
    "float32": Precision(),
    "float16": Precision(FLOAT16),
    "bfloat16": Precision(BFLOAT16),
    "tf32": Precision(factors=TF32),
}
"""Torch's own ways: sums of narrow numbers are accumulated in float32, and each result is rounded."""
