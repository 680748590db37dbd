"""`python -m cnnlib.grading`: make exercise sheets, mark your own."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from . import sheet

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)


@app.command()
def exercises(
    solutions: Annotated[Path, typer.Option(help="Folder of the solutions.")] = Path("solutions"),
    out: Annotated[Path, typer.Option(help="Folder of the sheets.")] = Path("exercises"),
):
    """Write the exercise sheets from the solutions."""
    for path in sheet.write_sheets(solutions, out):
        print(path)


@app.command()
def check(sheets: Annotated[list[Path], typer.Argument(help="Notebooks named weekN.ipynb, your own.")]):
    """Run your own sheets on this machine and check every question. Not for other people's notebooks."""
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


if __name__ == "__main__":
    app()
