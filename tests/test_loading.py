"""Programs are found by name, run as they are, and leave no trace; what can't be found or used is said in one line."""

import sys
from pathlib import Path

import pytest

from commute.loading import load, resolve
from commute.theory.messages import UsageError


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Write files below a folder that is the current one; modules that are loaded meanwhile are forgotten after."""
    monkeypatch.chdir(tmp_path)
    before = dict(sys.modules)

    def write_file(path: str, text: str) -> str:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return path

    yield write_file
    for name in set(sys.modules) - set(before):
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(tmp_path)):
            del sys.modules[name]


def complaint(target: str) -> str:
    with pytest.raises(UsageError) as caught:
        resolve(target)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_function_of_a_file(write) -> None:
    write("some/where.py", "def one():\n    return 1\n")
    target = load("some/where.py:one")
    assert target.function() == 1
    assert (target.path, target.name) == ("some/where.py", "one")


def test_a_function_of_a_module_of_the_current_folder(write) -> None:
    write("parcel/__init__.py", "")
    write("parcel/inner.py", "class Box:\n    @staticmethod\n    def one():\n        return 1\n")
    assert resolve("parcel.inner:Box.one")() == 1


def test_one_file_is_run_once_until_it_changes(write) -> None:
    write("a.py", "def f():\n    return 1\n")
    assert resolve("a.py:f") is resolve("a.py:f")
    write("a.py", "def f():\n    return 2\n")
    assert resolve("a.py:f")() == 2


def test_two_files_and_their_neighbours_may_share_names(write) -> None:
    for folder, number in (("left", 1), ("right", 2)):
        write(f"{folder}/helper.py", f"def value():\n    return {number}\n")
        write(f"{folder}/model.py", "import helper\n\n\ndef f():\n    return helper.value()\n")
        write(f"{folder}/other.py", "from helper import value\n")
    path, modules = list(sys.path), set(sys.modules)
    left, right = resolve("left/model.py:f"), resolve("right/model.py:f")
    assert (left(), right()) == (1, 2)
    assert (resolve("left/other.py:value")(), resolve("right/other.py:value")()) == (1, 2)
    assert sys.path == path
    assert "helper" not in sys.modules
    assert all(name.startswith("commute_user_") for name in set(sys.modules) - modules)


def test_a_module_of_that_name_that_came_meanwhile_stays(write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("helper.py", "def f():\n    return 1\n")
    write("a.py", "from helper import f\n")
    write("b.py", "from helper import f\n")
    resolve("a.py:f")
    another = type(sys)("helper")
    monkeypatch.setitem(sys.modules, "helper", another)
    assert resolve("b.py:f")() == 1
    assert sys.modules["helper"] is another


def test_what_a_file_prints_stays_out_of_our_output(write, capsys: pytest.CaptureFixture[str]) -> None:
    write("a.py", "print('hello')\n\n\ndef f():\n    pass\n")
    resolve("a.py:f")
    assert capsys.readouterr() == ("", "hello\n")


NETS = """
import torch


class Net(torch.nn.Module):
    def __init__(self, dim=2):
        super().__init__()
        self.proj = torch.nn.Linear(dim, dim)

    def forward(self, x):
        return self.proj(x)


class Needy(torch.nn.Module):
    def __init__(self, dim, heads):
        super().__init__()


class Broken(torch.nn.Module):
    def __init__(self):
        raise RuntimeError("no weights")


def make(dim=4) -> Net:
    return Net(dim)


def make_unannotated():
    return Net()


def plain(x=1):
    return x


instance = Net()
"""


@pytest.mark.parametrize("name", ["Net", "make", "make_unannotated", "instance"])
def test_a_module_by_class_factory_or_instance(write, name: str) -> None:
    write("nets.py", NETS)
    assert type(resolve(f"nets.py:{name}")).__name__ == "Net"


def test_a_function_with_defaults_is_no_factory(write) -> None:
    write("nets.py", NETS)
    assert resolve("nets.py:plain")() == 1


def test_a_module_that_can_t_be_built(write) -> None:
    write("nets.py", NETS)
    assert complaint("nets.py:Needy").startswith("nets.py: Needy needs constructor arguments (dim, heads)")
    assert complaint("nets.py:Broken") == "nets.py: Broken() raises RuntimeError: no weights"


def test_a_target_needs_a_function(write) -> None:
    write("a.py", "")
    for target in ("a.py", "a.py:", ":f", "f", ""):
        assert "say which function" in complaint(target)


def test_no_such_file_or_module(write) -> None:
    assert complaint("missing.py:f") == "missing.py: no such file"
    assert complaint("no/such.py:f") == "no/such.py: no such file"
    assert complaint("missing.module:f").startswith("missing.module: no such module")
    assert complaint("math.inner:f").startswith("math.inner: no such module")


def test_a_file_that_is_not_python(write, tmp_path: Path) -> None:
    write("notes.txt", "hello")
    (tmp_path / "folder.py").mkdir()
    assert complaint("notes.txt:f").startswith("notes.txt: not a Python file")
    assert complaint("folder.py:f").startswith("folder.py: not a Python file")


def test_no_such_function_suggests_the_nearest(write) -> None:
    write("a.py", "from math import sqrt\n\n\ndef softmax():\n    pass\n\n\ndef relu():\n    pass\n")
    assert complaint("a.py:sofmax") == "a.py: no function sofmax; did you mean softmax?"
    assert complaint("a.py:x") == "a.py: no function x; there are relu, softmax"
    assert complaint("a.py:softmax.inner").startswith("a.py: no function softmax.inner")


def test_a_file_that_raises_when_it_is_imported(write) -> None:
    write("a.py", "x = 1\ny = x / 0\n")
    assert complaint("a.py:f").startswith("a.py:2: the file raises when it is imported: ZeroDivisionError")
    write("b.py", "def f(:\n")
    assert complaint("b.py:f").startswith("b.py:1: the file raises when it is imported: SyntaxError")
    write("c.py", "import sys\n\nsys.exit(0)\n")
    assert complaint("c.py:f").startswith("c.py:3: the file raises when it is imported: SystemExit")
    write("d.py", "import nowhere_to_be_found\n")
    assert complaint("d.py:f").startswith("d.py:1: the file raises when it is imported: ModuleNotFoundError")
    assert complaint("d:f").startswith("d: the file raises when it is imported: ModuleNotFoundError")


def test_something_that_can_t_be_called(write) -> None:
    write("a.py", "number = 1\n")
    assert complaint("a.py:number") == "a.py: number is an int, not a function or nn.Module"
