"""What must hold for every question, beyond its mistakes and alternatives."""

import builtins
import re
import warnings

import numpy as np

from cnnlib.grading import check
from cnnlib.grading.names import used
from cnnlib.grading.question import KINDS
from cnnlib.grading.text import source, words
from tests.grading.alone import alone, global_names

VERBS = ("Write", "Mend", "Choose", "Predict", "Design", "Find", "Give", "Make", "Compute")
SEED, MANY = 4711, 200           # other cases than a check draws
LARGEST = 2**31                  # NumPy's integers have 32 bits on some systems


def faults(question):
    """What is wrong with a question.  → list of texts"""
    found = [*_facts(question), *_mend(question), *_design(question)]
    if question.answer is None or question.answer.__name__ != question.name:
        return [*found, "there is no solution of its name"]
    foreign = global_names(question.answer) - {"np", *vars(builtins)}
    if foreign:
        return [*found, f"the solution needs {', '.join(sorted(foreign))}: only builtins and np are there"]
    return [*found, *_solution(question, alone(question)), *_integers(question, alone(question))]


def _facts(question):
    if question.kind not in KINDS:
        yield f"kind must be one of {', '.join(KINDS)}; got {question.kind!r}"
    if question.level not in (1, 2, 3) or question.minutes < 1 or question.points < 1:
        yield "level must be 1 to 3, minutes and points at least 1"
    if not re.match(rf"({'|'.join(VERBS)})\b", question.asks) or not question.asks.endswith((".", "?")):
        yield f"asks must be a sentence that begins with {', '.join(VERBS)}; got {question.asks!r}"
    for line in re.findall(r"\S[^\S\n]*\n[^\S\n]*(1[.)] .*)", question.text):
        yield f"Markdown begins a list in the middle of a sentence: {line!r}"


def _mend(question):
    if question.kind != "mend":
        if question.wrong is not None:
            yield "a function is given, and the kind is not mend"
        return
    if question.wrong is None:
        yield "a question of the kind mend needs a function that is given"
        return
    given = [mistake for mistake in question.mistakes if mistake.function is question.wrong]
    verdict = check(named(question, question.wrong))
    if not given or verdict.failed == 0 or verdict.mistake is None or verdict.mistake.name != given[0].name:
        yield "the function that is given must fail and be named"
    body = source(question.wrong)[1]
    if body not in words(question) or f"def {question.name}(" not in words(question):
        yield "the text must show the function that is given, under the question's name"


def _design(question):
    if question.kind != "design":
        if question.measure is not None:
            yield "a question with a measure is of the kind design"
        return
    if question.measure is None:
        yield "a design needs a measure"
        return
    for name, make in _TRIVIAL.items():
        def answer(*arguments, make=make):
            return make(np.asarray(question.reference(*arguments), np.float64))
        answer.__name__ = question.name
        if not check(answer).failed:
            yield f"{name} must not have the properties"


def _delta(array):
    array = np.zeros_like(array)
    array.flat[array.size // 2] = 1
    return array


_TRIVIAL = {"zeros": np.zeros_like, "ones": np.ones_like, "a delta": _delta}


def _solution(question, answer):
    verdict = check(answer)
    if not verdict.passed:
        yield f"the solution does not pass: {verdict.headline}"
    broken = question.broken_rule(used(answer))
    if broken:
        yield f"the solution breaks the rule: {broken.name}"
    wrong = sum(not question.right(answer(*case), case) for case in question.draw_cases(SEED, MANY))
    if wrong:
        yield f"solution and reference differ in {wrong} of {MANY} other cases"


def _integers(question, answer):
    """Integers of 32 bits, as NumPy has them on some systems: nothing may overflow."""
    for case in question.draw_cases(SEED):
        for numbers in (question.reference(*case), question.expected(case)):
            numbers = np.asarray(numbers)
            if numbers.dtype.kind in "iu" and (np.abs(numbers) >= LARGEST).any():
                yield f"expected integers must fit into 32 bits, got {np.abs(numbers).max()}"
                return
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            try:
                got = answer(*map(_narrow, case))
            except RuntimeWarning as warning:
                yield f"with integers of 32 bits: {warning}"
                return
        if not question.right(got, case):
            yield "with integers of 32 bits the solution gives other numbers"
            return


def _narrow(value):
    if isinstance(value, tuple):
        return tuple(map(_narrow, value))
    return np.int32(value) if isinstance(value, (int, np.integer)) and not isinstance(value, bool) else value


def named(question, function):
    """The function as a student would have it: under the question's name, returning fresh arrays."""
    def answer(*args):
        return function(*args)
    answer.__name__ = question.name
    return answer
