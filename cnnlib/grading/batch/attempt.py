"""What a worker does with one submission, here or on a cluster, and what becomes of one whose worker died.

A worker holds the answers and never runs a student's code: it starts sandboxes and compares. The next sandbox is always
started while the last one is in use, and each is given to one submission only.
"""

import contextlib
import json
import time
import warnings

import numpy as np

from ..marking import lost, mark
from ..questions import WEEKS
from ..sandbox import Sandbox, SandboxUnavailable, Stopped

TRIES = 2                        # of a submission whose worker dies


class BatchError(Exception):
    """What stops a run; one sentence for the terminal. What is marked already is kept."""


class Warm:
    """Makes sandboxes, and has the next one started before it is asked for. Each is given out once."""

    def __init__(self, make=Sandbox):
        self.make, self.next = make, None

    def __call__(self):
        """A sandbox that is ready and was never used. Raises SandboxUnavailable when none starts."""
        for pause in (0.5, 2, 0):
            sandbox, self.next = self.next or self.make(), None
            try:
                self.next = self.make()
                sandbox.wait_ready()
                if sandbox.process.poll() is None:                       # it may have died while it waited
                    return sandbox
                problem = "it ended while it waited"
            except Stopped as error:
                problem = f"{error.reason} {sandbox.complaint()}"
            except OSError as error:                                     # no more processes, descriptors or memory
                problem = str(error)
            sandbox.close()
            time.sleep(pause)
        raise SandboxUnavailable(f"no sandbox starts any more: {problem}")

    def prepare(self):
        """Start the first one."""
        with contextlib.suppress(Exception):                             # told when it is asked for
            self.next = self.make()

    def close(self):
        """End the sandbox that waits."""
        if self.next is not None:
            self.next.close()
            self.next = None


def attempt(content, week, questions, start, seed):
    """Mark one submission in this process; never raises.

    start: makes a sandbox.  seed: draws the cases.
    → JSON: a record, or {"failed": why}, or {"unavailable": why} when no sandbox starts.
    """
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")                              # a student's numbers are no news here
            record = mark(content, week, questions, start, seed)
        return to_json(record)
    except SandboxUnavailable as error:
        return to_json({"unavailable": str(error)})
    except Exception as error:
        return to_json({"failed": f"{type(error).__name__}: {error}"[:300]})


def to_json(value):
    """JSON as text that is UTF-8: a student's half of a surrogate pair becomes a question mark."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()


class Judge:
    """What all attempts have in common: which of the answers is a record, and what becomes of a submission without."""

    def __init__(self, week, questions):
        self.week, self.questions = week, questions
        self.tries = {}                                                  # name of a submission → attempts that died

    def record(self, submission, answer):
        """The record, or None when the submission is to be tried again. answer: JSON, or None when the worker died."""
        result = {"failed": ""} if answer is None else json.loads(answer)
        if "unavailable" in result:
            raise BatchError(result["unavailable"])
        if "failed" not in result:
            return result
        self.tries[submission.name] = self.tries.get(submission.name, 0) + 1
        if self.tries[submission.name] < TRIES:
            return None
        reason = "the grader's own process died twice"
        if result["failed"]:
            reason = f"the grader failed twice: {result['failed']}"
        return lost(self.week, "crash", reason, self.questions)


def versions(week):
    """Question → what changes when its marks might. Two runs with the same versions mark alike."""
    return {question.name: question.version for question in WEEKS[week]}
