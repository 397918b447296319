"""A second solver on the obligations of laws: cvc5, where it is installed, in a process of its own that can be ended.

cvc5 doesn't keep to its own time limits, so each question has a deadline after which the process is killed and started anew.
To add here: settings with which the solver is asked.  Never here: what an obligation says.
(The process runs this very file as a script, without the rest of commute; so nothing of commute is imported here.)
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from types import TracebackType
from typing import Any

SETTINGS: dict[str, tuple[dict[str, str], ...]] = {"QF_NRA": ({"nl-ext": "none"}, {}), "QF_NIA": ({},), "QF_NIRA": ({},)}
"""What cvc5 is asked with, by logic: real polynomials first by coverings alone, without linear lemmas."""

SAT, UNSAT, SILENT = "sat", "unsat", "no answer"


def installed() -> bool:
    """Whether cvc5 can be asked."""
    return find_spec("cvc5") is not None


class SecondOpinion:
    """cvc5 in a process: `with SecondOpinion() as cvc5: cvc5.ask(text, logic, seconds)`."""

    def __init__(self) -> None:
        self.version = ""
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> SecondOpinion:
        self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    def ask(self, text: str, logic: str, seconds: float) -> str:
        """What cvc5 says of an SMT-LIB script: sat, unsat, or why it says neither; `seconds` for each setting."""
        said = SILENT
        for options in SETTINGS[logic]:
            said = self._asked(text, options, seconds)
            if said in (SAT, UNSAT):
                break
        return said

    def _asked(self, text: str, options: dict[str, str], seconds: float) -> str:
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps({"text": text, "options": options}) + "\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], seconds)
        line = process.stdout.readline() if ready else ""
        if line:
            return str(json.loads(line))
        self._end()
        self._start()
        return "an end without an answer" if ready else f"no answer in {seconds:g} s"

    def _start(self) -> None:
        command = [sys.executable, "-P", __file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.version = str(json.loads(self._process.stdout.readline()))

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _serve() -> None:
    """Answer questions, a line of JSON each, until the input ends."""
    cvc5: Any = import_module("cvc5")
    print(json.dumps(cvc5.__version__), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        try:
            said = _judged(question["text"], question["options"])
        except RuntimeError as error:
            said = f"a complaint: {error}"
        print(json.dumps(said), flush=True)


def _judged(text: str, options: dict[str, str]) -> str:
    cvc5: Any = import_module("cvc5")  # its names come from a compiled part, which a type checker doesn't see
    solver = cvc5.Solver(cvc5.TermManager())
    for name, value in options.items():
        solver.setOption(name, value)
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "obligation")
    said = []
    while not (command := parser.nextCommand()).isNull():
        said.append(command.invoke(solver, parser.getSymbolManager()).strip())
    return "".join(said)


if __name__ == "__main__":
    _serve()
