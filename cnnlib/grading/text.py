"""A question as the cells of a notebook: in the solutions, in the sheet made from them, and in its chapter.

The words and the answer stand once, in `questions/`; `make exercises` writes them wherever they are shown.
"""

import ast
import inspect
import re
import textwrap

import nbformat

STUB = "# your code here\nraise NotImplementedError()"
# Of every notebook that is committed.
METADATA = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"}}
LEVELS = {1: "●", 2: "●●", 3: "●●●"}


def source(function):
    """The source of a function without its decorators.  → (signature and docstring, body)"""
    lines = textwrap.dedent(inspect.getsource(function)).split("\n")
    node = next(node for node in ast.walk(ast.parse("\n".join(lines))) if isinstance(node, ast.FunctionDef))
    first = node.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    split = first.end_lineno if documented else first.lineno - 1
    return "\n".join(lines[node.lineno - 1:split]), "\n".join(lines[split:node.end_lineno])


def stub(question):
    """What the student begins with: the signature, the docstring, and where to write."""
    return f"{source(question.answer)[0]}\n{textwrap.indent(STUB, '    ')}"


def answer(question):
    """The answer as a student would write it."""
    return "\n".join(source(question.answer))


def solution(question):
    """The answer between the marks at which nbgrader cuts it out."""
    head, body = source(question.answer)
    return f"{head}\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION"


def words(question):
    """What is asked, in Markdown, without title and hints."""
    points = f"{question.points} point{'s' if question.points != 1 else ''}"
    parts = [f"*{points} · {question.minutes} minutes · {LEVELS[question.level]} · {question.kind}*", question.asks]
    if question.wrong is not None:
        wrong = "\n".join(source(question.wrong)).replace("def _(", f"def {question.name}(", 1)
        parts.append(f"This is wrong:\n\n```python\n{wrong}\n```")
    parts.append(textwrap.dedent(question.text).strip())
    return "\n\n".join(part for part in parts if part)


def _hints(question, form):
    return "\n\n".join(form.format(symptom=symptom, hint=textwrap.dedent(hint).strip())
                       for symptom, hint in question.hints.items())


def _code(text, cell_id, **metadata):
    return nbformat.v4.new_code_cell(text, id=cell_id[:64], metadata=metadata)


def _markdown(text, cell_id):
    return nbformat.v4.new_markdown_cell(text, id=cell_id[:64])


def label_of(question):
    """The label of a question in its chapter."""
    return f"ex-{question.name.replace('_', '-')}"


def solutions_notebook(week, questions):
    """→ solutions/weekN.ipynb as a notebook: for each question the words, the answer, and a check that gives points."""
    points, minutes = sum(q.points for q in questions), sum(q.minutes for q in questions)
    practice = sum(q.points for q in questions if q.practice)
    cells = [_markdown(_FRONT.format(week=week, count=len(questions), points=points, hours=round(minutes / 60),
                                     practice=practice), "front"),
             _code("import numpy as np\n\nfrom cnnlib.grading import check", "imports")]
    for number, question in enumerate(questions, start=1):
        text = f"## {number} · {question.title}\n\n{words(question)}"
        hints = _hints(question, "<details><summary>{symptom}</summary>\n\n{hint}\n\n</details>")
        name = question.name
        marks = {"schema_version": 3, "locked": False, "task": False}
        cells += [
            _markdown(f"{text}\n\n{hints}".strip(), f"text-{name}"),
            _code(solution(question), f"answer-{name}",
                  nbgrader={**marks, "grade": False, "solution": True, "grade_id": name}),
            _code("### BEGIN HIDDEN TESTS\n"
                  f"assert check({name}).passed\n### END HIDDEN TESTS\ncheck({name})", f"check-{name}",
                  nbgrader={**marks, "grade": True, "solution": False, "locked": True, "points": question.points,
                            "grade_id": f"check_{name}"}),
        ]
    return nbformat.v4.new_notebook(cells=cells, metadata=METADATA)


_FRONT = """\
# Exercises · Week {week}

{count} questions, {points} points, about {hours} hours. {practice} of the points are the chapters' own questions, for
practice; the answers to the others stand nowhere in the book. Write your answer where it says `# your code here`, run
the cell, then run the `check` below it. A check calls your function on random cases and tells you what is wrong with a
wrong answer; "passed" means that these cases passed. You may use NumPy, the standard library and your own earlier
answers, but for what a question forbids; nothing of cnnlib, which is not there when the sheet is marked.

Points, minutes, a difficulty from ● to ●●● and the kind stand at each question: *implement* a formula, *predict*
numbers without running the thing itself, *mend* a function that is wrong, *design* something that has a wanted
property and is judged by that property alone. Hints are folded: open one when you are stuck."""


def _with_labels(text, label):
    """The text with labels at its display equations, `label`, `label-2`, …  → it, and the labels"""
    labels = [f"{label}-{number}" if number > 1 else label for number in range(1, text.count("$$") // 2 + 1)]
    rest = iter(labels)
    return re.sub(r"\$\$.*?\$\$", lambda match: f"{match[0]} ({next(rest)})", text, flags=re.DOTALL), labels


def exercise_cells(question):
    """A question in its chapter: words, hints, stub and check; then the answer, folded.  → list of cells

    An equation of the words gets a label, and the check of the answer says that it executes it (scripts/ledger.py).
    """
    label = label_of(question)
    asked, equations = _with_labels(words(question), f"eq-{label}")
    hints = _hints(question, "~~~{{dropdown}} {symptom}\n{hint}\n~~~")
    start = f"```{{exercise-start}} {question.title}\n:label: {label}\n```\n\n{asked}\n\n{hints}".strip()
    run = f"check({question.name})"
    hidden = {"jupyter": {"source_hidden": True}}
    return [
        _markdown(start, f"{label}-start"), _code(stub(question), f"{label}-stub", tags=["exercise"]),
        _code(run, f"{label}-check", tags=["exercise"]), _markdown("```{exercise-end}\n```", f"{label}-end"),
        _markdown(f"```{{solution-start}} {label}\n:class: dropdown\n```", f"{label}-answer-start"),
        _code(answer(question), f"{label}-answer", tags=["solution"], **hidden),
        _code(run, f"{label}-answer-check", tags=["solution"], **hidden,
              **({"equations": equations} if equations else {})),
        _markdown("```{solution-end}\n```", f"{label}-answer-end"),
    ]


def fill_in(notebook, week, questions):
    """Write a chapter's questions where their labels stand, and what its sheet goes on with before the references.

    notebook: a chapter, changed in place. Where a question is to come, a Markdown cell has the first line
    "```{exercise-start} …" with the label, up to the cell "```{solution-end}"; or the one line `exercise: NAME`.
    Raises ValueError for a question that the chapter does not show, or one that it shows twice, for one without its
    end, and for a chapter without "## References".
    """
    for question in (q for q in questions if q.practice):
        label = f":label: {label_of(question)}\n"
        starts = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "markdown" and
                  (cell.source.strip() == f"exercise: {question.name}" or
                   cell.source.startswith("```{exercise-start}") and label in cell.source + "\n")]
        if len(starts) != 1:
            raise ValueError(f"fill_in: {question.name} must stand in its chapter once, and stands {len(starts)} times")
        start = stop = starts[0]
        if notebook.cells[start].source.startswith("```"):
            ends = [i for i, cell in enumerate(notebook.cells) if cell.source.startswith("```{solution-end}")]
            stop = next((i for i in ends if i > start), None)
            if stop is None:
                raise ValueError(f"fill_in: {question.name} has no cell that begins with ```{{solution-end}}")
        notebook.cells[start:stop + 1] = exercise_cells(question)
    notebook.cells = [cell for cell in notebook.cells if not cell.source.startswith("## On the sheet")]
    at = next((i for i, cell in enumerate(notebook.cells) if cell.source.startswith("## References")), None)
    if at is None:
        raise ValueError("fill_in: the chapter has no cell that begins with ## References")
    notebook.cells.insert(at, _markdown(_on_the_sheet(week, questions), "on-the-sheet"))


def _on_the_sheet(week, questions):
    rows = [f"| {q.title} | {q.kind} | {q.minutes} | {LEVELS[q.level]} |" for q in questions if not q.practice]
    again = sum(q.practice for q in questions)
    number = {1: "one", 2: "two", 3: "three", 4: "four"}.get(again, str(again))
    above = f"{number} question{'s' if again != 1 else ''} above"
    return "\n".join([
        "## On the sheet", "",
        f"The sheet of [week {week}](../../exercises/week{week}.ipynb) asks the {above} again,",
        "and goes one step further. The answers to these stand nowhere in the book:", "",
        "| question | kind | minutes | |", "|---|---|---|---|", *rows])
