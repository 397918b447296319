"""Cross entropy = the log-sum-exp of the logits less the logit of the target, averaged.

The second form never makes the table of log-probabilities, so that a fused kernel can stream the vocabulary.

Source: Hsu et al. 2024, Liger Kernel; Wijmans et al. 2024, "Cut Your Losses in Large-Vocabulary Language Models".
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

import commute

Logits = Float[Tensor, "n v"]
Targets = Int[Tensor, "n"]


def library(logits: Logits, targets: Targets) -> Float[Tensor, ""]:
    """torch's cross entropy, averaged over the tokens."""
    return F.cross_entropy(logits, targets)


def lse_minus_logit(logits: Logits, targets: Targets) -> Float[Tensor, ""]:
    """Two numbers a token: the log-sum-exp and the target's logit."""
    lse = torch.logsumexp(logits, dim=-1)
    picked = logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return (lse - picked).mean()


PAIRS = [(library, lse_minus_logit)]

if __name__ == "__main__":
    for reference, candidate in PAIRS:
        verdict = commute.prove(reference, candidate)
        print(f"{reference.__name__} = {candidate.__name__}: {verdict.kind}")
        assert verdict.kind == "PROVED", verdict.reason
