"""No function that a chapter prints answers a question: what is asked is not what has just been read.

Of each notebook the imports, definitions and cheap assignments are executed, and each function of the visible cells is
tried as an answer to each question of the week that has as many arguments.
"""

import ast
import builtins
import copy
import inspect

import nbformat
import numpy as np
import pytest

from cnnlib.grading.names import used
from cnnlib.grading.questions import WEEKS
from cnnlib.scratch import signal as ours
from tests.grading.alarm import in_time
from tests.grading.alone import alone
from tests.grading.own import by_hand
from tests.grading.remembered import remembered  # noqa: F401
from tests.paths import ROOT

pytestmark = pytest.mark.usefixtures("remembered")
SECONDS = 1                      # for an assignment, and for a function on the cases of a question
NOTEBOOKS = [(week, path) for week in WEEKS for path in sorted(ROOT.glob(f"chapters/week{week}_*/*.ipynb"))]
FOLDED = {"hide-input", "hide-cell", "remove-cell", "remove-input", "solution"}
NAMES = {"np": np, "signal": ours}                                       # whose functions are cheap


def _in_time(action, *arguments):
    """The result of an action, or TooLong when it takes longer than SECONDS."""
    with np.errstate(all="ignore"):
        return in_time(SECONDS, action, *arguments)


# ---- what a notebook defines

def statements(notebook):
    """→ a list of (statement, whether it is printed) of the code cells; what students are to write is left out."""
    found, solution = [], False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            solution = (solution or "{solution-start}" in cell.source) and "{solution-end}" not in cell.source
        elif cell.cell_type == "code" and not solution and "raise NotImplementedError" not in cell.source:
            lines = [line for line in cell.source.split("\n") if not line.startswith(("%", "!"))]
            printed = not FOLDED & set(cell.metadata.get("tags", []))
            found += [(statement, printed) for statement in ast.parse("\n".join(lines)).body]
    return found


def is_cheap(statement, namespace):
    """Whether an assignment calls nothing but NumPy, builtins and the notebook's own functions."""
    def allowed(call):
        root = call.func
        while isinstance(root, (ast.Attribute, ast.Call, ast.Subscript)):
            root = root.value if not isinstance(root, ast.Call) else root.func
        if not isinstance(root, ast.Name):
            return True                                                  # of a literal: [1, 2].index(1)
        value = namespace.get(root.id, NAMES.get(root.id))
        data = (np.ndarray, np.random.Generator, str, list, tuple, dict)
        return root.id in vars(builtins) or root.id in inner or isinstance(value, data) or any(
            value is one for one in NAMES.values()) or inspect.isfunction(value) and value.__globals__ is namespace

    inner = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None and (
        isinstance(statement.value, ast.Lambda) or
        all(map(allowed, filter(lambda node: isinstance(node, ast.Call), ast.walk(statement.value)))))


def printed_functions(notebook, questions):
    """Execute what a notebook defines. → {name: function} of what it prints, the namespace"""
    namespace = {"__name__": "chapter", "np": np,
                 **{question.name: alone(question) for question in questions if question.answer}}
    functions = {}
    for statement, printed in statements(notebook):
        defines = isinstance(statement, (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom))
        if not defines and not is_cheap(statement, namespace):
            continue
        code = compile(ast.Module([statement], []), "<chapter>", "exec")
        try:
            if defines:
                exec(code, namespace)                                    # an import may take its time
            else:
                _in_time(exec, code, namespace)
        except Exception:
            continue
        names = [statement.name] if isinstance(statement, ast.FunctionDef) else [
            target.id for target in getattr(statement, "targets", []) if isinstance(target, ast.Name)
            and isinstance(statement.value, ast.Lambda)]
        functions.update({name: namespace[name] for name in names if printed})
    return functions, namespace


# ---- whether one answers a question

def tried_on(question, function, namespace):
    """→ "right", "wrong", or "" where the function cannot be called with the question's arguments."""
    cases = question.draw_cases()
    try:
        inspect.signature(function).bind(*cases[0])
    except (TypeError, ValueError):
        return ""
    if question.broken_rule(used(function)):
        return "wrong"                                                   # np.convolve under another name

    def answers():
        return all(question.right(function(*copy.deepcopy(case)), case) for case in cases)

    def unanswered(*_):
        raise NotImplementedError                                        # what calls the answer does not print it

    solution, namespace[question.name] = namespace.get(question.name), unanswered
    try:
        return "right" if _in_time(answers) else "wrong"
    except Exception:
        return "wrong"
    finally:
        namespace[question.name] = solution


def answered(notebook, questions):
    """Which printed functions answer which questions: a list of texts. What is tried is printed."""
    functions, namespace = printed_functions(notebook, questions)
    found = []
    for name, function in functions.items():
        results = {question.name: tried_on(question, function, namespace) for question in questions}
        print(f"{name}: tried on {', '.join(one for one, result in results.items() if result) or 'no question'}")
        found += [f"{name} answers {one}" for one, result in results.items() if result == "right"]
    return found


@pytest.mark.parametrize(("week", "path"), NOTEBOOKS, ids=[path.stem for _, path in NOTEBOOKS])
def test_nothing_printed_answers_a_question(week, path):
    print(path.stem)
    assert answered(nbformat.read(path, as_version=4), WEEKS[week]) == []


# ---- that it finds one

FREE = copy.copy(by_hand)
FREE.forbids = ()
ANSWER = """
def slide(x, w):
    out = np.zeros(len(x) + len(w) - 1)
    for k, weight in enumerate(w):
        out[k:k + len(x)] += weight * x
    return out"""


def cells(*sources, tags=()):
    """A notebook; a source that begins with # or ``` is Markdown."""
    return nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_markdown_cell(source) if source.startswith(("#", "```")) else
        nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)}) for source in sources])


PRINTED = {
    "a function": [ANSWER],
    "behind what cannot run": ["import nowhere\nnet = train()\n1 / 0\nx = np.ones(3)[5]\n%matplotlib inline", ANSWER],
    "a lambda": ["slide = lambda x, w: np.convolve(x, w)"],
    "with a default": ["def slide(x, w, mode='full'):\n    return np.convolve(x, w, mode)"],
    "of any arguments": ["def slide(*args):\n    return np.convolve(*args)"],
    "with a constant": ["size = np.array([1, 1]).sum() - 3\ndef slide(x, w):\n    return np.convolve(x, w) * -size"],
    "with a helper": [ANSWER.replace("slide", "_help"), "def slide(x, w):\n    return _help(x, w)"],
    "in a list": ["def slide(x, w):\n    return list(np.convolve(x, w))"],
    "behind an answer": ["```{solution-start} ex\n```", "y = 1", "```{solution-end}\n```", ANSWER],
}
HIDDEN = {
    "folded": cells(ANSWER, tags=["hide-input"]),
    "a solution": cells("```{solution-start} ex\n```", ANSWER, "```{solution-end}\n```"),
    "tagged as a solution": cells(ANSWER, tags=["solution"]),
    "a stub": cells("def slide(x, w):\n    raise NotImplementedError()"),
    "another function": cells("def slide(x, w):\n    return np.correlate(x, w, 'full')"),
    "one that raises": cells("def slide(x, w):\n    return np.convolve(x, w)[99]"),
    "one that never ends": cells("def slide(x, w):\n    while True:\n        pass"),
    "other arguments": cells("def slide(x):\n    return np.convolve(x, x)"),
    "a call of the answer": cells("def slide(x, w):\n    return by_hand(x, w)"),
    "right in one case only": cells("def slide(x, w):\n    return np.convolve(x, w) if len(x) > 9 else x"),
    "words": cells(f"# {ANSWER}"),
}


@pytest.mark.parametrize("name", PRINTED)
def test_a_printed_answer_is_found(name, capsys):
    assert [text for text in answered(cells(*PRINTED[name]), [FREE]) if "slide" in text] == ["slide answers by_hand"]
    assert "slide: tried on by_hand" in capsys.readouterr().out


@pytest.mark.parametrize("name", HIDDEN)
def test_what_is_folded_or_no_answer_is_none(name):
    assert answered(HIDDEN[name], [FREE]) == []


def test_nothing_expensive_is_executed():
    ran = []
    namespace = {"np": np, "train": ran.append, "own": lambda: 1}
    for source, cheap in [
            ("x = train(1)", False), ("x = [train(i) for i in range(3)]", False), ("x = np.ones(3)", True),
            ("x = np.random.default_rng(0).normal(size=3)", True), ("x: int = 3", True), ("x += 1", False),
            ("x = [i.sum() for i in (np.ones(1),)]", True), ("f = lambda x: train(x)", True),
            ("x = plt.figure()", False), ("x = 'a b'.split()", True), ("print(1)", False),
            ("x = {n: np.outer(n, n) for n in range(3)}", True)]:
        assert is_cheap(ast.parse(source).body[0], namespace) == cheap, source


def test_a_rule_is_a_rule_for_what_is_printed_too():
    assert answered(cells(PRINTED["a lambda"][0]), [by_hand]) == []
    assert answered(cells(ANSWER), [by_hand]) == ["slide answers by_hand"]
