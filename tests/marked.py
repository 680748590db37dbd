"""Records as `mark` makes them, of answers that are ours: no sandbox is needed, and none is tested."""

import json

import numpy as np

from cnnlib.grading.marking import mark
from cnnlib.grading.names import used
from cnnlib.grading.questions import WEEKS, find
from cnnlib.grading.sandbox import Stopped

EMPTY = json.dumps({"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}).encode()


class Here:
    """In the place of a Sandbox: calls the given functions in this process."""

    def __init__(self, answers):
        self.answers = answers

    def wait_ready(self, seconds=30):
        pass

    def run_cell(self, number, source, seconds, skip=(), rest=None):
        return None

    def call(self, name, arguments, seconds):
        try:
            return np.asarray(self.answers[name](*arguments)), None, []
        except Stopped:
            raise
        except Exception as error:
            return None, {"error": type(error).__name__, "text": f"{type(error).__name__}: {error}",
                          "line": "line 3: return x[100]"}, []

    def names(self, name, seconds):
        question = find(name)                                            # the reference need not keep the rules
        return list(question.needs) if self.answers[name] is question.reference else used(self.answers[name])

    def close(self):
        pass


def record(week=1, **answers):
    """The record of a sheet in which all is right but these answers; JSON has been through it."""
    right = {question.name: question.reference for question in WEEKS[week]}
    start, seed = lambda: Here({**right, **answers}), 2027
    return json.loads(json.dumps(mark(EMPTY, week, start=start, seed=seed)))


def mistaken(name, mistake):
    """The function that makes this known mistake."""
    return next(known.function for known in find(name).mistakes if known.name == mistake)


def unanswered(*_):
    raise NotImplementedError


def ended(*_):
    raise Stopped("crash", "the process ended by itself, with exit status 3")


def backticks(html):
    """A page with its code between backticks, as it is written."""
    return html.replace("<code>", "`").replace("</code>", "`")
