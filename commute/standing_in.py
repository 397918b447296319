"""A compiled plan that stands in for the function it was made from: the function itself answers what wasn't checked.

To add here: when the plan's code may not answer.  Never here: the code, or how it is checked.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from commute.theory import messages


class StandIn:
    """Called like `function`; `fast` answers where it takes the arguments, else `function` does, with a warning.

    `fast` refuses arguments by ValueError, TypeError, IndexError or AttributeError before it computes anything.
    """

    def __init__(self, function: Callable[..., Any], fast: Callable[..., Any]):
        self.function, self.fast = function, fast
        update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The result of the plan's code, or of the function."""
        try:
            return self.fast(*args, **kwargs)
        except (ValueError, TypeError, IndexError, AttributeError) as error:
            warnings.warn(messages.not_checked_for(self.function.__name__, str(error)), RuntimeWarning, stacklevel=2)
            return self.function(*args, **kwargs)
