"""How far a run is, on a terminal or in a log."""

import time
from collections import Counter

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from ..marking import STATUSES


class Progress:
    """A bar with the counts and the time left; on anything but a terminal a line now and then."""

    def __init__(self, total, done, statuses, say, seconds=15):
        self.total, self.done, self.start, self.counts = total, done, done, Counter(statuses)
        self.say, self.seconds = say, seconds
        self.began = self.said = time.monotonic()
        console = Console(stderr=True)
        self.bar = None
        if console.is_terminal:
            self.bar = Bar(TextColumn("marking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
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
