"""`check(answer)`: run a student's function on random cases, and say what is wrong with a wrong one.

This is the student's own check, in the student's own kernel: it protects nobody from anything.
"""

import copy
import ctypes
import inspect
import linecache
import sysconfig
import threading
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .names import used
from .questions import find
from .verdict import Case, Verdict, as_numbers, compare, short, summarize

SECONDS = 20                 # no check runs longer
_CNNLIB = Path(__file__).parent.parent


def check(answer, seed=0, seconds=SECONDS):
    """Check one answer of an exercise sheet on random cases.

    answer: the function you defined; its name says which question it answers.  seed: draws the cases.
    seconds: when to stop, at most 20.
    Returns a Verdict, which shows itself: passed, or the smallest case that fails, the first number that differs, and
    the name of the mistake when it is a known one.  An exception in the answer is part of the verdict.  Right numbers
    do not pass when the answer uses what the question forbids, or nothing of what it needs.
    Raises ValueError when no question has this name or seconds is out of range, TypeError when answer is no function.
    """
    if not 0 < seconds <= SECONDS:
        raise ValueError(f"check: seconds must be above 0 and at most {SECONDS}, got {seconds}")
    if not callable(answer):
        raise TypeError(f"check: answer must be the function you defined, got {type(answer).__name__}")
    question = find(_name_of(answer, inspect.currentframe().f_back))
    cases = question.draw_cases(seed)
    expected = [question.expected(case) for case in cases]
    results = _run(answer, cases, seconds)
    names = list(inspect.signature(question.reference).parameters)
    judged = [_judge(question, names, case, want, result)
              for case, want, result in zip(cases, expected, results, strict=False)]
    return _verdict(question, cases, expected, judged, results, seconds, used(answer) if question.has_rules else ())


def _verdict(question, cases, expected, judged, results, seconds, names):
    for result in results:
        if isinstance(result.error, NotImplementedError):
            return Verdict(question, "unanswered", len(judged), note=_what_is_missing(question, result.error))
    if len(judged) < len(cases):
        note = (f"After {seconds:g} seconds {len(judged)} of {len(cases)} cases were done. Is there a loop that never "
                "ends? If the kernel stays busy, restart it.")
        return Verdict(question, "timeout", len(judged), note=note)
    return summarize(question, cases, expected, judged, names)


@dataclass
class _Result:
    got: np.ndarray | None = None                    # a copy: the answer may use its array again
    problem: str | None = None
    error: BaseException | None = None
    changed: list = field(default_factory=list)      # positions of the inputs that the function changed


class _Stop(BaseException):
    """Raised inside an answer that runs too long."""


def _run(answer, cases, seconds):
    """Call the answer on each case in a thread of its own; return what came within the time.

    A thread, because it works on every system and leaves the student's variables where they are: when the time is
    over the check returns at once, and the thread is asked to stop.
    """
    results = []

    def work():
        for case in cases:
            inputs = copy.deepcopy(case)
            result = _Result()
            try:
                result.got, result.problem = as_numbers(answer(*inputs))
            except _Stop:
                return
            except BaseException as error:           # SystemExit and KeyboardInterrupt of the answer are its own affair
                result.error = error
            result.changed = [i for i, (now, before) in enumerate(zip(inputs, case, strict=True))
                              if isinstance(before, np.ndarray) and not np.array_equal(now, before)]
            results.append(result)
            if isinstance(result.error, NotImplementedError):
                return

    thread = threading.Thread(target=work, name=f"check {getattr(answer, '__name__', '')}", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(_Stop))
    return list(results)


def _judge(question, names, inputs, expected, result):
    case = Case(dict(zip(names, inputs, strict=False)), expected)
    if result.error is not None:
        case.problem = f"{type(result.error).__name__}: {short(result.error)}"
        case.line = _student_line(result.error)
        return case
    case.got, case.problem = result.got, result.problem
    if case.problem:
        return case
    compare(question, case, result.changed)
    return case


def _name_of(answer, frame):
    """The name of the question: the function's own, or for a lambda the name it goes by where check was called."""
    name = getattr(answer, "__name__", "")
    if find(name, missing=None) is None:
        for alias, value in frame.f_globals.items():
            if value is answer and find(alias, missing=None) is not None:
                return alias
    return name


def _what_is_missing(question, error):
    """An answer may call an earlier one that is not there yet: say which."""
    inner = traceback.extract_tb(error.__traceback__)[-1].name
    other = find(inner, missing=None)
    return f"It calls `{inner}`, which is not answered yet." if other and other is not question else ""


def _student_line(error):
    """The last line of the student's own code in the traceback, such as `line 3: out[i] = x[i + 1]`."""
    ours = (str(_CNNLIB), sysconfig.get_paths()["stdlib"], sysconfig.get_paths()["purelib"], "<frozen", "<__array")
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(ours)]
    if not frames:
        return ""
    frame = frames[-1]
    return f"line {frame.lineno}: {(frame.line or linecache.getline(frame.filename, frame.lineno)).strip()}"
