"""The command line: reads options, calls one verb, prints what it answers, and turns it into an exit code.

What may be added here: a command for a verb that exists. What never belongs here: the work itself, and imports at the
top of anything slow; `commute --help` must answer at once.

Exit codes: 0 PROVED or CHECKED, 1 REFUTED (or a certificate rejected), 2 UNKNOWN, 3 unusable input,
70 internal error, 130 interrupted.
"""

import functools
import json
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commute import cli_plans
from commute.budget import usual_memory
from commute.options import (
    assumptions_of,
    check_folder,
    check_memory,
    check_timeout,
    check_writable,
    sizes_of,
    write_text,
)
from commute.theory import messages
from commute.theory.messages import UsageError
from commute.working import working

if TYPE_CHECKING:
    from commute.loading import Target
    from commute.verify.verdict import Verdict
    from commute.watch import Counted, Ended

REJECTED, UNPROVED, UNUSABLE, INTERNAL, INTERRUPTED = 1, 2, 3, 70, 130

app = typer.Typer(
    name="commute",
    help="Prove that two deep-learning algorithms are equal, or show an input at which they differ.",
    epilog="Exit codes: 0 PROVED or CHECKED, 1 REFUTED, 2 UNKNOWN, 3 unusable input, 70 internal error.",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Size = Annotated[
    list[str] | None,
    typer.Option("--size", metavar="NAME=INT", help="Fix the size of an axis; may be given for several axes."),
]


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code; a real command line (no `argv`) is watched by a second process."""
    try:
        code = app(args=argv, prog_name="commute", standalone_mode=False, obj=argv is None)
    except typer.exceptions.TyperException as error:
        return _fail(UNUSABLE, messages.one_line(error.format_message()) + " (see commute --help)")
    except (typer.Abort, KeyboardInterrupt):
        return _fail(INTERRUPTED, "interrupted")
    return code if isinstance(code, int) else 0


def verb(command: Callable[..., int]) -> Callable[..., int]:
    """The command with every way of ending turned into its exit code and at most one line on stderr."""

    @functools.wraps(command)
    def run(**options: Any) -> int:
        try:
            code = command(**options)
            sys.stdout.flush()
            return code
        except UsageError as error:
            return _fail(UNUSABLE, messages.one_line(error), options["debug"])
        except KeyboardInterrupt:
            return _fail(INTERRUPTED, "interrupted", options["debug"])
        except BrokenPipeError:
            # The reader of our output has gone (`commute laws | head`): Python must not complain about it at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except Exception as error:
            hint = "" if options["debug"] else " (--debug shows where)"
            return _fail(INTERNAL, messages.internal_error(error) + hint, options["debug"])

    return run


@app.callback(invoke_without_command=True)
def bare(context: typer.Context) -> None:
    """Prove that two deep-learning algorithms are equal, or show an input at which they differ."""
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
@verb
def prove(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(metavar="REF", help="path.py:function or package.module:function")],
    candidate: Annotated[str, typer.Argument(metavar="CAND", help="The one that should be equal to it.")],
    certificate: Annotated[
        Path | None, typer.Option("--certificate", metavar="OUT.json", help="Write the certificate of a proof here.")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", metavar="S", help="Give up after so many seconds.")] = 30.0,
    memory: Annotated[
        int | None,
        typer.Option("--memory", metavar="MIB", help="Give up at so much memory (4096, or half of the machine's if less)."),
    ] = None,
    size: Size = None,
    assume: Annotated[
        list[str] | None,
        typer.Option("--assume", metavar="ARG=WHAT", help="positive, nonnegative, nonzero or LO,HI for an argument."),
    ] = None,
    ignore_undefined: Annotated[
        bool, typer.Option("--ignore-undefined", help="Accept a candidate that has no value where the reference has one.")
    ] = False,
    assume_masks: Annotated[
        bool, typer.Option("--assume-masks", help="Read numbers up to -1e4 in masks (-1e9, finfo.min) as minus infinity.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show the laws, the guards and the derivation.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Prove two functions equal for all inputs, or refute it with one input."""
    sizes, assumed = sizes_of(size or []), assumptions_of(assume or [])
    memory = usual_memory() if memory is None else memory
    check_timeout(timeout)
    check_memory(memory)
    if certificate is not None:
        check_writable(certificate)

    def work(counted: "Counted" = nullcontext) -> int:
        from commute.loading import load

        with working(f"comparing {reference} with {candidate}", quiet=as_json):
            first, second = load(reference), load(candidate)
            from commute.proving import prove as prove_equal

            with counted():
                verdict = prove_equal(
                    first.function, second.function, sizes=sizes, assume=assumed, timeout=timeout, memory=memory,
                    ignore_undefined=ignore_undefined, assume_masks=assume_masks,
                )  # fmt: skip
        if as_json:
            _print_json(verdict.to_json())
        else:
            print(_in_words(verdict, first, second, explain))
        if certificate is not None:
            _keep_certificate(verdict, certificate)
        return verdict.exit_code

    if not context.obj or not hasattr(os, "fork"):
        return work()
    from commute.watch import watched

    ended = watched(work, timeout, memory)
    return ended if isinstance(ended, int) else _unanswered(ended, as_json)


@app.command()
@verb
def recheck(
    certificate: Annotated[Path, typer.Argument(metavar="CERT.json", help="What prove --certificate wrote.")],
    relift: Annotated[
        list[str] | None,
        typer.Option("--relift", metavar="FUNCTION", help="Lift again too; say it twice, for reference and candidate."),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Recheck a certificate with the trusted checker alone, without any search."""
    from commute.rechecking import recheck_file, relift_file

    if relift and len(relift) != 2:
        raise UsageError(messages.relift_needs_two(len(relift)))
    checked = recheck_file(certificate)
    ok, reason = checked.ok, checked.reason
    if ok and relift:
        from commute.loading import load

        reason = relift_file(certificate, [load(target).function for target in relift])
        ok = not reason
    if as_json:
        facts = {"claim": checked.claim, "laws": list(checked.laws), "axioms": list(checked.axioms)}
        _print_json({"accepted": ok, "reason": reason, **facts})
    elif ok:
        print(f"accepted: {checked.claim}")
        for name, texts in (("laws", checked.laws), ("axioms", checked.axioms)):
            print(f"  {name:<8}{', '.join(texts) or 'none'}")
        if relift:
            print("  lifted  again from source: the same terms")
    else:
        print(f"rejected: {messages.one_line(reason)}")
    return 0 if ok else REJECTED


@app.command()
@verb
def draw(
    function: Annotated[str, typer.Argument(metavar="FN", help="path.py:function or package.module:function")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.svg", help="Where the picture goes.")],
    size: Size = None,
    debug: Debug = False,
) -> int:
    """Draw a function as a neural circuit diagram."""
    sizes = sizes_of(size or [])
    check_writable(output)
    from commute.loading import load

    with working(f"drawing {function}"):
        target = load(function)
        from commute.drawing import draw_function

        picture = draw_function(target.function, sizes)
    write_text(output, picture)
    print(f"drawn: {output}")
    return 0


@app.command()
@verb
def laws(
    check: Annotated[bool, typer.Option("--check", help="Prove every law anew, and say how long each takes.")] = False,
    write: Annotated[bool, typer.Option("--write", help="With --check: keep the book of proved laws.")] = False,
    smtlib: Annotated[Path | None, typer.Option("--smtlib", metavar="DIR", help="With --check: export what is proved.")] = None,
    draw: Annotated[Path | None, typer.Option("--draw", metavar="DIR", help="Draw each law into this folder.")] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """List the laws that a proof may use; exit code 2 where --check leaves one unproved, or the book is out of date."""
    if write and not check:
        raise UsageError("--write goes with --check")
    if smtlib is not None:
        if not check:
            raise UsageError("--smtlib goes with --check")
        check_folder(smtlib)
    if draw is not None:
        check_folder(draw)
    from commute.lawbook import check_all, draw_all, page, rows

    stand, report = True, ""
    if check:
        with working("proving every law", quiet=as_json):
            stand, report = check_all(write, smtlib)
    if draw is not None:
        print(f"drawn: {draw_all(draw)} laws in {draw}", file=sys.stderr)
    table = rows()
    if as_json:
        _print_json({"laws": table, **({"all_proved": stand} if check else {})})
    elif check:
        print(report)
    elif draw is None:
        print(page(table))
        print(f"\n{len(table)} laws, {sum(bool(row['axiom']) for row in table)} of them axioms")
    return 0 if stand else UNPROVED


@app.command()
@verb
def rules(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Equations in TASO's operators, as docs/rules.md says.")],
    timeout: Annotated[float, typer.Option("--timeout", metavar="S", help="Give up an equation after so many seconds.")] = 30.0,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Give a verdict, and the condition on shapes that it is under, for every equation of a file."""
    check_timeout(timeout)
    from commute.ruling import exit_code, judge, rules_of

    found = []
    for rule in rules_of(file):
        with redirect_stdout(sys.stderr):
            found.append(judge(rule, timeout))
        if not as_json:
            print(found[-1], flush=True)
    if as_json:
        print(json.dumps([each.to_json() for each in found], indent=1, allow_nan=False))
    return exit_code(found)


app.command()(verb(cli_plans.optimize))
app.command()(verb(cli_plans.explore))
app.command()(verb(cli_plans.machines))


def _in_words(verdict: "Verdict", reference: "Target", candidate: "Target", explain: bool) -> str:
    """The verdict for a person; a refutation comes with a script that shows it in plain Torch."""
    if explain:
        from commute.explaining import explained

        text = explained(verdict)
    else:
        text = str(verdict)
    if verdict.counterexample is None:
        return text
    script = verdict.counterexample.snippet((reference.path, reference.name), (candidate.path, candidate.name))
    return f"{text}\n\nTo see it in plain Torch, run:\n\n{script}"


def _unanswered(ended: "Ended", as_json: bool) -> int:
    """UNKNOWN, in place of a process that was ended."""
    from commute.verify.verdict import UNKNOWN, Verdict

    verdict = Verdict(UNKNOWN, ended.seconds, reason=ended.reason, peak_mib=ended.peak_mib)
    if as_json:
        _print_json(verdict.to_json())
    else:
        print(verdict)
    return verdict.exit_code


def _keep_certificate(verdict: "Verdict", path: Path) -> None:
    if verdict.certificate is None:
        print(f"{path}: not written, {verdict.kind} has no certificate", file=sys.stderr)
        return
    write_text(path, json.dumps(verdict.certificate, indent=1) + "\n")
    print(f"certificate: {path}", file=sys.stderr)


def _print_json(answer: dict[str, Any]) -> None:
    print(json.dumps(answer, indent=2, allow_nan=False))


def _fail(code: int, line: str, debug: bool = False) -> int:
    """Say in one line on stderr why there is no answer; the traceback comes only when it is asked for."""
    if debug:
        import traceback

        traceback.print_exc()
    print(f"commute: {line}", file=sys.stderr)
    return code
