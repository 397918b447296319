"""From `path.py:function` or `package.module:function` to a callable, with one clear line where that fails.

What may be added here: ways of naming a program. What never belongs here: reading the program (lowering/lift_*.py).

The user's files are run as they are, but leave no trace in `sys.path`, and two files may carry one module name: each
is registered under a name of its own, as are the neighbours that it imports.
"""

import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from commute.theory import messages
from commute.theory.messages import UsageError


@dataclass(frozen=True)
class Target:
    """A program that was named on the command line: what to call, and where a person finds it."""

    function: Callable[..., Any]
    path: str
    name: str


def load(target: str) -> Target:
    """The program that `target` names; a class of nn.Module, or a function that makes one, is called once.

    Raises UsageError, one line, where there is no such file or function, it can't be imported, or can't be called.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise UsageError(messages.malformed_target(target))
    from_file = place.endswith(".py") or os.sep in place or Path(place).exists()
    module = _import_file(place) if from_file else _import_named(place)
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            raise UsageError(messages.no_function(place, name, _callables(value)))
        value = getattr(value, part)
    function = _module_of(place, name, value)
    if not callable(function):
        raise UsageError(messages.not_callable(place, name, type(function).__name__))
    return Target(function, place if from_file else module.__file__ or place, name)


def resolve(target: str) -> Callable[..., Any]:
    """The callable that `target` names, as `load` finds it.

    >>> resolve("math:sqrt")(9.0)
    3.0
    """
    return load(target).function


def _import_file(place: str) -> ModuleType:
    path = Path(place)
    if not path.exists():
        raise UsageError(messages.no_file(place))
    if path.suffix != ".py" or not path.is_file():
        raise UsageError(messages.not_a_python_file(place))
    try:
        source = path.read_bytes()
    except OSError as error:
        raise UsageError(messages.unreadable(place, error)) from error
    path = path.resolve()
    own_name = f"commute_user_{sha256(bytes(path) + b':' + source).hexdigest()[:12]}_{path.stem}"
    if own_name in sys.modules:
        return sys.modules[own_name]
    spec = spec_from_file_location(own_name, path)
    assert spec is not None and spec.loader is not None  # a .py file always has a loader
    module = module_from_spec(spec)
    sys.modules[own_name] = module
    try:
        with _importable(path.parent), redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[own_name]
        if not isinstance(error, Exception | SystemExit):
            raise
        raise UsageError(messages.raised_on_import(place, _line_in(path, error), error)) from error
    return module


def _import_named(name: str) -> ModuleType:
    try:
        with _importable(Path.cwd()), redirect_stdout(sys.stderr):
            return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            raise UsageError(messages.no_module(name, error)) from error
        raise UsageError(messages.raised_on_import(name, None, error)) from error
    except (Exception, SystemExit) as error:
        raise UsageError(messages.raised_on_import(name, None, error)) from error


# The neighbours that files of one folder have imported, by the name under which they did.
_NEIGHBOURS: dict[Path, dict[str, ModuleType]] = {}


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let the body import the modules of `folder`, ahead of all others, and take the folder off `sys.path` after.

    What was imported from the folder moves to a name that no other folder's modules have; it stays in `sys.modules`,
    because Torch's capture looks a function's module up there.
    """
    neighbours = _NEIGHBOURS.setdefault(folder, {})
    before = dict(sys.modules)
    path_before = list(sys.path)
    sys.modules.update(neighbours)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path[:] = path_before
        _move_neighbours(folder, neighbours, before)


def _move_neighbours(folder: Path, neighbours: dict[str, ModuleType], before: dict[str, ModuleType]) -> None:
    """Take what was imported from `folder` since `before` to names of its own, and put back what it covered."""
    prefix = f"commute_user_{sha256(bytes(folder)).hexdigest()[:12]}"
    # What other entries of the path hold (a .venv in this folder, a checkout run in place) is nobody's neighbour.
    installed = [root for root in (Path(entry).resolve() for entry in sys.path) if root.is_relative_to(folder)]
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if before.get(name) is module or file is None or name.startswith(("commute.", "commute_user_")):
            continue
        if not Path(file).is_relative_to(folder) or any(Path(file).is_relative_to(root) for root in installed):
            continue
        neighbours[name] = module
        del sys.modules[name]
        if name in before:
            sys.modules[name] = before[name]
        if not module.__name__.startswith(prefix):
            module.__name__ = f"{prefix}_{name}"
        sys.modules[module.__name__] = module


def _line_in(path: Path, error: BaseException) -> int | None:
    """The last line of the file that the error came through."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).resolve() == path:
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).resolve() == path]
    return lines[-1] if lines else None


def _callables(value: object) -> list[str]:
    """The public functions and classes that a module or class defines itself."""
    own = getattr(value, "__name__", None)
    return [
        name
        for name, each in vars(value).items()
        if callable(each) and not name.startswith("_") and getattr(each, "__module__", own) == own
    ]


def _module_of(place: str, name: str, value: Any) -> Any:
    """The nn.Module that a class or a factory makes; anything else as it is."""
    torch: Any = sys.modules.get("torch")  # where the user's file didn't import it, there are no modules
    if torch is None or isinstance(value, torch.nn.Module) or not callable(value):
        return value
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return value
    is_class = isinstance(value, type) and issubclass(value, torch.nn.Module)
    made = signature.return_annotation
    makes_module = isinstance(made, type) and issubclass(made, torch.nn.Module)
    if not is_class and not makes_module and signature.parameters:
        return value
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    required = [p.name for p in signature.parameters.values() if p.default is p.empty and p.kind not in variadic]
    if required:
        if is_class:
            raise UsageError(messages.needs_constructor_arguments(place, name, required))
        return value
    try:
        with redirect_stdout(sys.stderr):
            module = value()
    except Exception as error:
        raise UsageError(messages.factory_raised(place, name, error)) from error
    return module if is_class or isinstance(module, torch.nn.Module) else value
