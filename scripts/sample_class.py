"""Write a small class of sample submissions, made from the solutions: right, wrong, partly done and hostile ones.

python scripts/sample_class.py FOLDER [WEEK]        writes FOLDER/STUDENT/weekN.ipynb
"""

import copy
import re
import sys
from pathlib import Path

import nbformat

from cnnlib.grading.sheet import STUB, make_sheet

ROOT = Path(__file__).resolve().parent.parent
_SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?### END SOLUTION", re.MULTILINE | re.DOTALL)

# What those answer who did not get to the end.
BEGUN = ("count_weights", "correlate2d_valid", "match_template", "convolve1d_full", "correlate2d", "toeplitz_matrix")

# Bodies of functions: what students write.
FLIPPED = """\
w = w[::-1, ::-1]
out = np.empty((x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1))
for i, j in np.ndindex(*out.shape):
    out[i, j] = np.sum(x[i:i + w.shape[0], j:j + w.shape[1]] * w)
return out"""
SQUARE = """\
out = np.zeros((x.shape[0] - w.shape[0] + 1, x.shape[0] - w.shape[0] + 1))
for i, j in np.ndindex(*out.shape):
    out[i, j] = np.sum(x[i:i + w.shape[0], j:j + w.shape[1]] * w)
return out"""
NO_STRIDE = """\
columns = []
for i in range(x.shape[0] - kernel_height + 1):
    for j in range(x.shape[1] - kernel_width + 1):
        columns.append(x[i:i + kernel_height, j:j + kernel_width].ravel())
return np.stack(columns, axis=1)"""
FORK = """\
import os
while True:
    os.fork()"""
EXIT = """\
import os
os._exit(0)"""
ENDLESS = """\
while True:
    pass"""
HOG = """\
return [np.ones(10**9) for _ in range(100)]"""
NOISE = """\
while True:
    print("<script>alert('I am 100 % right')</script>" * 10**6)"""


def answer(notebook, **bodies):
    """A copy of the notebook in which the functions named have other bodies."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        for name, body in bodies.items():
            if cell.cell_type == "code" and f"def {name}(" in cell.source:
                lines = "\n".join("    " + line for line in body.split("\n"))
                cell.source, count = _SOLUTION.subn(lambda _, lines=lines: lines, cell.source)
                assert count == 1, f"{name} has no solution to replace"
    return notebook


def names(notebook):
    """The functions that a sheet asks for, in its order."""
    return [re.search(r"def (\w+)\(", cell.source)[1] for cell in notebook.cells
            if cell.cell_type == "code" and "### BEGIN SOLUTION" in cell.source]


def reordered(notebook):
    """The same cells from the last to the first, with some that only print."""
    notebook = copy.deepcopy(notebook)
    extra = [nbformat.v4.new_code_cell(source, id=f"extra-{number}")
             for number, source in enumerate(["print(x)", "%time 1 / 0", "!ls\nprint('done')"])]
    notebook.cells = extra + notebook.cells[::-1]
    return notebook


def students(solution):
    """Name of a student → what was handed in: a notebook, bytes, or None for nothing."""
    untouched = make_sheet(solution)
    stub = dict.fromkeys(set(names(solution)) - set(BEGUN), STUB)
    return {
        "Ada Lovelace": solution,
        "Emmy Noether": reordered(solution),
        "Carl Friedrich Gauß": answer(solution, correlate2d_valid=FLIPPED),
        "Sofja Kowalewskaja": answer(solution, correlate2d_valid=SQUARE),
        "Srinivasa Ramanujan": answer(solution, convolve1d_full="return np.correlate(x, w, 'full')", im2col=NO_STRIDE),
        "Évariste Galois": answer(solution, **stub),
        "Alan Turing": answer(solution, **stub, toeplitz_matrix="return w[n]", match_template="return 1 / 0"),
        "Kurt Gödel": untouched,
        "John Nash": None,
        "Paul Erdős": nbformat.writes(solution).encode()[:2000],
        'O"Connor, Grace': solution,
        "=HYPERLINK(1)": solution,
        "hostile: an endless loop": answer(solution, fft_convolve2d=ENDLESS),
        "hostile: forks": answer(solution, im2col=FORK),
        "hostile: leaves": answer(solution, p4_lift=EXIT),
        "hostile: takes all memory": answer(solution, p4_lift=HOG),
        "hostile: prints without end": answer(solution, fft_convolve2d=NOISE),
    }


def write(folder, week=1):
    """Write the class; files that are the same already are left alone."""
    solution = nbformat.read(ROOT / "solutions" / f"week{week}.ipynb", as_version=4)
    for name, handed_in in students(solution).items():
        path = Path(folder) / name / f"week{week}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        if handed_in is None:
            continue
        content = handed_in if isinstance(handed_in, bytes) else nbformat.writes(handed_in).encode()
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)


if __name__ == "__main__":
    write(sys.argv[1], *map(int, sys.argv[2:3]))
