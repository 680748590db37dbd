"""grades.sqlite: the marks of a class, one row for each student, on disk as soon as they are there."""

import contextlib
import json
import os
import secrets
import sqlite3
from datetime import UTC, datetime

try:
    import fcntl
except ImportError:              # Windows, where marks can be looked at and exported, but not made
    fcntl = None

from ..questions import WEEKS
from ..submission import show
from . import reports
from .attempt import BatchError, to_json

DATABASE = "grades.sqlite"
_COLUMNS = {"stem": "TEXT PRIMARY KEY", "student": "TEXT", "total": "REAL", "max": "REAL", "status": "TEXT",
            "reason": "TEXT", "finished": "TEXT", "week": "INTEGER", "digest": "TEXT", "versions": "TEXT",
            "name": "BLOB", "record": "TEXT"}


@contextlib.contextmanager
def open_store(out, must_exist=False):
    """The database in the folder `out`, which no other run may use at the same time. Raises BatchError."""
    if must_exist and not (out / DATABASE).is_file():
        raise BatchError(f"there is no {DATABASE} in {shown(out)}: run grade first")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BatchError(f"--out {shown(out)} is no folder that can be written: {error.strerror}") from None
    try:
        with _lock(out), contextlib.closing(Store(out / DATABASE)) as store:
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


class Store:
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


def shown(path):
    """A path as text that any terminal takes."""
    return show(str(path))
