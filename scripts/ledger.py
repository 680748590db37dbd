"""The ledger of formulas: every displayed equation of the chapters, where it stands, and what executes it.

    python scripts/ledger.py            writes chapters/reference/formulas.md

In a notebook an equation is written `$$ … $$ (label)`. A code cell that executes it names the label in its metadata,
`"equations": ["label", …]`. Where a test does so, the equation's own cell names it: `"tests": {"label": "FILE::NAME"}`.
"""

import ast
import re
import sys
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parent.parent
PAGE = Path("chapters/reference/formulas.md")
EQUATION = re.compile(r"\$\$(?P<tex>.+?)\$\$(?: *\((?P<label>[\w-]+)\))?", re.DOTALL)
OTHER_FORMS = re.compile(r"(?:```|~~~|:::)\{math\}|\\begin\{(?:equation|align|gather|multline)\*?\}")
ASSERTION = re.compile(r"\bassert(?:_\w+)?\b|\bcheck\(")
HEADING = re.compile(r"(?:^\((?P<label>[\w-]+)\)=\n)?^#+ (?P<text>.+)$", re.MULTILINE)
EXERCISE = re.compile(r"```\{exercise-start\} (?P<text>.+)\n:label: (?P<label>[\w-]+)")
CODE = re.compile(r"^```python\n.*?^```$", re.MULTILINE | re.DOTALL)        # a # in it is no heading


def walk(notebook, page):
    """→ for each cell (cell, its equations, the place where its end stands); an equation is (tex, label, place).

    A place is Markdown: a link to the heading above, or to the exercise around.
    page: the link to the notebook, for headings without a label.
    """
    section, exercise = page, None
    for cell in notebook.cells:
        equations = []
        if cell.cell_type == "markdown":
            text = CODE.sub(lambda match: " " * len(match[0]), cell.source)
            started = EXERCISE.match(text)
            exercise = link(started, page) if started else exercise
            for match in sorted([*HEADING.finditer(text), *EQUATION.finditer(text)], key=lambda match: match.start()):
                if match.re is HEADING:
                    section = link(match, page)
                else:
                    equations.append((match["tex"].strip(), match["label"], exercise or section))
        yield cell, equations, exercise or section
        if cell.source.startswith("```{solution-end}"):
            exercise = None


def link(match, page):
    return f"[{match['text']}]({'#' + match['label'] if match['label'] else page})"


def problems(notebook, root=ROOT):
    """What keeps a notebook's equations out of the ledger: a list of sentences."""
    found, labels, executed, cells = [], [], set(), []
    for cell, equations, _ in walk(notebook, ""):
        cells.append(cell)
        if cell.cell_type != "markdown":
            continue
        if OTHER_FORMS.search(EQUATION.sub("", cell.source)):
            found.append(f"cell {cell.id}: an equation is not written $$ … $$ (label)")
        found += [f"cell {cell.id}: no label at the equation {tex[:40]}" for tex, label, _ in equations if not label]
        here = [label for _, label, _ in equations if label]
        labels += here
        for label, test in cell.metadata.get("tests", {}).items():
            if label not in here:
                found.append(f"cell {cell.id}: names a test of {label}, which is no label of its equations")
            elif not exists(test, root):
                found.append(f"cell {cell.id}: there is no test {test}")
            else:
                executed.add(label)
    for cell in (cell for cell in cells if cell.metadata.get("equations")):
        if cell.cell_type != "code" or not ASSERTION.search(cell.source):
            found.append(f"cell {cell.id}: names equations and asserts nothing")
            continue
        found += [f"cell {cell.id}: names {label}, which is no label of this notebook"
                  for label in cell.metadata.equations if label not in labels]
        executed |= set(cell.metadata.equations)
    found += [f"{label} stands twice" for label in sorted({label for label in labels if labels.count(label) > 1})]
    return found + [f"no cell and no test executes {label}" for label in labels if label not in executed]


def exists(test, root):
    """Whether there is a function of this name, written FILE::NAME."""
    file, _, name = test.partition("::")
    path = root / file
    return name.startswith("test_") and path.is_file() and any(
        isinstance(node, ast.FunctionDef) and node.name == name for node in ast.parse(path.read_text()).body)


def entries(notebook, page):
    """→ of each equation its entry, in Markdown"""
    rows = list(walk(notebook, page))
    where = {}                                                           # of each label: the places of its cells
    for cell, _, place in rows:
        for label in cell.metadata.get("equations", []):
            where.setdefault(label, {})[place] = None
    for cell, equations, _ in rows:
        for tex, label, place in equations:
            by = [said(one, place) for one in where.get(label, [])]
            if test := cell.metadata.get("tests", {}).get(label):
                file, _, name = test.partition("::")
                by.append(f"by a test, “{name.removeprefix('test_').replace('_', ' ')}”, in `{Path(file).name}`")
            yield f"$$\n{tex}\n$$\n\n{{eq}}`{label}` of {place} · executed {' and '.join(by)}"


def said(place, own):
    """Where the cell is that executes an equation, seen from the place of the equation."""
    if "](#ex-" in place:
        return "by its check" if place == own else f"by the check of {place}"
    return "there" if place == own else f"in {place}"


def ledger(root=ROOT):
    """The page, in Markdown, by the table of contents."""
    parts = [FRONT]
    for part in yaml.safe_load((root / "_toc.yml").read_text())["parts"]:
        pages = []
        for name in (chapter["file"] for chapter in part["chapters"]):
            path = root / f"{name}.ipynb"
            if not name.startswith("chapters/week"):
                continue
            notebook = nbformat.read(path, as_version=4)
            title = notebook.cells[0].source.split("\n")[0].removeprefix("# ")
            listed = list(entries(notebook, f"../{path.parent.name}/{path.name}"))
            pages += [f"### {title}", *listed] if listed else []
        parts += [f"## {part['caption']}", *pages] if pages else []
    return "\n\n".join(parts) + "\n"


FRONT = """\
# All formulas

Every displayed equation of the course, in the order of the pages. Below each stand its number in the book, the section
that explains it, and what executes it: a cell that computes both sides, or that computes by the equation and asserts
the result against something independent. A definition is executed where what it defines is computed and something is
asserted about it, an exercise's equation by the check of its folded answer. A test counts that none is left out.

The letters are those of [Notation](notation.md). `make formulas` writes this page from the notebooks."""


def main():
    broken = {path: found for path in sorted(ROOT.glob("chapters/week*/*.ipynb"))
              if (found := problems(nbformat.read(path, as_version=4)))}
    for path, found in broken.items():
        print(*(f"{path.relative_to(ROOT)}: {problem}" for problem in found), sep="\n", file=sys.stderr)
    if broken:
        sys.exit(1)
    (ROOT / PAGE).write_text(ledger())
    print(PAGE)


if __name__ == "__main__":
    main()
