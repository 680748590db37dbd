"""The commands: mark a class, mark a question again, export, explain.

Every submission is marked once, and each mark is on disk as soon as it is there, whatever happens next. A run that was
stopped or killed goes on where it was: what was marked is left alone as long as its content and the questions stay what
they were.
"""

import contextlib
import json
import os
import statistics
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ..marking import STATUSES, lost, make_record
from ..questions import WEEKS
from ..sandbox import Sandbox, SandboxUnavailable, TrustingSandbox, check_available
from ..submission import class_problem, class_remarks, find_students, find_weeks, read_submission, show, shown_name
from . import reports
from .attempt import BatchError, versions
from .cluster import on_cluster
from .pool import in_processes
from .progress import Progress
from .store import DATABASE, open_store, shown

_STOPPED = ("timeout", "limit", "crash")


@dataclass(frozen=True)
class Workers:
    """Who marks. jobs: processes here, default one for each core.  scheduler: a Dask scheduler to use in their place.

    sandbox: False runs every submission with the rights of whoever runs the grader.
    """

    jobs: int | None = None
    scheduler: str | None = None
    sandbox: bool = True

    def check(self):
        """Raise BatchError when no sandbox starts here. On a cluster each worker is asked when the run begins."""
        if self.sandbox and self.scheduler is None:
            try:
                check_available()
            except SandboxUnavailable as error:
                raise BatchError(str(error)) from None
        if os.name != "posix":
            raise BatchError("submissions are read safely on Linux and macOS only: use the container, `Containerfile`")

    def mark(self, submissions, week, questions=None, seed=0):
        """Yield (submission, record) in the order in which they are done. seed: draws the cases. Raises BatchError."""
        make = Sandbox if self.sandbox else TrustingSandbox
        if self.scheduler is not None:
            return on_cluster(submissions, week, questions, self.scheduler, make, seed)
        return in_processes(submissions, week, questions, self.jobs or _cores(), make, seed)


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# ---- the commands

def grade(submissions, out, week=None, workers=None, say=print):
    """Mark a class and write its reports.

    submissions: a folder with a folder for each student, in it weekN.ipynb.  out: the folder for what comes out.
    week: default the one that was handed in.  workers: default a process for each core.  say: shows a line.
    Returns the Results of all students.  Raises BatchError.
    """
    submissions, out, workers = Path(submissions), Path(out), workers or Workers()
    students = _students(submissions)
    week = _week(submissions, week)
    _check_apart(submissions, out)
    workers.check()
    with open_store(out) as store:
        others = store.weeks() - {week}
        if others:
            raise BatchError(f"{shown(out)} holds marks of week {min(others)}: give week {week} a folder of its own")
        for line in class_remarks(submissions, students, week):
            say(line)
        gone = store.keep_only(students)
        if gone:
            say(f"{len(gone)} students are no longer in {shown(submissions)} and were taken out: {_some(gone)}")
        current, todo = versions(week), []
        for name in students:                                            # one content at a time is in memory
            submission = read_submission(submissions, name, week)
            if store.has(submission, current):
                continue
            if submission.content is None:
                store.put(submission, week, _unread(submission, week), current)
            else:
                todo.append(name)
        if len(todo) < len(students):
            say(f"{len(students) - len(todo)} of {len(students)} need no marking: nothing changed, or no notebook")

        def keep(submission, record):
            store.put(submission, week, record, current)
            progress.add(record["status"])

        def contents():
            for name in todo:
                submission = read_submission(submissions, name, week)
                if submission.content is not None:
                    yield submission
                else:                                                    # gone since it was looked at
                    keep(submission, _unread(submission, week))

        progress = Progress(len(students), len(students) - len(todo), store.statuses(), say)
        with progress, contextlib.closing(workers.mark(contents(), week, seed=store.seed)) as marks:
            for submission, record in marks:
                keep(submission, record)
        return _report(store, out, week)


def regrade(out, submissions, question, workers=None, say=print):
    """Mark one question again in all submissions and write the reports; all other marks stay.

    Returns the Results.  Raises BatchError.
    """
    submissions, out, workers = Path(submissions), Path(out), workers or Workers()
    students = set(_students(submissions))
    workers.check()
    with open_store(out, must_exist=True) as store:
        week = store.week()
        names = [known.name for known in WEEKS[week]]
        if question not in names:
            raise BatchError(f"--question must be one of week {week}: {', '.join(names)}; got {question!r}")
        rows = store.rows()
        changed, away = [], [name for name in rows if name not in students]

        def contents():
            for name in rows:
                if name not in students:
                    continue
                submission = read_submission(submissions, name, week)
                if submission.digest != rows[name]["digest"]:
                    changed.append(submission.student)
                elif submission.content is not None:
                    yield submission

        progress = Progress(len(rows), 0, {}, say)
        with progress, contextlib.closing(workers.mark(contents(), week, [question], store.seed)) as marks:
            for submission, record in marks:
                row = rows[submission.name]
                record = _merged(json.loads(row["record"]), record, week)
                current = {**json.loads(row["versions"]), question: versions(week)[question]}
                store.put(submission, week, record, current)
                progress.add(record["status"])
        if changed or away:
            say(f"{len(changed)} submissions changed since they were marked and {len(away)} are gone; they were left "
                "alone: run grade")
        return _report(store, out, week)


def export(out):
    """Write the reports anew from the database. Returns the Results. Raises BatchError."""
    with open_store(Path(out), must_exist=True) as store:
        return _report(store, Path(out), store.week())


def explain(out, student, question):
    """The mark of one question as text. student: the name as it is shown, or the name of the student's files.

    Raises BatchError when there is no such student or question.
    """
    with open_store(Path(out), must_exist=True) as store:
        results, name = store.results(), shown_name(student)
        found = ([result for result in results if student == result.stem]
                 or [result for result in results if name == shown_name(result.student)])
        if not found:
            raise BatchError(f"there is no student {show(student)!r} in {shown(Path(out) / DATABASE)}")
        if len(found) > 1:
            raise BatchError(f"{len(found)} students are shown as {show(student)!r}: give the name of the student's "
                             f"files, {' or '.join(result.stem for result in found)}")
        try:
            return reports.explain(found[0], question)
        except ValueError as error:
            raise BatchError(str(error)) from None


def summary(results):
    """What a run came to: (status → number of submissions, mean of the totals, points that there are)."""
    counts = Counter(result.record["status"] for result in results)
    counts = {status: counts[status] for status in STATUSES if counts[status]}
    mean = statistics.fmean(result.record["total"] for result in results) if results else 0
    return counts, mean, results[0].record["max"] if results else 0


# ---- steps

def _students(submissions):
    try:
        students = find_students(submissions)
        problem = class_problem(submissions, students)
    except OSError as error:
        raise BatchError(f"the folder of submissions {shown(submissions)} cannot be read: {error.strerror}") from None
    if problem:
        raise BatchError(problem)
    return students


def _week(submissions, week):
    known = ", ".join(map(str, WEEKS))
    if week is None:
        found = sorted(find_weeks(submissions) & set(WEEKS)) or (list(WEEKS) if len(WEEKS) == 1 else [])
        if not found:
            raise BatchError(f"no student handed in a sheet of a week that there is ({known}): say which with --week")
        if len(found) > 1:
            raise BatchError(f"sheets of the weeks {', '.join(map(str, found))} were handed in: say which with --week")
        return found[0]
    if week not in WEEKS:
        raise BatchError(f"--week must be one of {known}; got {week}")
    return week


def _check_apart(submissions, out):
    """Folders of reports below the submissions would be taken for students."""
    inside = out.resolve()
    if inside.is_relative_to(submissions.resolve()):
        parts = inside.relative_to(submissions.resolve()).parts
        if not parts or not parts[0].startswith("."):
            raise BatchError(f"--out {shown(out)} lies in the folder of submissions: choose another place")


def _unread(submission, week):
    return lost(week, "missing" if submission.missing else "invalid", submission.problem)


def _merged(old, new, week):
    """A record with the questions of `new` in place of the old ones."""
    rows = {row["name"]: row for row in [*old["questions"], *new["questions"]]}
    rows = [rows[question.name] for question in WEEKS[week] if question.name in rows]
    stopped = [row["status"] for row in rows if row["status"] in _STOPPED]
    not_run = new["reasons"] if new["status"] in ("invalid", "missing") else None
    return make_record(rows, stopped[0] if stopped else new["status"], new["cells"], new["first_error"], not_run)


def _report(store, out, week):
    results = store.results()
    try:
        reports.write(results, out, week)
    except OSError as error:
        raise BatchError(f"the marks are in {shown(out / DATABASE)}, but the reports cannot be written: "
                         f"{error.strerror}") from None
    return results


def _some(names, most=5):
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
