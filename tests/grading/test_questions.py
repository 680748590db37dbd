"""Every known mistake is rejected and named, every honest alternative passes: for each question of each week."""

import copy
import html
import inspect
import linecache

import numpy as np
import pytest

from cnnlib.grading import Question, check
from cnnlib.grading.questions import MODULES, WEEKS
from tests.grading import own
from tests.grading.remembered import remembered  # noqa: F401
from tests.grading.well_made import faults, named
from tests.marked import backticks

pytestmark = pytest.mark.usefixtures("remembered")
QUESTIONS = [question for questions in WEEKS.values() for question in questions]
MISTAKES = [(question, mistake) for question in QUESTIONS for mistake in question.mistakes]
ALTERNATIVES = [(question, name) for question in QUESTIONS for name in question.alternatives]


SEEDS = (0, 1, 2)            # in one test: a test of its own for each costs as much as the check itself


@pytest.mark.parametrize(("question", "mistake"), MISTAKES, ids=[f"{q.name}: {m.name}" for q, m in MISTAKES])
def test_a_known_mistake_is_rejected_and_named(question, mistake):
    for seed in SEEDS:
        verdict = check(named(question, mistake.function), seed=seed)
        assert verdict.status in ("wrong", "error"), f"seed {seed}"
        assert verdict.mistake is not None and verdict.mistake.name == mistake.name, f"seed {seed}"
        assert mistake.hint in html.unescape(backticks(verdict._repr_html_()))
        assert mistake.hint in repr(verdict)


@pytest.mark.parametrize(("question", "name"), ALTERNATIVES, ids=[f"{q.name}: {n}" for q, n in ALTERNATIVES])
def test_an_honest_alternative_passes(question, name):
    for seed in SEEDS:
        verdict = check(named(question, question.alternatives[name]), seed=seed)
        assert verdict.passed, f"seed {seed}: {verdict!r}"


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.name)
def test_a_question_has_four_mistakes_two_alternatives_and_a_reference_that_passes(question):
    assert len(question.mistakes) >= 4 and len(question.alternatives) >= 2 and question.points >= 1
    assert check(named(question, question.reference)).failed == 0        # it need not keep the rules


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.name)
def test_a_question_is_well_made(question):
    assert faults(question) == []


@pytest.mark.parametrize("notebook", [part for week in MODULES.values() for part in week.NOTEBOOKS],
                         ids=lambda part: part.__name__.rpartition(".")[2])
def test_a_notebook_asks_at_least_two_questions_itself(notebook):
    assert sum(question.practice for question in notebook.QUESTIONS) >= 2
    assert all(question in QUESTIONS for question in notebook.QUESTIONS)


# ---- the tests of the questions find what is wrong with one

@pytest.fixture
def area(monkeypatch):
    """A question that is as it should be, which a test may spoil."""
    question = Question(
        "area", "Area", 1, "Write `area(height, width)`: the area.", lambda height, width: height * width,
        lambda rng: (int(rng.integers(3, 9)), int(rng.integers(10, 90))))
    solve(question, "def area(height, width):\n    return width * height")
    own.ask(monkeypatch, question)
    return question


def solve(question, source):
    """Give a question the answer with this source, which `inspect` can read."""
    name = f"<{question.name} {len(linecache.cache)}>"
    linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
    namespace = {"np": np}
    exec(compile(source, name, "exec"), namespace)
    question.solution(next(value for value in namespace.values() if inspect.isfunction(value)))


SPOILED = {
    "kind must be one of": lambda q: vars(q).update(kind="essay"),
    "level must be 1 to 3": lambda q: vars(q).update(level=4),
    "minutes and points": lambda q: vars(q).update(minutes=0),
    "asks must be a sentence": lambda q: vars(q).update(asks="The area."),
    "a list in the middle of a sentence": lambda q: vars(q).update(text="Between 0 and\n    1. Return it."),
    "there is no solution": lambda q: vars(q).update(answer=None),
    "no solution of its name": lambda q: solve(q, "def volume(height, width):\n    return height * width"),
    "the solution needs signal": lambda q: solve(q, "def area(height, width):\n    return signal(height)"),
    "does not pass: not yet: wrong": lambda q: solve(q, "def area(height, width):\n    return height + width"),
    "differ in": lambda q: solve(
        q, "def area(height, width):\n    return height * (width if width < 89 else 3)"),
    "the solution breaks the rule: it uses `multiply`": lambda q: (
        vars(q).update(forbids=("multiply",)),
        solve(q, "def area(height, width):\n    return np.multiply(height, width)")),
    "the solution breaks the rule: it does not use `fft`": lambda q: vars(q).update(needs=("fft",)),
    "needs a function that is given": lambda q: vars(q).update(kind="mend"),
    "a function is given, and": lambda q: q.given("a sum", "Multiply.")(lambda height, width: height + width),
    "must fit into 32 bits": lambda q: vars(q).update(reference=lambda height, width: height * width * 10**8),
    "with integers of 32 bits: overflow": lambda q: (
        vars(q).update(reference=lambda height, width: float(height * width * 10**8)),
        solve(q, "def area(height, width):\n    return height * 10**8 * width")),
    "with a measure is of the kind design": lambda q: vars(q).update(measure=lambda a, h, w: {"area": a}),
    "a design needs a measure": lambda q: vars(q).update(kind="design"),
    "zeros must not have": lambda q: vars(q).update(kind="design", measure=lambda a, h, w: {"size": a.size}),
}


@pytest.mark.parametrize("fault", SPOILED)
def test_a_fault_of_a_question_is_found(area, fault):
    assert faults(area) == []
    SPOILED[fault](area)
    assert any(fault in found for found in faults(area)), faults(area)


def test_a_question_to_be_mended_is_well_made_or_not(area):
    source = "def area(height, width):\n    return height + width"
    area.kind = "mend"
    solve(area, source)
    area.given("a sum", "Multiply.")(area.answer)
    solve(area, "def area(height, width):\n    return width * height")
    assert faults(area) == []
    area.mistakes.clear()
    assert any("must fail and be named" in found for found in faults(area))


def test_a_design_is_well_made_or_not(monkeypatch):
    design = copy.copy(own.low_pass)
    own.ask(monkeypatch, design)
    solve(design, "def low_pass(n):\n    kernel = np.zeros(n)\n    kernel[:2] = 0.5\n    return kernel")
    assert faults(design) == []
    design.measure = lambda kernel, n: {"sum": kernel.sum()}
    assert faults(design) == ["a delta must not have the properties"]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.name)
def test_cases_are_neither_constant_nor_trivial(question):
    cases = question.draw_cases(0)
    answers = [np.asarray(question.reference(*case)) for case in cases]
    assert len({(a.shape, a.tobytes()) for a in answers}) > len(answers) / 3
    for array in (a for case in cases for a in case if isinstance(a, np.ndarray) and a.size > 1):
        assert np.ptp(array) > 0
    dtypes = {a.dtype for case in cases for a in case if isinstance(a, np.ndarray)}
    assert not dtypes or dtypes == {np.dtype("float32"), np.dtype("float64")}


# What careless checks let pass.
CHEATS = {
    "zeros": lambda question: lambda *args: np.zeros_like(question.reference(*args)),
    "a constant": lambda question: lambda *args: np.ones_like(question.reference(*args)),
    "nan": lambda question: lambda *args: np.full(np.shape(question.reference(*args)), np.nan),
    "infinity": lambda question: lambda *args: np.full(np.shape(question.reference(*args)), np.inf),
    "nothing": lambda question: lambda *args: None,
    "its sum": lambda question: lambda *args: np.asarray(question.reference(*args)).sum() + 1,
    "one axis more": lambda question: lambda *args: np.asarray(question.reference(*args))[None],
    "strings": lambda question: lambda *args: np.asarray(question.reference(*args)).astype(str),
    "complex numbers": lambda question: lambda *args: np.asarray(question.reference(*args)) + 0j,
    "an object equal to everything": lambda question: lambda *args: _EqualToAll(),
    "a slight error": lambda question: lambda *args: np.asarray(question.reference(*args)) * 1.01,
    "right only on the first case": lambda question: _right_once(question),
}


class _EqualToAll:
    def __eq__(self, other):
        return True

    __hash__ = None


def _right_once(question):
    calls = []

    def answer(*args):
        calls.append(1)
        right = np.asarray(question.reference(*args))
        return right if len(calls) == 1 else right + 1
    return answer


@pytest.mark.parametrize("cheat", CHEATS)
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.name)
def test_what_careless_checks_let_pass_is_rejected(question, cheat):
    verdict = check(named(question, CHEATS[cheat](question)))
    assert verdict.failed and not verdict.passed                         # for its numbers, not for a rule
    assert repr(verdict) and verdict._repr_html_()


@pytest.mark.parametrize("question", [q for q in QUESTIONS if isinstance(q.draw_cases(0, 1)[0][0], np.ndarray)],
                         ids=lambda q: q.name)
def test_a_changed_input_is_rejected(question):
    def answer(*args):
        out = np.array(question.reference(*args))
        args[0][...] += 1
        return out
    verdict = check(named(question, answer))
    assert not verdict.passed and "changes its input" in repr(verdict)
