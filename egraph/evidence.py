"""What a plan's schedule rests on, claim by claim, each with its verdict and its certificate; plain data.

To add here: a field that a reader of a plan needs.  Never here: how a claim is proved.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Evidence:
    """One claim about a stream: `what` is "correction", "unit", "merge", "blocks" or "schedule".

    `axis` is the streamed or parted axis, `reduction` what the claim is about and `correction` what it says (board notation);
    `verdict` is PROVED or UNKNOWN with a `reason`.
    """

    what: str
    axis: str
    reduction: str
    correction: str
    verdict: str
    reason: str = ""
    certificate: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def proved(self) -> bool:
        """Whether the claim was proved."""
        return self.verdict == "PROVED"

    def to_json(self) -> dict[str, Any]:
        """The claim as JSON."""
        return {
            "what": self.what, "axis": self.axis, "reduction": self.reduction, "correction": self.correction,
            "verdict": self.verdict, "reason": self.reason, "certificate": self.certificate,
        }  # fmt: skip
