"""Mark one submission: run its cells in a sandbox, call its functions on random cases, compare here.

The expected values are computed in this process and never leave it. What comes back from the sandbox is numbers and
short texts, which are compared and shown, and nothing else.

That an answer keeps the rules of its question (`forbids`, `needs`) rests on a claim: the names that it uses are found
inside. A sheet that lies about them gains nothing that it would not have by an honest call of np.fft whose result it
throws away, or by a loop that it copied: the numbers must be right in any case.
"""

import functools
import inspect
import time

import numpy as np

from .questions import WEEKS
from .sandbox import Sandbox, SandboxUnavailable, Stopped
from .submission import Invalid, code_cells
from .verdict import Case, compare, summarize, table

CELL_SECONDS = 10                # a cell may take so long
QUESTION_SECONDS = 10            # all cases of a question together
TOTAL_SECONDS = 150              # a submission
RESTARTS = 24                    # of the sandbox for one submission
STOPS = 3                        # of one cell; behind the third only what it defines and imports is executed
REASON = 500                     # characters of all reasons together, where they are one text

PASSED, STATUSES = "passed", ("ok", "timeout", "limit", "crash", "invalid", "missing")


def mark(content, week, questions=None, start=Sandbox, seed=0):
    """Mark the notebook whose bytes are `content`.

    questions: names of those to mark; default all of the week.  start: makes a sandbox.  seed: draws the cases; where
    marks count it is a secret, since whoever knows it could write a table of answers into a sheet.
    → a record, plain data for JSON: status, reasons (a list of short texts), reason (the same as one text), first_error
    (of the sheet's cells, or ""), cells (why some were stopped), total, max, and for each question of the week a dict:
    name, title, points, score, status ("passed", "wrong", "error", "unanswered", "not defined", "timeout", "limit" or
    "crash"), headline, problem, line, mistake, hint, note, and the smallest failing case. Where the numbers are right
    and a rule of the question is broken, the status is "wrong", the mistake says which, and there is no case.
    Raises SandboxUnavailable when no sandbox starts, for which a student can do nothing.
    """
    wanted = [question for question in WEEKS[week] if questions is None or question.name in questions]
    try:
        sources = code_cells(content)
    except Invalid as error:
        return lost(week, "invalid", str(error), questions)
    return _Marking(sources, wanted, start, seed).record()


def lost(week, status, reason, questions=None):
    """The record of a submission that cannot be marked at all."""
    rows = [_row(question, status, reason) for question in WEEKS[week]
            if questions is None or question.name in questions]
    return make_record(rows, status, reasons=[reason])


class _Marking:
    """The course of one submission: a sandbox, and after each question that ended it another."""

    def __init__(self, sources, questions, start, seed):
        self.sources, self.questions, self.start, self.seed = sources, questions, start, seed
        self.skipped = {}                        # number of a cell → {number of a statement, None for all: its Stopped}
        self.first_error = ""
        self.restarts = 0
        self.deadline = time.monotonic() + TOTAL_SECONDS
        self.sandbox = None

    def record(self):
        rows, stops = [], []
        try:
            for question in self.questions:
                try:
                    if self.sandbox is None:
                        self._restart()
                    rows.append(self._mark(question))
                except Stopped as stop:
                    self._close()
                    stops.append(stop)
                    rows.append(_row(question, stop.status, stop.reason))
        finally:
            self._close()
        stops += [stop for statements in self.skipped.values() for stop in statements.values()]
        cells = [f"cell {number + 1}: {stop.reason}"
                 for number, statements in self.skipped.items() for stop in statements.values()]
        return make_record(rows, stops[0].status if stops else "ok", list(dict.fromkeys(cells)), self.first_error)

    def _restart(self):
        """A fresh sandbox in which all cells have run but for the statements that end it."""
        while True:
            self._check_time()
            self.restarts += 1
            if self.restarts > RESTARTS:
                raise Stopped("limit", f"the submission ended {RESTARTS} sandboxes, and gets no more")
            self.sandbox = self.start()
            try:
                self.sandbox.wait_ready()
            except Stopped as stop:
                raise SandboxUnavailable(f"a sandbox did not start: {stop.reason} {self.sandbox.complaint()}") from None
            number = 0
            try:
                for number, source in enumerate(self.sources):
                    skip = self.skipped.get(number, {})
                    if None not in skip:
                        rest = sorted(skip)[STOPS - 1] if len(skip) >= STOPS else None
                        error = self.sandbox.run_cell(number, source, self._seconds(CELL_SECONDS), skip, rest)
                        self.first_error = self.first_error or _described(number, error)
                return
            except Stopped as stop:
                self._close()
                self._check_time()
                skip = self.skipped.setdefault(number, {})
                # what runs inside may lie: a statement that it names twice costs the cell
                skip[None if stop.statement in skip else stop.statement] = stop

    def _mark(self, question):
        cases, expected, names = _cases(question.name, _week_of(question), self.seed)
        judged, end = [], time.monotonic() + self._seconds(QUESTION_SECONDS)
        # before the calls, and whatever they give: what is asked tells nothing about how they are judged
        used = self.sandbox.names(question.name, end - time.monotonic()) if question.has_rules else []
        for inputs, want in zip(cases, expected, strict=True):
            remaining = end - time.monotonic()
            if remaining <= 0:
                raise Stopped("timeout", f"{len(judged)} of {len(cases)} cases were done in {QUESTION_SECONDS} seconds")
            got, instead, changed = self.sandbox.call(question.name, inputs, remaining)
            case = Case(dict(zip(names, inputs, strict=False)), want)
            if instead is None:
                case.got = got
                compare(question, case, changed)
            elif instead.get("missing"):
                return _row(question, "not defined", "the sheet defines no such function")
            elif instead.get("error") == "NotImplementedError":
                return _row(question, "unanswered", "not answered")
            elif "error" in instead:
                case.problem, case.line = instead["text"] or "an exception", instead["line"]
            else:
                case.problem = (f"the function returned {instead['returned']}; a NumPy array of real numbers or a "
                                "number was asked for")
            judged.append(case)
        verdict = summarize(question, cases, expected, judged, used)
        if verdict.passed and not all(case.numbers is not None and question.same(case.numbers, case.expected)
                                      for case in judged):
            raise AssertionError(f"{question.name} passed without the right numbers")      # points need all of them
        return _verdict_row(question, verdict)

    def _seconds(self, most):
        self._check_time()
        return min(most, self.deadline - time.monotonic())

    def _check_time(self):
        if time.monotonic() >= self.deadline:
            raise Stopped("timeout", f"the submission took {TOTAL_SECONDS} seconds and was stopped")

    def _close(self):
        if self.sandbox is not None:
            self.sandbox.close()
            self.sandbox = None


def _week_of(question):
    return next(week for week, questions in WEEKS.items() if question in questions)


@functools.cache
def _cases(name, week, seed):
    """The cases of a question, what is expected, and the names of the arguments: the same for all submissions."""
    question = next(question for question in WEEKS[week] if question.name == name)
    cases = question.draw_cases(seed)
    return cases, [question.expected(case) for case in cases], list(inspect.signature(question.reference).parameters)


def make_record(rows, status, cells=(), first_error="", reasons=None):
    """The record of a submission with these rows of questions, see `mark`.

    cells: why some were stopped.  reasons: of a submission that was not run; else what the rest says.
    """
    if reasons is None:
        lost = [row for row in rows if row["status"] != PASSED]
        lost.sort(key=lambda row: row["status"] not in STATUSES)
        reasons = [first_error] if lost and first_error else []
        reasons += [*cells, *(f"{row['name']}: {row['problem'] or row['headline']}" for row in lost)]
    return {"status": status, "reasons": reasons, "reason": join(reasons), "first_error": first_error,
            "cells": list(cells), "total": sum(row["score"] for row in rows),
            "max": sum(row["points"] for row in rows), "questions": rows}


def join(reasons):
    """Reasons as one text to show."""
    text = "; ".join(reasons)
    return text if len(text) <= REASON else f"{text[:REASON - 1]}…"


def _described(number, error):
    """The error of a cell as a short text, such as `cell 2, line 1: import torch: ModuleNotFoundError: …`."""
    if not error:
        return ""
    return f"cell {number + 1}" + (f", {error['line']}" if error["line"] else "") + f": {error['text']}"


def _row(question, status, problem, **more):
    return {"name": question.name, "title": question.title, "asks": question.asks, "points": question.points,
            "score": question.points if status == PASSED else 0, "status": status, "headline": status,
            "problem": problem[:500], "line": "", "mistake": "", "hint": "", "note": "", "case": None, **more}


def _verdict_row(question, verdict):
    if verdict.passed:
        return _row(question, PASSED, "", headline=verdict.headline)
    case, mistake = verdict.case, verdict.mistake
    told = {"headline": verdict.headline, "note": verdict.note, "mistake": mistake.name if mistake else "",
            "hint": mistake.hint if mistake else ""}
    if case is None:                                                     # the numbers are right, a rule is broken
        return _row(question, verdict.status, "", **told)
    shown = {"inputs": {name: _shown(value) for name, value in case.inputs.items()},
             "expected": None if question.measure else _shown(case.expected, case.where),
             "properties": [[name, f"{wanted:.4g}", "" if has is None else f"{has:.4g}", right]
                            for name, wanted, has, right in case.properties],
             "got": None if case.got is None else _shown(case.got, case.where), "where": case.where}
    return _row(question, verdict.status, case.problem, line=case.line or "", case=shown, **told)


def _shown(value, where=None):
    """A value of a case: rows of cells to show, a note, and what it takes to make it again."""
    if isinstance(value, (np.ndarray, np.generic)):
        cells, note = table(value, where if np.ndim(value) else None)
        array = np.asarray(value)
        again = array.tolist() if array.size <= 2000 and np.isfinite(array).all() else None
        return {"cells": cells, "note": note, "dtype": str(array.dtype), "value": again}
    plain = value is None or isinstance(value, (int, float, str, list))
    again = list(value) if isinstance(value, tuple) else value if plain else repr(value)
    return {"cells": None, "note": "", "dtype": "", "value": again, "list": isinstance(value, list)}
