"""A class: every submission is marked once, and each mark is on disk as soon as it is there, whatever happens next.

grades.sqlite holds the marks, one row for each student. A run that was stopped or killed goes on where it was: what was
marked is left alone as long as its content and the questions stay what they were.
"""

import contextlib
import json
import os
import secrets
import sqlite3
import statistics
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

try:
    import fcntl
except ImportError:              # Windows, where marks can be looked at and exported, but not made
    fcntl = None

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from . import reports
from .marking import PASSED, STATUSES, _record, lost
from .questions import WEEKS
from .sandbox import Sandbox, SandboxUnavailable, check_available
from .submission import class_problem, class_remarks, find_students, find_weeks, read_submission, show, shown_name
from .workers import BatchError, TrustingSandbox, in_processes, on_cluster, to_json, versions

DATABASE = "grades.sqlite"
_COLUMNS = {"stem": "TEXT PRIMARY KEY", "student": "TEXT", "total": "REAL", "max": "REAL", "status": "TEXT",
            "reason": "TEXT", "finished": "TEXT", "week": "INTEGER", "digest": "TEXT", "versions": "TEXT",
            "name": "BLOB", "record": "TEXT"}
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
    with _store(out) as store:
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

        progress = _Progress(len(students), len(students) - len(todo), store.statuses(), say)
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
    with _store(out, must_exist=True) as store:
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

        progress = _Progress(len(rows), 0, {}, say)
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
    with _store(Path(out), must_exist=True) as store:
        return _report(store, Path(out), store.week())


def explain(out, student, question):
    """The mark of one question as text. student: the name as it is shown, or the name of the student's files.

    Raises BatchError when there is no such student or question.
    """
    with _store(Path(out), must_exist=True) as store:
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


def shown(path):
    """A path as text that any terminal takes."""
    return show(str(path))


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
    again = {row["name"] for row in new["questions"]}
    cells = next((new["reason"].partition(f"{name}: ")[0].rstrip("; ") for name in again), "")
    reasons = [cells] if cells.startswith("cell ") else []
    reasons += [f"{row['name']}: {row['problem'] or row['headline']}"
                for row in sorted(rows, key=lambda row: row["status"] not in STATUSES) if row["status"] != PASSED]
    if new["status"] in ("invalid", "missing"):
        reasons = [new["reason"]]
    return _record(rows, stopped[0] if stopped else new["status"], "; ".join(reasons))


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


# ---- the database

@contextlib.contextmanager
def _store(out, must_exist=False):
    """The database in the folder `out`, which no other run may use at the same time. Raises BatchError."""
    if must_exist and not (out / DATABASE).is_file():
        raise BatchError(f"there is no {DATABASE} in {shown(out)}: run grade first")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BatchError(f"--out {shown(out)} is no folder that can be written: {error.strerror}") from None
    try:
        with _lock(out), contextlib.closing(_Store(out / DATABASE)) as store:
            yield store
    except sqlite3.Error as error:
        raise BatchError(f"{shown(out / DATABASE)} cannot be used: {error}") from None


@contextlib.contextmanager
def _lock(out):
    """Keep other runs away from the folder, where the system can; it lets go when we die."""
    if fcntl is None:
        yield
        return
    folder = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BatchError(f"another run is writing to {shown(out)}") from None
        except OSError:
            pass                                                         # a file system without locks
        yield
    finally:
        os.close(folder)


class _Store:
    """The table `results`: a row for each student, one commit for each row.

    seed: of the cases of this class, drawn when the database is made, so that nobody knows them before.
    """

    def __init__(self, path):
        self.connection = sqlite3.connect(path, isolation_level=None, timeout=30)
        self.connection.row_factory = sqlite3.Row
        columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
        self.connection.execute(f"CREATE TABLE IF NOT EXISTS results({columns})")
        found = {row["name"] for row in self.connection.execute("PRAGMA table_info(results)")}
        if found != set(_COLUMNS):
            self.connection.close()
            raise sqlite3.DatabaseError("its table results has other columns: it is of another program or version")
        self.connection.execute("CREATE TABLE IF NOT EXISTS cases(seed INTEGER)")
        self.connection.execute("INSERT INTO cases SELECT ? WHERE NOT EXISTS (SELECT 1 FROM cases)",
                                [secrets.randbits(62)])
        self.seed, = self.connection.execute("SELECT seed FROM cases").fetchone()

    def put(self, submission, week, record, current):
        """Store a student's mark. current: the versions of the questions with which it was made."""
        values = {
            "stem": submission.stem, "student": submission.student, "total": record["total"], "max": record["max"],
            "status": record["status"], "reason": show(record["reason"])[:500],
            "finished": datetime.now(UTC).isoformat(timespec="seconds"), "week": week, "digest": submission.digest,
            "versions": json.dumps(current), "name": submission.name, "record": to_json(record)}
        self.connection.execute(
            f"INSERT OR REPLACE INTO results({', '.join(values)}) VALUES({', '.join('?' * len(values))})",
            list(values.values()))

    def has(self, submission, current):
        """Whether this content is marked, with these versions of the questions."""
        found = self.connection.execute("SELECT digest, versions FROM results WHERE stem = ?", (submission.stem,))
        row = found.fetchone()
        return row is not None and row["digest"] == submission.digest and json.loads(row["versions"]) == current

    def keep_only(self, names):
        """Delete all other students. Returns their names, to show."""
        names = set(names)
        gone = [row for row in self.connection.execute("SELECT name, stem, student FROM results ORDER BY name")
                if row["name"] not in names]
        self.connection.executemany("DELETE FROM results WHERE stem = ?", [(row["stem"],) for row in gone])
        return [row["student"] for row in gone]

    def rows(self):
        """Name of a student's folder, as bytes → row; by name."""
        return {row["name"]: row for row in self.connection.execute("SELECT * FROM results ORDER BY name")}

    def results(self):
        """What the reports are made of; by name."""
        return [reports.Result(row["student"], row["stem"], json.loads(row["record"]), row["finished"])
                for row in self.rows().values()]

    def statuses(self):
        """Status → number of students."""
        return dict(self.connection.execute("SELECT status, count(*) FROM results GROUP BY status").fetchall())

    def weeks(self):
        return {row["week"] for row in self.connection.execute("SELECT DISTINCT week FROM results")}

    def week(self):
        """The only week. Raises BatchError."""
        weeks = self.weeks() & set(WEEKS)
        if len(weeks) != 1:
            raise BatchError("the database holds no marks of a week that there is: run grade first")
        return weeks.pop()

    def close(self):
        self.connection.close()


# ---- progress

class _Progress:
    """A bar with the counts and the time left; on anything but a terminal a line now and then."""

    def __init__(self, total, done, statuses, say, seconds=15):
        self.total, self.done, self.start, self.counts = total, done, done, Counter(statuses)
        self.say, self.seconds = say, seconds
        self.began = self.said = time.monotonic()
        console = Console(stderr=True)
        self.bar = None
        if console.is_terminal:
            self.bar = Progress(TextColumn("marking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                                TextColumn("{task.fields[counts]}"), console=console)
            self.task = self.bar.add_task("", total=total - done, counts=self._counts())

    def __enter__(self):
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *error):
        if self.bar:
            self.bar.stop()

    def add(self, status):
        """One more submission is done."""
        self.done += 1
        self.counts[status] += 1
        if self.bar:
            self.bar.update(self.task, advance=1, counts=self._counts())
        elif time.monotonic() - self.said > self.seconds or self.done == self.total:
            self.said = time.monotonic()
            left = (self.said - self.began) / (self.done - self.start) * (self.total - self.done)
            self.say(f"{self.done} of {self.total} done ({self._counts()}), about {left:.0f} s left")

    def _counts(self):
        return ", ".join(f"{self.counts[status]} {status}" for status in STATUSES if self.counts[status])
