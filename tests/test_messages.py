"""Every complaint about input is one line that names the place and what would be right."""

import inspect

import pytest

from commute.theory import messages

ERROR = ValueError("first line\nsecond line")

SAID = [
    (messages.malformed_target("attention.py"), "attention.py: say which function, as path.py:function"),
    (messages.malformed_target(""), "(empty): say which function"),
    (messages.no_file("a.py"), "a.py: no such file"),
    (messages.not_a_python_file("a.txt"), "a.txt: not a Python file"),
    (messages.no_module("a.b", ModuleNotFoundError("No module named 'a'")), "a.b: no such module"),
    (
        messages.raised_on_import("a.py", 3, ERROR),
        "a.py:3: the file raises when it is imported: ValueError: first",
    ),
    (messages.raised_on_import("a.py", None, ERROR), "a.py: the file raises"),
    (messages.no_function("a.py", "softmx", ["softmax", "relu"]), "a.py: no function softmx; did you mean softmax?"),
    (messages.no_function("a.py", "f", ["softmax", "relu"]), "a.py: no function f; there are relu, softmax"),
    (messages.no_function("a.py", "f", []), "a.py: no function f"),
    (messages.not_callable("a.py", "x", "int"), "a.py: x is an int, not a function or nn.Module"),
    (messages.needs_constructor_arguments("a.py", "Net", ["dim"]), "a.py: Net needs constructor arguments (dim)"),
    (messages.factory_raised("a.py", "Net", ERROR), "a.py: Net() raises ValueError: first line second line"),
    (messages.malformed_size("n=x"), "--size n=x: say NAME=INT"),
    (messages.size_twice("n", 1, 2), "--size n=2: n is given twice, as 1 before"),
    (messages.malformed_assumption("x=odd"), "--assume x=odd: say ARG=positive"),
    (messages.assumption_twice("x", "positive", "nonzero"), "--assume x=nonzero: x is given twice, as positive before"),
    (messages.malformed_timeout(-1.0), "--timeout -1.0: say a positive number of seconds"),
    (messages.malformed_memory(0), "--memory 0: say a positive number of MiB"),
    (
        messages.unreadable("c.json", FileNotFoundError(2, "No such file or directory")),
        "c.json: can't be read: No",
    ),
    (messages.unwritable("c.json", PermissionError(13, "Permission denied")), "c.json: can't be written: Permission"),
    (messages.no_folder("out/c.json", "out"), "out/c.json: can't be written: no folder out"),
    (messages.foreign_certificate("c.json", "no format"), "c.json: not a certificate of commute: no format"),
    (messages.types_do_not_meet("(a, b)", "(a, c)"), ">>: the left gives (a, b), the right takes (a, c)"),
    (messages.axis_already_woven("h", "(b, h)"), "axis h is already in (b, h); take another copy, such as h'"),
    (messages.axis_not_in_array("softmax", "m", "(b, h)"), "softmax: axis m is not in (b, h)"),
    (messages.arrays_expected("term", "(b, h)", 2), "term: takes (b, h), not 2 arrays"),
    (messages.unknown_operator("a.py:3", "torch.svd", ["torch.exp"]), "a.py:3: no operator torch.svd"),
    (messages.unreadable_rule("r.txt", 3, "=> expected"), "r.txt:3: => expected; say (op 0 ?a ...)=>(op ...)"),
    (messages.no_rules("r.txt"), "r.txt: no equations; say one a line"),
    (messages.relift_needs_two(1), "--relift: 1 program given"),
    (messages.not_checked_for("f", "a size is 0"), "f: run as written, for the compiled plan doesn't take"),
    (messages.wrong_code("torch", "out differs"), "the torch code of this plan fails its check (out differs)"),
    (messages.unknown_choice("machine", "h10", ["h100"]), "machine h10: no such machine; did you mean h100?"),
    (messages.missing_size("n", ["n", "d"]), "--size n=...: a cost in numbers needs the size of every axis (n, d)"),
    (messages.unknown_size("k", ["n", "d"]), "--size k=...: the program has no axis k; there are d, n"),
    (messages.nothing_fits("toy", "local"), "toy: not one tiling of the program fits its level local"),
    (messages.machine_field("m.json", "exp", "a positive number"), "m.json: exp: missing; say a positive number"),
    (messages.machine_field("m.json", "exp", "a positive number", -1), "m.json: exp: not -1; say a positive number"),
    (messages.opaque_not_emitted("a.py:3", "torch.sort"), "a.py:3: torch.sort is kept as it is in this plan"),
    (messages.no_machine(), "explore: traffic, memory and kernels need a machine"),
    (messages.uncounted(), "explore: forms that pass a test can be walked, not counted"),
    (messages.malformed_sweep("x"), "--sweep x: say LEVEL.capacity=64K..1M"),
    (messages.internal_error(ERROR), "internal error, please report it: ValueError: first line second line"),
]


@pytest.mark.parametrize(("text", "start"), SAID, ids=[start for _, start in SAID])
def test_a_message_names_the_place_and_is_one_line(text: str, start: str) -> None:
    assert text.startswith(start)
    assert "\n" not in text and "  " not in text


def test_every_message_is_in_the_table_above() -> None:
    helpers = {"UsageError", "one_line", "nearest"}
    public = {name for name, each in vars(messages).items() if inspect.isfunction(each) and not name.startswith("_")}
    own = {name for name in public if vars(messages)[name].__module__ == messages.__name__} - helpers
    source = inspect.getsource(inspect.getmodule(test_every_message_is_in_the_table_above))  # pyright: ignore[reportArgumentType]
    assert {name for name in own if f"messages.{name}(" not in source} == set()
