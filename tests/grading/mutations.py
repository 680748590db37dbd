"""Break an answer in every small way: what the tests of the questions feed to the check.

python -m tests.grading.mutations NAME …        prints the breaks of these questions that pass, and those not named
"""

import ast
import copy
import sys
import textwrap

import numpy as np

from cnnlib.grading.questions import find
from cnnlib.grading.text import answer
from tests.grading.alarm import TooLong, in_time

SECONDS = 2                  # for one break on all cases
SIBLINGS = {"max": "min", "min": "max", "sum": "mean", "mean": "sum", "floor": "ceil", "ceil": "floor", "sin": "cos",
            "cos": "sin", "argmax": "argmin", "argmin": "argmax", "zeros": "ones", "ones": "zeros", "var": "std",
            "std": "var", "fft2": "ifft2", "ifft2": "fft2", "rfft2": "fft2", "abs": "square", "real": "imag"}
OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Div,
             ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.MatMult: ast.Mult}
COMPARISONS = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
               ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is}


def _others(node):
    """What may stand in a node's place: → copies of it, each broken in one way."""
    def changed(**fields):
        other = copy.deepcopy(node)
        for name, value in fields.items():
            setattr(other, name, value)
        return other

    def without(values, i):
        return [value for j, value in enumerate(values) if j != i]

    def swapped(values, i):
        values = list(values)
        values[i], values[i + 1] = values[i + 1], values[i]
        return values

    match node:
        case ast.BinOp():
            if type(node.op) in OPERATORS:
                yield changed(op=OPERATORS[type(node.op)]())
            yield node.left
            yield node.right
            if not isinstance(node.op, (ast.Add, ast.Mult)):
                yield changed(left=node.right, right=node.left)
            if isinstance(node.op, ast.Mult):
                yield changed(op=ast.MatMult())
        case ast.AugAssign() if type(node.op) in OPERATORS:
            yield changed(op=OPERATORS[type(node.op)]())
            yield ast.Assign([copy.deepcopy(node.target)], node.value)
        case ast.UnaryOp():
            yield node.operand
        case ast.Compare(ops=[op]) if type(op) in COMPARISONS:
            yield changed(ops=[COMPARISONS[type(op)]()])
        case ast.BoolOp():
            yield changed(op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
            yield from node.values
        case ast.Constant(value=bool()):
            yield changed(value=not node.value)
        case ast.Constant(value=int() | float()):
            yield changed(value=node.value + 1)
            yield changed(value=node.value - 1)
        case ast.Call():
            for i in range(len(node.args) - 1):
                yield changed(args=swapped(node.args, i))
            for i in range(len(node.keywords)):
                yield changed(keywords=without(node.keywords, i))
            if len(node.args) == 1 and not isinstance(node.args[0], (ast.Starred, ast.GeneratorExp)):
                yield node.args[0]                                       # the call is missing
            elif not node.args and isinstance(node.func, ast.Attribute):
                yield node.func.value
            if len(node.args) > 1:
                yield changed(args=node.args[:-1])
        case ast.Attribute():
            if node.attr in SIBLINGS:
                yield changed(attr=SIBLINGS[node.attr])
            if node.attr in ("T", "real"):
                yield node.value
        case ast.Tuple(ctx=ast.Load()) | ast.List(ctx=ast.Load()):
            for i in range(len(node.elts) - 1):
                yield changed(elts=swapped(node.elts, i))
        case ast.Slice():
            for name in ("lower", "upper", "step"):
                if getattr(node, name) is not None:
                    yield changed(**{name: None})
        case ast.Subscript(ctx=ast.Load()):
            yield node.value
        case ast.IfExp():
            yield node.body
            yield node.orelse


class _At(ast.NodeTransformer):
    """Put something else in the place of the node of this number, in the order of the walk."""

    def __init__(self, number, other):
        self.number, self.other, self.seen = number, other, -1

    def visit(self, node):
        self.seen += 1
        if self.seen == self.number:
            return self.other
        return self.generic_visit(node)


class _Count(ast.NodeVisitor):
    def __init__(self):
        self.nodes = []

    def visit(self, node):
        self.nodes.append(node)
        self.generic_visit(node)


def breaks(question):
    """The answer broken in every small way. → {the lines that changed: source of the function}"""
    source = textwrap.dedent(answer(question))
    tree = ast.parse(source)
    _without_docstrings(tree)
    right = ast.unparse(tree)
    count = _Count()
    count.visit(tree)
    found = {}
    for number, node in enumerate(count.nodes):
        for other in _others(node):
            other = _At(number, copy.deepcopy(other)).visit(copy.deepcopy(tree))
            broken = ast.unparse(ast.fix_missing_locations(other))
            if broken != right:
                new = [line.strip() for line in broken.split("\n")]
                old = [line.strip() for line in right.split("\n")]
                lines = [line for i, line in enumerate(new) if i >= len(old) or line != old[i]]
                found.setdefault(" / ".join(lines[:3]), broken)
    return found


def _without_docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]


def run(question, source, cases):
    """The numbers of a broken answer. → a list with an array or None for each case"""
    answers = []

    def answer_all():
        namespace = {"np": np}
        exec(compile(source, f"<{question.name}>", "exec"), namespace)
        for case in cases:
            try:
                with np.errstate(all="ignore"):
                    got = np.asarray(namespace[question.name](*copy.deepcopy(case)))
                    answers.append(question.numbers(got, case) if got.dtype.kind in "iuf" else None)
            except TooLong:
                raise
            except Exception:
                answers.append(None)

    try:
        in_time(SECONDS, answer_all)
    except TooLong:
        answers += [None] * (len(cases) - len(answers))
    return answers


def judge(question, seed=0):
    """What becomes of the breaks.  → {lines: "passes", "fails" (no wrong numbers), "unnamed" or the mistake's name}"""
    import warnings

    cases = question.draw_cases(seed)
    expected = [question.expected(case) for case in cases]
    verdicts = {}
    for lines, source in breaks(question).items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answers = run(question, source, cases)
            if all(got is not None and question.same(got, want) for got, want in zip(answers, expected, strict=True)):
                verdicts[lines] = "passes"
            elif all(got is None or question.same(got, want) for got, want in zip(answers, expected, strict=True)):
                verdicts[lines] = "fails"
            else:
                mistake = question.name_mistake(cases, answers, expected)
                verdicts[lines] = mistake.name if mistake else "unnamed"
    return verdicts


def share_named(verdicts):
    """Of the breaks that give wrong numbers, the share that is told by name; 1 where there is none."""
    wrong = [verdict for verdict in verdicts.values() if verdict not in ("passes", "fails")]
    return 1 - wrong.count("unnamed") / len(wrong) if wrong else 1.0


if __name__ == "__main__":
    for name in sys.argv[1:]:
        verdicts = judge(find(name))
        print(f"{name}: {len(verdicts)} breaks, {share_named(verdicts):.0%} of those with numbers named")
        for lines, verdict in verdicts.items():
            if verdict != "fails":
                print(f"  {verdict:<12.60} {lines}")
