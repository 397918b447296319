"""What a person sees at a terminal while a verb works: a line that moves; in a pipe nothing.

What may be added here: another way to show progress. What never belongs here: work, or words on stdout.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout

Say = Callable[[str], None]


@contextmanager
def working(what: str, quiet: bool = False) -> Iterator[Say]:
    """Show on a terminal what takes so long, and keep what user code prints out of our own output.

    What is yielded takes a line on how far the work is, such as the best plan so far.
    """
    if quiet or not sys.stderr.isatty():
        with redirect_stdout(sys.stderr):
            yield lambda line: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress, redirect_stdout(sys.stderr):
        task = progress.add_task(what, total=None)
        yield lambda line: progress.update(task, description=f"{what}: {line}")
