"""The house stays in order: layers, rooms, file lengths, packages, the checks of its text files."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = ("theory", "egraph", "verify", "lowering", "kernels")
ROOMS = (*LAYERS, "commute")

# What a room may import of the others: arrows only downwards, and egraph and verify don't know each other.
MAY_IMPORT = {
    "theory": {"theory"},
    "egraph": {"theory", "egraph"},
    "verify": {"theory", "verify"},
    "lowering": {"theory", "egraph", "verify", "lowering"},
    "kernels": set(LAYERS),
    "commute": {*ROOMS},
}

# Where the heavy libraries live; everywhere else they are banned, also inside functions.
HOME_OF_LIBRARY = {
    "egglog": ("egraph/",),
    "z3": ("verify/",),
    "flint": ("verify/",),
    "torch": ("verify/numeric.py", "lowering/", "kernels/"),
    "triton": ("lowering/", "kernels/generated/"),
    "typer": ("commute/cli.py", "commute/cli_plans.py"),
    "rich": ("commute/",),
}


def sources(*folders: str) -> list[Path]:
    """The Python files of real folders; rglob doesn't follow links, so each file comes once."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, at its top or later, `from a import b` as `a.b`; not those for types only."""
    tree = ast.parse(path.read_text())
    only_types = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in only_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(module: str) -> str | None:
    """The room that a module name such as commute.theory.terms belongs to; None for other libraries."""
    parts = module.split(".")
    if parts[0] != "commute":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in LAYERS else "commute"


@pytest.mark.parametrize("room", ROOMS)
def test_arrows_between_the_rooms_point_downwards(room: str) -> None:
    upwards = [
        f"{relative(path)} imports {module}"
        for path in sources(room)
        for module in imports(path)
        if room_of(module) not in {None, *MAY_IMPORT[room]}
    ]
    assert not upwards


@pytest.mark.parametrize("library", HOME_OF_LIBRARY)
def test_a_library_is_imported_only_at_its_home(library: str) -> None:
    home = HOME_OF_LIBRARY[library]
    strangers = [
        f"{relative(path)} imports {module}"
        for path in sources(*ROOMS)
        for module in imports(path)
        if module.split(".")[0] == library and not relative(path).startswith(home)
    ]
    assert not strangers


def test_the_theory_needs_only_the_standard_library_and_sympy() -> None:
    strangers = [
        f"{relative(path)} imports {module}"
        for path in sources("theory")
        for module in imports(path)
        if module.split(".")[0] not in {"commute", "sympy", *sys.stdlib_module_names}
    ]
    assert not strangers


def test_imports_say_the_whole_name() -> None:
    short = [
        f"{relative(path)} imports {module}"
        for path in sources(*ROOMS, "tests", "examples")
        for module in imports(path)
        if module.split(".")[0] in LAYERS
    ]
    assert not short


def test_no_file_is_longer_than_500_lines() -> None:
    long = {relative(path): len(path.read_text().splitlines()) for path in sources(*ROOMS, "tests", "examples")}
    assert {path: lines for path, lines in long.items() if lines > 500} == {}


def test_no_file_is_named_after_a_library() -> None:
    libraries = {"torch", "triton", "z3", "egglog", "sympy", "numpy", "flint", "rich", "typer"}
    assert [relative(path) for path in sources(*ROOMS, "tests", "examples") if path.stem in libraries] == []


def test_every_file_says_what_it_is_for() -> None:
    mute = [relative(path) for path in sources(*ROOMS, "tests", "examples") if not opening_docstring(path)]
    assert not mute


def opening_docstring(path: Path) -> str | None:
    return ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("folder", [*LAYERS, "theory/laws", "kernels/generated"])
def test_a_room_says_what_belongs_in_it_and_has_one_name(folder: str) -> None:
    text = (ROOT / folder / "__init__.py").read_text()
    assert "What may be added here" in text and "What never belongs here" in text
    name = f"commute.{folder.replace('/', '.')}"
    assert text.endswith(f'if __name__ != "{name}":\n    raise ImportError("import it as {name}")\n')


def test_a_room_can_t_be_imported_under_a_second_name() -> None:
    tried = subprocess.run([sys.executable, "-c", "import theory"], cwd=ROOT, capture_output=True, text=True)
    assert "ImportError: import it as commute.theory" in tried.stderr


def test_the_links_lead_to_the_rooms() -> None:
    assert {layer: (ROOT / "commute" / layer).readlink().as_posix() for layer in LAYERS} == {
        layer: f"../{layer}" for layer in LAYERS
    }


def test_the_packages_that_are_shipped_are_the_folders_that_there_are() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    inits = [path for path in sources(*LAYERS) if path.name == "__init__.py"]
    folders = {f"commute.{'.'.join(path.parent.relative_to(ROOT).parts)}" for path in inits}
    assert sorted(settings["tool"]["setuptools"]["packages"]) == sorted({"commute", *folders})


def test_every_dependency_has_an_exact_version_without_a_local_tag() -> None:
    pins = (ROOT / "constraints.txt").read_text().split()
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9a-z.]*", pin) for pin in pins)
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*settings["dependencies"], *settings["optional-dependencies"]["dev"]]
    names = {re.split(r"[=<>]", each)[0].lower() for each in wanted}
    assert names <= {pin.split("==")[0].lower() for pin in pins}


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    assert sorted(phony[1].split()) == sorted(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))


def test_help_answers_at_once_without_the_heavy_libraries() -> None:
    heavy = "{'torch', 'z3', 'sympy', 'numpy', 'egglog'}"
    code = (
        "import sys, time; from commute.cli import main; main(['--help']); "
        f"print(sorted({heavy} & {{*sys.modules}}), time.process_time())"
    )
    seconds = []
    for _ in range(3):
        answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        found, cpu = answer.stdout.splitlines()[-1].rsplit(maxsplit=1)
        assert found == "[]"
        seconds.append(float(cpu))
    assert min(seconds) < 0.5, "seconds of the processor, so that a busy machine doesn't matter"


def test_every_public_name_of_commute_exists() -> None:
    import commute

    for name in commute.__all__:
        assert getattr(commute, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'prof'"):
        _ = commute.prof  # pyright: ignore[reportAttributeAccessIssue]
