"""`python -m cnnlib.grading`: make exercise sheets, mark your own, mark a class."""

import contextlib
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)

Submissions = Annotated[Path, typer.Argument(help="A folder with a folder for each student, in it weekN.ipynb.")]
Out = Annotated[Path, typer.Argument(help="The folder that grade wrote.")]
Jobs = Annotated[int | None, typer.Option(min=1, help="How many processes. Default: one for each core.")]
Scheduler = Annotated[str | None, typer.Option(help="A Dask scheduler, tcp://host:port, whose workers mark instead.")]
NoSandbox = Annotated[bool, typer.Option("--no-sandbox", help="Run submissions with all your rights.")]
Trust = Annotated[bool, typer.Option("--i-trust-these-submissions", help="Needed with --no-sandbox.")]


@app.command()
def exercises(
    root: Annotated[Path, typer.Option(help="The project's folder.")] = Path("."),
):
    """Write each question into the solutions, the exercise sheets, the chapters and the page of all questions."""
    from . import sheet  # here, because nbformat takes a second to import

    try:
        for path in sheet.write_exercises(root):
            typer.echo(path)
    except ValueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


@app.command()
def check(sheets: Annotated[list[Path], typer.Argument(help="Notebooks named weekN.ipynb, your own.")]):
    """Run your own sheets on this machine and check every question. Not for other people's notebooks."""
    from . import sheet

    failed = False
    for path in sheets:
        try:
            rows = sheet.mark_sheet(path)
        except (ValueError, RuntimeError) as error:
            typer.echo(str(error), err=True)
            failed = True
            continue
        table = Table("question", "points", "verdict", "what", title=str(path), title_justify="left")
        for row in rows:
            points = row["points"] if row["passed"] else 0
            table.add_row(row["question"], f"{points} / {row['points']}", escape(row["verdict"]), escape(row["note"]))
        Console().print(table)
        total, most = sum(row["points"] for row in rows if row["passed"]), sum(row["points"] for row in rows)
        typer.echo(f"{path}: {total} of {most} points")
    if failed:
        raise typer.Exit(2)


@app.command()
def grade(
    submissions: Submissions,
    out: Annotated[Path, typer.Option(help="Folder for the marks and reports.")],
    week: Annotated[int | None, typer.Option(help="Which sheet. Default: the only one that was handed in.")] = None,
    jobs: Jobs = None, scheduler: Scheduler = None, no_sandbox: NoSandbox = False,
    i_trust_these_submissions: Trust = False,
):
    """Mark a class, each submission in a sandbox. The same command goes on with a run that was stopped."""
    with _one_line():
        from .batch import commands

        workers = _workers(jobs, scheduler, no_sandbox, i_trust_these_submissions)
        _summarize(commands.grade(submissions, out, week, workers, _say), out)


@app.command()
def regrade(
    out: Out, submissions: Submissions,
    question: Annotated[str, typer.Option(help="The question that was mended.")],
    jobs: Jobs = None, scheduler: Scheduler = None, no_sandbox: NoSandbox = False,
    i_trust_these_submissions: Trust = False,
):
    """Mark one question again in all submissions; the marks of all others stay."""
    with _one_line():
        from .batch import commands

        workers = _workers(jobs, scheduler, no_sandbox, i_trust_these_submissions)
        _summarize(commands.regrade(out, submissions, question, workers, _say), out)


@app.command()
def export(out: Out):
    """Write the reports anew from the database."""
    with _one_line():
        from .batch import commands

        _summarize(commands.export(out), out)


@app.command()
def explain(
    out: Out,
    student: Annotated[str, typer.Argument(help="As grades.csv shows the name, or as the student's files are named.")],
    question: Annotated[str, typer.Argument(help="The name of the function that was asked for.")],
):
    """Show why a question has its mark, and how to replay the case."""
    with _one_line():
        from .batch import commands

        typer.echo(commands.explain(out, student, question))


@app.command()
def gradescope(
    week: Annotated[int, typer.Option(help="Which sheet.")],
    out: Annotated[Path, typer.Option(help="The zip to write.")] = Path("autograder.zip"),
    no_sandbox: Annotated[bool, typer.Option("--no-sandbox", help="Mark where bubblewrap cannot start, too.")] = False,
    i_trust_these_submissions: Trust = False,
):
    """Write the autograder of a week, a zip to upload to Gradescope."""
    with _one_line():
        from . import gradescope as autograder
        from .batch.attempt import BatchError

        if no_sandbox and not i_trust_these_submissions:
            raise BatchError("--no-sandbox separates a submission from the answers by the rights of files only; if "
                             "that is enough for you, say so: --i-trust-these-submissions")
        try:
            autograder.write_zip(week, out, no_sandbox)
        except (ValueError, OSError) as error:
            raise BatchError(str(error)) from None
        typer.echo(out)


@contextlib.contextmanager
def _one_line():
    """What stops a command is told in one line, with exit status 2."""
    from .batch.attempt import BatchError

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")                # a terminal may lack a name's letters
    try:
        yield
    except BatchError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        _fail("stopped; what is marked is kept, and the same command goes on where it stopped", 130)
    except (typer.Exit, typer.Abort, BrokenPipeError):                   # the last: whoever reads our lines has gone
        raise
    except Exception as error:                                           # nothing that a submission holds may end so
        if os.environ.get("CNNLIB_TRACEBACK"):
            raise
        frame = traceback.extract_tb(error.__traceback__)[-1]
        _fail(f"this is a fault of the grader: {type(error).__name__}: {error} ({Path(frame.filename).name}, line "
              f"{frame.lineno}; CNNLIB_TRACEBACK=1 shows more). What is marked is kept.")


def _fail(text, status=2):
    _say(" ".join(text.split()))
    raise typer.Exit(status)


def _say(text):
    typer.echo(text, err=True)


def _workers(jobs, scheduler, no_sandbox, trusted):
    from .batch.attempt import BatchError
    from .batch.commands import Workers

    if no_sandbox and not trusted:
        raise BatchError("--no-sandbox runs every submission with all your rights; if you have read them all, say so: "
                         "--i-trust-these-submissions")
    if no_sandbox:
        _say("warning: no sandbox; every submission runs with all the rights of whoever runs it, and may do anything")
    return Workers(jobs, scheduler, sandbox=not no_sandbox)


def _summarize(results, out):
    from .batch.commands import summary
    from .batch.store import DATABASE, shown

    counts, mean, most = summary(results)
    table = Table("status", "submissions")
    for status, count in counts.items():
        table.add_row(status, str(count))
    Console().print(table)
    typer.echo(f"{len(results)} submissions, on average {mean:.1f} of {most} points")
    for name in ("grades.csv", DATABASE, "gradescope/", "html/index.html"):
        typer.echo(shown(out / name) + ("/" if name.endswith("/") else ""))


if __name__ == "__main__":
    app()
