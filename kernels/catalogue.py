"""All rows of the catalogue, in order.

To add here: the rows of a new family's file.  Never here: a program.
"""

from __future__ import annotations

from commute.kernels import attending, multiplying, normalising
from commute.kernels.row import Row

ROWS: tuple[Row, ...] = tuple(sorted((*attending.ROWS, *multiplying.ROWS, *normalising.ROWS), key=lambda row: row.number))
"""The discoveries by number."""
