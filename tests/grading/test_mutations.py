"""Each question's answer, broken in every small way: what passes is the same function, and most of the rest has a name.

The breaks that leave the function as it was stand in `same/`, each with its reason.
"""

import functools
import importlib
import pkgutil
import time

import numpy as np
import pytest

from cnnlib.grading import Question
from cnnlib.grading.questions import WEEKS
from cnnlib.grading.questions.cases import unequal
from tests.grading import mutations, same

NAMES = [question.name for questions in WEEKS.values() for question in questions]
QUESTION_SHARE, WEEK_SHARE = 1 / 3, 1 / 2                                # of the wrong numbers, so many have a name
WORDS = 2                                                                # of a reason, at least


def all_same():
    """→ {question: {lines: reason}}, of all files in `same/`."""
    found = {}
    for module in pkgutil.iter_modules(same.__path__):
        for name, breaks in importlib.import_module(f"{same.__name__}.{module.name}").SAME.items():
            assert name not in found, f"{name} stands in two files of same/"
            found[name] = breaks
    return found


@functools.cache
def judged(name):
    """What becomes of the breaks of a question's answer."""
    question = next(question for questions in WEEKS.values() for question in questions if question.name == name)
    return mutations.judge(question)


# ---- the questions

@pytest.mark.parametrize("name", NAMES)
def test_what_passes_is_the_same_function(name):
    verdicts, known = judged(name), all_same().get(name, {})
    assert verdicts, "its answer has nothing that could be broken"
    passing = [lines for lines, verdict in verdicts.items() if verdict == "passes"]
    loose = [lines for lines in passing if lines not in known]
    assert not loose, f"{name}: these wrong answers pass, or belong into same/ with a reason:\n" + "\n".join(loose)
    stale = [lines for lines in known if lines not in passing]
    assert not stale, f"{name}: these stand in same/, but are no breaks that pass:\n" + "\n".join(stale)
    for lines, reason in known.items():
        assert len(reason.split()) >= WORDS, f"{name}: {lines}: a reason of some words is needed, got {reason!r}"


@pytest.mark.parametrize("name", NAMES)
def test_of_wrong_numbers_many_have_a_name(name):
    verdicts = judged(name)
    share = mutations.share_named(verdicts)
    print(f"{name}: {len(verdicts)} breaks, {share:.0%} of the wrong numbers named")
    unnamed = [lines for lines, verdict in verdicts.items() if verdict == "unnamed"]
    assert share >= QUESTION_SHARE, f"{name}: {share:.0%} named; not so\n" + "\n".join(unnamed)


@pytest.mark.parametrize("week", WEEKS)
def test_of_a_weeks_wrong_numbers_half_have_a_name(week):
    verdicts = {(question.name, lines): verdict
                for question in WEEKS[week] for lines, verdict in judged(question.name).items()}
    share = mutations.share_named(verdicts)
    print(f"week {week}: {len(verdicts)} breaks, {share:.0%} of the wrong numbers named")
    assert share >= WEEK_SHARE


def test_every_entry_is_about_a_question():
    assert set(all_same()) <= set(NAMES), set(all_same()) - set(NAMES)


# ---- the tool

def asked(function, reference, cases):
    question = Question(function.__name__, "A question", 1, "Write it.", reference, cases)
    question.solution(function)
    return question


def sample(x, n):
    """A comment that is not broken."""
    out = np.zeros(n + 1)
    if n > 0:
        out[1:] = -x[0, :n] * 2
    return np.cumsum(np.sum(out - x.T[0, 0], axis=0)) if n else np.dot(x, n)


BROKEN = {
    "an operator": "out = np.zeros(n - 1)", "another operator": "out[1:] = -x[0, :n] + 2",
    "one side of it": "out = np.zeros(n)", "its order": "x.T[0, 0] - out",
    "a sign": "out[1:] = x[0, :n] * 2", "a constant": "out[1:] = -x[0, :n] * 3", "a constant, less": "* 1",
    "a comparison": "if n >= 0:", "an axis": "axis=1", "no axis": "np.sum(out - x.T[0, 0]))",
    "an index": "out[1:] = -x[1, :n] * 2", "the order of indices": "out[1:] = -x[:n, 0] * 2",
    "a bound": "out[1:] = -x[0, :] * 2", "no index": "out[1:] = -x * 2", "the order of arguments": "np.dot(n, x)",
    "an argument": "np.dot(x)", "a missing call": "return np.sum(out - x.T[0, 0], axis=0) if n",
    "a sibling": "out = np.ones(n + 1)", "another sibling": "np.mean(", "a transpose": "out - x[0, 0]",
    "one case": "return np.dot(x, n)",
}


def test_a_break_that_outlives_its_stop_is_stopped_again():
    """One that appended to a list for ever filled the memory: its stop had come in a callback, which swallowed it."""
    question = asked(sample, lambda x, n: x, lambda rng: ())
    source = """
def sample(n):
    try:
        while True:
            n += 1
    except Exception:
        while True:
            n += 1
"""
    assert mutations.run(question, source, [(1,), (2,)]) == [None, None]


def test_no_alarm_comes_behind_what_it_stops(monkeypatch):
    """On a busy machine one did, in the line that deals with the one before."""
    monkeypatch.setattr(mutations, "SECONDS", 0.001)
    question = asked(countdown, lambda n: 0, lambda rng: (1,))
    for _ in range(300):
        assert mutations.run(question, "def countdown(n):\n    while True:\n        n += 1", [(1,)] * 3) == [None] * 3


def test_an_answer_is_broken_in_every_small_way():
    question = asked(sample, lambda x, n: x, lambda rng: ())
    found = mutations.breaks(question)
    for way, line in BROKEN.items():
        assert any(line in lines for lines in found), way
    for source in found.values():
        compile(source, "<broken>", "exec")
        assert "A comment" not in source
    assert len(set(found.values())) == len(found) > 40


def area(height, width):
    return height * width


def test_a_loose_question_lets_a_break_pass_and_a_tight_one_none():
    square = mutations.judge(asked(area, area, lambda rng: (2, 2)))
    assert square["return height + width"] == "passes" and square["return height"] != "passes"
    tight = mutations.judge(asked(area, area, lambda rng: unequal(rng, 3, 9)))
    assert "passes" not in tight.values() and set(tight) == set(square)
    question = asked(area, area, lambda rng: unequal(rng, 3, 9))
    question.mistake("the width is left out", "Use both.")(lambda height, width: height)
    named = mutations.judge(question)
    assert named["return height"] == "the width is left out" and named["return width"] == "unnamed"
    assert named["return height @ width"] == "fails"
    assert mutations.share_named(named) == pytest.approx(1 / 3) and mutations.share_named({"x": "fails"}) == 1


def countdown(n):
    while n > 0:
        n -= 1
    return n


def test_a_break_that_never_ends_is_stopped(monkeypatch):
    monkeypatch.setattr(mutations, "SECONDS", 0.2)
    began = time.monotonic()
    verdicts = mutations.judge(asked(countdown, lambda n: 0, lambda rng: (int(rng.integers(2, 9)),)))
    assert verdicts["n += 1"] == "fails" and time.monotonic() - began < 5
