"""Where in the user's own file something happened: the innermost frame that is neither commute's, Torch's nor Python's.

To add here: what counts as the user's code.  Never here: the wording of errors (`theory/messages.py`).
"""

from __future__ import annotations

import os
import sys
import sysconfig
from functools import lru_cache
from pathlib import Path
from types import FrameType, TracebackType

import torch

_ROOT = Path(__file__).resolve().parent.parent
_ROOMS = [_ROOT / name for name in ("theory", "egraph", "verify", "lowering", "commute")]
_OWN = {str(room) for room in _ROOMS} | {str(_ROOT / "commute" / room.name) for room in _ROOMS}
_LIBRARIES = (
    str(Path(torch.__file__).parent),
    sysconfig.get_paths()["stdlib"],
    sysconfig.get_paths()["purelib"],
    sysconfig.get_paths()["platlib"],
)


@lru_cache(maxsize=4096)
def is_users(file: str) -> bool:
    """Whether a source file belongs to the user rather than to a library or to commute's lifter."""
    if file.startswith("<"):
        return False
    return os.path.dirname(file) not in _OWN and not file.startswith(_LIBRARIES)


def here() -> str | None:
    """`file:line` of the user's innermost frame that is running now."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if is_users(frame.f_code.co_filename):
            return _place(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return None


def line_of(trace: TracebackType | None) -> str | None:
    """`file:line` of the user's innermost frame in a traceback."""
    found = None
    while trace is not None:
        if is_users(trace.tb_frame.f_code.co_filename):
            found = _place(trace.tb_frame.f_code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    return found


def _place(file: str, line: int) -> str:
    relative = os.path.relpath(file)
    return f"{file if relative.startswith('..') else relative}:{line}"
