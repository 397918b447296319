"""Every sentence that tells a user what is wrong with the input, in one place: one line, place first, then remedy.

What may be added here: a function that returns one line of text, in the user's notation, with both sides where there
are two. What never belongs here: deciding that something is wrong; that is done where it is seen.

>>> raise UsageError(no_file("examples/atention.py"))
Traceback (most recent call last):
    ...
commute.theory.messages.UsageError: examples/atention.py: no such file
"""

from collections.abc import Iterable
from difflib import get_close_matches


class UsageError(Exception):
    """Input that commute can't work with; its text is one line that names the place and what would be right.

    The command line prints the line and exits with 3. A program that is understood but not decided is no UsageError:
    that is the verdict UNKNOWN.
    """


def one_line(text: object) -> str:
    """The text with every run of white space, line breaks included, as one blank."""
    return " ".join(str(text).split())


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at the known name that is most like `name`, or at the few that there are, or nothing.

    >>> nearest("atention", ["attention", "streamed"])
    '; did you mean attention?'
    >>> nearest("f", ["attention", "streamed"])
    '; there are attention, streamed'
    """
    known = sorted(known)
    close = get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; there are {', '.join(known)}" if 0 < len(known) <= 8 else ""


def _type_and_text(error: BaseException) -> str:
    return one_line(f"{type(error).__name__}: {error}").removesuffix(":")


def _a(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


# Targets: path.py:function or package.module:function


def malformed_target(text: str) -> str:
    """The text does not say which function of which file or module is meant."""
    return f"{text or '(empty)'}: say which function, as path.py:function or package.module:function"


def no_file(path: str) -> str:
    """The file of a target is not there."""
    return f"{path}: no such file"


def not_a_python_file(path: str) -> str:
    """The file of a target is a folder, or not Python."""
    return f"{path}: not a Python file; a target is path.py:function or package.module:function"


def no_module(name: str, error: BaseException) -> str:
    """The module of a target can't be found."""
    return f"{name}: no such module ({_type_and_text(error)}); a file is named by its path, as in path.py:function"


def raised_on_import(place: str, line: int | None, error: BaseException) -> str:
    """Running the file of a target raised."""
    where = f"{place}:{line}" if line else place
    return f"{where}: the file raises when it is imported: {_type_and_text(error)}"


def no_function(place: str, name: str, known: Iterable[str]) -> str:
    """The file or module has nothing of that name."""
    return f"{place}: no function {name}{nearest(name, known)}"


def not_callable(place: str, name: str, kind: str) -> str:
    """The name is there, but means something that can't be called."""
    return f"{place}: {name} is {_a(kind)}, not a function or nn.Module"


def needs_constructor_arguments(place: str, name: str, arguments: Iterable[str]) -> str:
    """An nn.Module class that can't be built without arguments."""
    given = ", ".join(arguments)
    return f"{place}: {name} needs constructor arguments ({given}); name a function without arguments that returns one"


def factory_raised(place: str, name: str, error: BaseException) -> str:
    """An nn.Module class, or a function that returns one, raised when it was called."""
    return f"{place}: {name}() raises {_type_and_text(error)}"


# Options of the command line and of the Python interface


def malformed_size(text: str) -> str:
    """An axis size that is not NAME=INT."""
    return f"--size {text}: say NAME=INT with a positive whole number, as in --size n=128"


def size_twice(name: str, first: object, second: object) -> str:
    """One axis, two sizes."""
    return f"--size {name}={second}: {name} is given twice, as {first} before; give each axis once"


def malformed_assumption(text: str) -> str:
    """An assumption that is not one of the known ones."""
    return f"--assume {text}: say ARG=positive, ARG=nonnegative, ARG=nonzero or ARG=LO,HI, as in --assume x=positive"


def assumption_twice(name: str, first: object, second: object) -> str:
    """One argument, two assumptions."""
    return f"--assume {name}={second}: {name} is given twice, as {first} before; give each argument once"


def malformed_timeout(value: object) -> str:
    """A time limit that is not a positive number."""
    return f"--timeout {value}: say a positive number of seconds"


def malformed_memory(value: object) -> str:
    """A memory limit that is not a positive number."""
    return f"--memory {value}: say a positive number of MiB"


# Files that are read and written


def unreadable(path: str, error: BaseException) -> str:
    """A file that can't be read at all."""
    reason = getattr(error, "strerror", None) or _type_and_text(error)
    return f"{path}: can't be read: {one_line(reason)}"


def unwritable(path: str, error: BaseException) -> str:
    """A file that can't be written."""
    reason = getattr(error, "strerror", None) or _type_and_text(error)
    return f"{path}: can't be written: {one_line(reason)}"


def no_folder(path: str, folder: str) -> str:
    """The folder that a file is to be written to is not there."""
    return f"{path}: can't be written: no folder {folder}"


def foreign_certificate(path: str, why: str) -> str:
    """A file that is no certificate of commute, or of a version that is not known."""
    return f"{path}: not a certificate of commute: {one_line(why)}"


def unreadable_rule(path: str, line: int, why: str) -> str:
    """An equation in TASO's operators that can't be read."""
    return f"{path}:{line}: {one_line(why)}; say (op 0 ?a ...)=>(op ...) or op(0,a,...)==op(...)"


def no_rules(path: str) -> str:
    """A file without an equation."""
    return f"{path}: no equations; say one a line, such as (ewadd ?a ?b)=>(ewadd ?b ?a)"


def relift_needs_two(given: int) -> str:
    """--relift once for each program."""
    return f"--relift: {given} program given; give it twice, for the reference and for the candidate"


def internal_error(error: BaseException) -> str:
    """A mistake of commute itself, not of its user."""
    return f"internal error, please report it: {_type_and_text(error)}"


# Diagrams


def types_do_not_meet(left: str, right: str) -> str:
    """The outputs of one diagram are not the inputs of the next."""
    return f">>: the left gives {left}, the right takes {right}"


def axis_already_woven(axis: str, place: str) -> str:
    """A diagram is to be woven, or an array spread, over an axis that it has."""
    return f"axis {axis} is already in {place}; take another copy, such as {axis}'"


def axis_not_in_array(operator: str, axis: str, array: str) -> str:
    """A box that works on an axis that its array doesn't have."""
    return f"{operator}: axis {axis} is not in {array}"


def arrays_expected(operator: str, wanted: str, given: int) -> str:
    """A box or diagram with another number of arrays than it takes."""
    return f"{operator}: takes {wanted}, not {given} array{'' if given == 1 else 's'}"


def unknown_operator(place: str, name: str, known: Iterable[str]) -> str:
    """A box whose name is no operator of that kind."""
    return f"{place}: no operator {name}{nearest(name, known)}"


# --- plans -----------------------------------------------------------------------------------------------------------


def no_machine() -> str:
    """What kernels cost was asked of a space of forms without a machine."""
    return "explore: traffic, memory and kernels need a machine; give machine= and sizes="


def uncounted() -> str:
    """The number of forms that pass a test, which only walking all of them would tell."""
    return "explore: forms that pass a test can be walked, not counted; count before where() and within()"


def opaque_not_emitted(place: str, operator: str) -> str:
    """A plan that keeps an operator as it is, to be written as a program."""
    return f"{place}: {operator} is kept as it is in this plan, which can be read but not emitted"


def unknown_choice(what: str, given: str, known: Iterable[str]) -> str:
    """A machine, objective or dtype that there isn't."""
    return f"{what} {given}: no such {what}{nearest(given, known)}"


def not_checked_for(name: str, why: str) -> str:
    """A call outside the sizes and dtypes that a plan was checked for."""
    return f"{name}: run as written, for the compiled plan doesn't take this call: {why}"


def wrong_code(backend: str, why: str) -> str:
    """Code that a check on the way out has found wrong."""
    return f"the {backend} code of this plan fails its check ({why}); this is a bug of commute, and nothing was written"


def missing_size(name: str, symbols: Iterable[str]) -> str:
    """A cost needs numbers, and an axis has none."""
    return f"--size {name}=...: a cost in numbers needs the size of every axis ({', '.join(symbols)})"


def unknown_size(name: str, symbols: Iterable[str]) -> str:
    """A size for an axis that the program doesn't have."""
    return f"--size {name}=...: the program has no axis {name}{nearest(name, symbols)}"


def nothing_fits(machine: str, level: str) -> str:
    """No kernel fits the inner level, whatever its tiles."""
    return f"{machine}: not one tiling of the program fits its level {level}; a larger capacity or smaller fixed axes would"


def machine_field(place: str, field: str, wanted: str, given: object = None) -> str:
    """A figure that a machine's file lacks, or gets wrong."""
    return f"{place}: {field}: {'missing' if given is None else f'not {given}'}; say {wanted}"


def malformed_sweep(text: str) -> str:
    """A sweep that is not LEVEL.FIGURE=FROM..TO, a list, or dtypes."""
    return f"--sweep {text}: say LEVEL.capacity=64K..1M, LEVEL.bandwidth=1T,2T or dtype=float16,float8"
