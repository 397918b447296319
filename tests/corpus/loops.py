"""Loops over an axis of any size beside what they compute, and beside loops with one mistake."""

import torch
from jaxtyping import Float
from torch import Tensor

Vector = Float[Tensor, "n"]
Rows = Float[Tensor, "n d"]
LOW = float("-inf")


def total(x: Rows) -> Float[Tensor, "d"]:
    return x.sum(0)


def added(x):
    result = torch.zeros(x.shape[1])
    for i in range(x.shape[0]):
        result = result + x[i]
    return result


def added_in_place(x):
    result = x[0].clone()
    for i in range(1, x.shape[0]):
        result += x[i]
    return result


def added_without_the_first(x):
    result = torch.zeros(x.shape[1])
    for i in range(1, x.shape[0]):
        result = result + x[i]
    return result


def added_without_the_last(x):
    result = torch.zeros(x.shape[1])
    for i in range(x.shape[0] - 1):
        result = result + x[i]
    return result


def largest(x: Rows) -> Float[Tensor, "d"]:
    return x.amax(0)


def largest_so_far(x):
    result = torch.full((x.shape[1],), LOW)
    for row in x:
        result = torch.maximum(result, row)
    return result


def largest_from_one(x):
    result = torch.ones(x.shape[1])
    for row in x:
        result = torch.maximum(result, row)
    return result


def smallest(x: Vector) -> Float[Tensor, ""]:
    return x.min()


def smallest_so_far(x):
    result = x[0]
    for i in range(1, len(x)):
        result = torch.minimum(result, x[i])
    return result


def smallest_turned_round(x):
    result = x[0]
    for i in range(1, len(x)):
        result = torch.maximum(result, x[i])
    return result


def product(x: Vector) -> Float[Tensor, ""]:
    return x.prod()


def multiplied(x):
    result = torch.ones(())
    for i in range(len(x)):
        result = result * x[i]
    return result


def log_sum_exp(x: Vector) -> Float[Tensor, ""]:
    return torch.logsumexp(x, 0)


def log_added(x):
    result = x[0]
    for i in range(1, len(x)):
        result = torch.logaddexp(result, x[i])
    return result


def log_added_from_zero(x):
    result = torch.zeros(())
    for i in range(len(x)):
        result = torch.logaddexp(result, x[i])
    return result


def average(x: Rows) -> Float[Tensor, "d"]:
    return x.mean(0)


def running_average(x):
    mean = torch.zeros(x.shape[1])
    for i in range(x.shape[0]):
        mean = mean + (x[i] - mean) / (i + 1)
    return mean


def running_average_late(x):
    mean = torch.zeros(x.shape[1])
    for i in range(x.shape[0]):
        mean = mean + (x[i] - mean) / (i + 2)
    return mean


def spread(x: Rows) -> Float[Tensor, "d"]:
    return x.var(0, unbiased=False)


def welford(x):
    mean, squares, count = torch.zeros(x.shape[1]), torch.zeros(x.shape[1]), 0
    for row in x:
        count += 1
        gap = row - mean
        mean = mean + gap / count
        squares = squares + gap * (row - mean)
    return squares / count


def welford_with_the_old_mean(x):
    mean, squares, count = torch.zeros(x.shape[1]), torch.zeros(x.shape[1]), 0
    for row in x:
        count += 1
        gap = row - mean
        mean = mean + gap / count
        squares = squares + gap * gap
    return squares / count


def decayed(x: Rows) -> Float[Tensor, "d"]:
    n = x.shape[0]
    weights = 0.9 ** (n - 1 - torch.arange(n, dtype=x.dtype))
    return (weights[:, None] * x).sum(0)


def decaying(x):
    h = torch.zeros(x.shape[1], dtype=x.dtype)
    for row in x:
        h = 0.9 * h + row
    return h


def decaying_at_once(x):
    h = torch.zeros(x.shape[1], dtype=x.dtype)
    for row in x:
        h = 0.9 * (h + row)
    return h


def attended(s: Vector, v: Rows) -> Float[Tensor, "d"]:
    return torch.softmax(s, 0) @ v


def streamed(s: Vector, v: Rows) -> Float[Tensor, "d"]:
    m, z, o = torch.tensor(LOW), torch.zeros(()), torch.zeros(v.shape[1])
    for i in range(s.shape[0]):
        top = torch.maximum(m, s[i])
        keep, weight = torch.exp(m - top), torch.exp(s[i] - top)
        z = z * keep + weight
        o = o * keep + weight * v[i]
        m = top
    return o / z


def streamed_normalised(s, v):
    m, z, o = s[0], torch.ones(()), v[0]
    for i in range(1, s.shape[0]):
        top = torch.maximum(m, s[i])
        z = z * torch.exp(m - top) + torch.exp(s[i] - top)
        o = o * torch.exp(m - top) + torch.exp(s[i] - top) * v[i]
        m = top
    return o / z


def streamed_without_rescaling_o(s, v):
    m, z, o = torch.tensor(LOW), torch.zeros(()), torch.zeros(v.shape[1])
    for i in range(s.shape[0]):
        top = torch.maximum(m, s[i])
        weight = torch.exp(s[i] - top)
        z = z * torch.exp(m - top) + weight
        o = o + weight * v[i]
        m = top
    return o / z


def streamed_with_a_stale_maximum(s, v):
    m, z, o = torch.tensor(LOW), torch.zeros(()), torch.zeros(v.shape[1])
    for i in range(s.shape[0]):
        top = torch.maximum(m, s[i])
        keep, weight = torch.exp(m - top), torch.exp(s[i] - top)
        z = z * keep + weight
        o = o * keep + weight * v[i]
        m = s[i]
    return o / z


def streamed_with_one_too_many(s, v):
    m, z, o = s[0], torch.ones(()), v[0]
    for i in range(s.shape[0]):
        top = torch.maximum(m, s[i])
        z = z * torch.exp(m - top) + torch.exp(s[i] - top)
        o = o * torch.exp(m - top) + torch.exp(s[i] - top) * v[i]
        m = top
    return o / z


def linear_attention(q: Rows, k: Float[Tensor, "m d"], v: Float[Tensor, "m e"]) -> Float[Tensor, "n e"]:
    return q @ (k.T @ v)


def linear_attention_recurrent(q, k, v):
    memory = torch.zeros(k.shape[1], v.shape[1])
    for i in range(k.shape[0]):
        memory = memory + torch.outer(k[i], v[i])
    return q @ memory


def linear_attention_forgetting(q, k, v):
    memory = torch.zeros(k.shape[1], v.shape[1])
    for i in range(k.shape[0]):
        memory = torch.outer(k[i], v[i])
    return q @ memory


def everything(x: Rows) -> Float[Tensor, ""]:
    return x.square().sum()


def everything_nested(x):
    result = torch.zeros(())
    for row in x:
        for j in range(x.shape[1]):
            result = result + row[j] * row[j]
    return result


def everything_but_one(x):
    result = torch.zeros(())
    for row in x:
        for j in range(1, x.shape[1]):
            result = result + row[j] * row[j]
    return result


PAIRS = [
    ("a sum", total, added, True),
    ("a sum in place", total, added_in_place, True),
    ("a maximum", largest, largest_so_far, True),
    ("a minimum", smallest, smallest_so_far, True),
    ("a product", product, multiplied, True),
    ("log-sum-exp", log_sum_exp, log_added, True),
    ("a running mean", average, running_average, True),
    ("Welford's variance", spread, welford, True),
    ("an exponential average", decayed, decaying, True),
    ("online softmax", attended, streamed, True),
    ("online softmax from the first key", attended, streamed_normalised, True),
    ("linear attention as a recurrence", linear_attention, linear_attention_recurrent, True),
    ("a loop in a loop", everything, everything_nested, True),
    ("two loops", streamed, streamed_normalised, True),
    ("a sum from the second row", total, added_without_the_first, False),
    ("a sum up to the last row", total, added_without_the_last, False),
    ("a maximum from 1", largest, largest_from_one, False),
    ("a minimum turned round", smallest, smallest_turned_round, False),
    ("log-sum-exp from 0", log_sum_exp, log_added_from_zero, False),
    ("a running mean that counts one too many", average, running_average_late, False),
    ("Welford's variance with the old mean", spread, welford_with_the_old_mean, False),
    ("an exponential average, decayed at once", decayed, decaying_at_once, False),
    ("online softmax without rescaling", attended, streamed_without_rescaling_o, False),
    ("online softmax with a stale maximum", attended, streamed_with_a_stale_maximum, False),
    ("online softmax that counts a key twice", attended, streamed_with_one_too_many, False),
    ("linear attention that forgets", linear_attention, linear_attention_forgetting, False),
    ("a loop in a loop from 1", everything, everything_but_one, False),
]
