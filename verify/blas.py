"""Products of float64 matrices in pieces so small that BLAS computes each in one thread.

With other processes about, threads that wait for one another at the end of every small product cost a hundredfold; OpenBLAS
starts none below 2^18 multiplications.  Never here: what the numbers mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

ONE_THREAD = 1 << 18
DEEP, BROAD = 512, 128


def matmul(a: Array, b: Array) -> Array:
    """a @ b over the last two dimensions; sums may be made in another order.

    >>> matmul(np.ones((100, 2000)), np.ones((2000, 300)))[99, 299]
    np.float64(2000.0)
    """
    rows, inner, columns = a.shape[-2], a.shape[-1], b.shape[-1]
    if rows * inner * columns <= ONE_THREAD:
        return a @ b
    if inner > DEEP and inner * columns > ONE_THREAD // 4:
        total = matmul(a[..., :DEEP], b[..., :DEEP, :])
        for i in range(DEEP, inner, DEEP):
            total += matmul(a[..., i : i + DEEP], b[..., i : i + DEEP, :])
        return total
    if columns > BROAD and inner * columns > ONE_THREAD // 4:
        return np.concatenate([matmul(a, b[..., i : i + BROAD]) for i in range(0, columns, BROAD)], axis=-1)
    step = max(ONE_THREAD // (inner * columns), 1)
    whole = rows - rows % step
    cut = a[..., :whole, :].reshape(*a.shape[:-2], whole // step, step, inner) @ b[..., None, :, :]
    cut = cut.reshape(*cut.shape[:-3], whole, columns)
    return cut if whole == rows else np.concatenate([cut, a[..., whole:, :] @ b], axis=-2)
