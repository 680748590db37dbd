"""Every known mistake is rejected and named, every honest alternative passes: for each question of each week."""

import numpy as np
import pytest

from cnnlib.grading import check
from cnnlib.grading.questions import WEEKS

QUESTIONS = [question for questions in WEEKS.values() for question in questions]
MISTAKES = [(question, mistake) for question in QUESTIONS for mistake in question.mistakes]
ALTERNATIVES = [(question, name) for question in QUESTIONS for name in question.alternatives]


def named(question, function):
    """The function as a student would have it: under the question's name, returning fresh arrays."""
    def answer(*args):
        return function(*args)
    answer.__name__ = question.name
    return answer


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("question", "mistake"), MISTAKES, ids=[f"{q.name}: {m.name}" for q, m in MISTAKES])
def test_a_known_mistake_is_rejected_and_named(question, mistake, seed):
    verdict = check(named(question, mistake.function), seed=seed)
    assert verdict.status in ("wrong", "error")
    assert verdict.mistake is not None and verdict.mistake.name == mistake.name
    assert mistake.hint in verdict._repr_html_().replace("&#34;", '"').replace("&#39;", "'")
    assert mistake.hint in repr(verdict)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("question", "name"), ALTERNATIVES, ids=[f"{q.name}: {n}" for q, n in ALTERNATIVES])
def test_an_honest_alternative_passes(question, name, seed):
    verdict = check(named(question, question.alternatives[name]), seed=seed)
    assert verdict.passed, repr(verdict)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.name)
def test_a_question_has_four_mistakes_two_alternatives_and_a_reference_that_passes(question):
    assert len(question.mistakes) >= 4 and len(question.alternatives) >= 2 and question.points >= 1
    assert check(named(question, question.reference)).passed


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
    assert not verdict.passed
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
