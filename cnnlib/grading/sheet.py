"""Exercise sheets: made from the questions, and marked on the student's own machine."""

import copy
import re
from pathlib import Path

import nbformat

from .index import questions_page
from .text import STUB, fill_in, solutions_notebook

# nbgrader's marks: https://nbgrader.readthedocs.io, "Developing assignments"
_SOLUTION = re.compile(r"^(?P<indent>[ \t]*)### BEGIN SOLUTION\n.*?^[ \t]*### END SOLUTION$", re.MULTILINE | re.DOTALL)
_HIDDEN = re.compile(r"^[ \t]*### BEGIN HIDDEN TESTS\n.*?^[ \t]*### END HIDDEN TESTS\n?", re.MULTILINE | re.DOTALL)


def make_sheet(solution):
    """The sheet that a student gets: solutions replaced by a stub, hidden tests and outputs taken out.

    solution: a notebook node with nbgrader's `### BEGIN SOLUTION` … `### END SOLUTION` marks.  Returns a new node.
    Raises ValueError when a mark is left without its partner, naming the cell.
    """
    sheet = copy.deepcopy(solution)
    for number, cell in enumerate(sheet.cells):
        if cell.cell_type != "code":
            continue
        cell.source = _SOLUTION.sub(lambda m: "\n".join(m["indent"] + line for line in STUB.split("\n")), cell.source)
        cell.source = _HIDDEN.sub("", cell.source).strip("\n")
        for mark in ("SOLUTION", "HIDDEN TESTS"):
            if f"### BEGIN {mark}" in cell.source or f"### END {mark}" in cell.source:
                raise ValueError(f"make_sheet: cell {number} has a {mark} mark without its partner")
        cell.outputs, cell.execution_count = [], None
    return sheet


def write_exercises(root):
    """Write each question wherever it is shown: solutions/weekN.ipynb, exercises/weekN.ipynb, its chapter, the index.

    root: the project's folder.  Returns the list of paths written.
    Raises ValueError for a folder that is not the project's, and for a chapter that does not show its questions; then
    nothing is written.
    """
    from .questions import MODULES, WEEKS

    root = Path(root)
    missing = [f"{name}/" for name in ("chapters", "solutions") if not (root / name).is_dir()]
    if missing:
        raise ValueError(f"write_exercises: root must be the project's folder; there is no {' and no '.join(missing)} "
                         f"in {root.resolve()}")
    notebooks, index = {}, []
    for week, module in MODULES.items():
        listed = []
        solution = solutions_notebook(week, WEEKS[week])
        notebooks[root / "solutions" / f"week{week}.ipynb"] = solution
        notebooks[root / "exercises" / f"week{week}.ipynb"] = make_sheet(solution)
        for part in module.NOTEBOOKS:
            name = part.__name__.rpartition(".")[2]
            paths = list(root.glob(f"chapters/week{week}_*/{name}.ipynb"))
            if len(paths) != 1 and any(question.practice for question in part.QUESTIONS):
                raise ValueError(f"write_exercises: the questions of {name} need one notebook, "
                                 f"chapters/week{week}_*/{name}.ipynb; there are {len(paths)}")
            title, link = name.replace("_", " ").capitalize(), None
            for path in paths:
                notebooks[path] = nbformat.read(path, as_version=4)
                try:
                    fill_in(notebooks[path], week, part.QUESTIONS)
                except ValueError as error:
                    raise ValueError(f"{path}: {error}") from None
                title = notebooks[path].cells[0].source.split("\n")[0].removeprefix("# ")
                link = f"../{path.parent.name}/{path.name}"
            listed.append((title, link, part.QUESTIONS))
        index.append((module.__doc__.partition(":")[0], f"../../exercises/week{week}.ipynb", listed))
    for path, notebook in notebooks.items():
        path.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, path)
    page = root / "chapters" / "reference" / "questions.md"
    page.parent.mkdir(exist_ok=True)
    page.write_text(questions_page(index), encoding="utf-8")
    return [*notebooks, page]


# What runs in the sheet's own kernel behind its last cell; the marks come back as JSON.
_MARK_CELL = """
from cnnlib.grading.sheet import mark_namespace
mark_namespace(globals(), {week})
"""


class _Marks:
    def __init__(self, rows):
        self.rows = rows

    def _repr_mimebundle_(self, **_options):
        return {"application/json": self.rows, "text/plain": repr(self.rows)}


def mark_namespace(namespace, week):
    """Check every question of the week whose name the namespace holds.  Displays itself as JSON rows."""
    from .check import check
    from .questions import WEEKS

    rows = []
    for question in WEEKS[week]:
        answer = namespace.get(question.name)
        if callable(answer):
            # under the question's name, so that a lambda is found too
            verdict = check(_renamed(answer, question.name))
            note = verdict.mistake.name if verdict.mistake else verdict.case.problem if verdict.case else verdict.note
            row = {"verdict": verdict.headline, "passed": verdict.passed, "note": note}
        else:
            row = {"verdict": "not defined", "passed": False, "note": ""}
        rows.append({"question": question.name, "title": question.title, "points": question.points, **row})
    return _Marks(rows)


def _renamed(answer, name):
    def call(*args):
        return answer(*args)
    call.__name__ = name
    return call


def mark_sheet(path, timeout=120):
    """Run a sheet in a kernel of its own and check every question of its week.

    This runs the sheet's code as you, with all your rights: for your own sheets only.
    path: a notebook named weekN.ipynb.  timeout: seconds a cell may take.
    Returns a list of rows: question, title, points, verdict, passed, note.
    Raises ValueError when the file is no such notebook, RuntimeError when its kernel dies or a cell never ends.
    """
    import nbclient
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    from .questions import WEEKS

    path = Path(path)
    match = re.fullmatch(r"week(\d+)", path.stem)
    if not match or int(match[1]) not in WEEKS:
        known = ", ".join(f"week{week}.ipynb" for week in WEEKS)
        raise ValueError(f"mark_sheet: path must name a sheet, one of {known}; got {path.name!r}")
    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError) as error:      # no file, no JSON, no notebook
        raise ValueError(f"mark_sheet: {path} cannot be read as a notebook: {error}") from None
    notebook.cells.append(nbformat.v4.new_code_cell(_MARK_CELL.format(week=match[1])))
    client = nbclient.NotebookClient(notebook, timeout=timeout, allow_errors=True, kernel_name="python3",
                                     resources={"metadata": {"path": str(path.parent)}})
    try:
        client.execute()
    except (CellTimeoutError, DeadKernelError) as error:
        raise RuntimeError(f"mark_sheet: {path.name} did not run to its end: {type(error).__name__}") from None
    for output in notebook.cells[-1].outputs:
        if "application/json" in output.get("data", {}):
            return output["data"]["application/json"]
    raise RuntimeError(f"mark_sheet: {path.name} gave no marks; does it still import cnnlib?")
