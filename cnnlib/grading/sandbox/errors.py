"""Why a student's code cannot run, or no longer runs."""


class SandboxUnavailable(RuntimeError):
    """This system cannot run a student's code safely; the text says what to do."""


class Stopped(Exception):
    """The student's process is gone or was stopped. status: "timeout", "limit" or "crash"; reason: a sentence.

    statement: of a cell, the number of the one that was running; None before the first.
    """

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status, self.reason, self.statement = status, reason, None
