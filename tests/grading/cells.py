"""Notebooks made of code, the two questions that the tests of the grader ask, and what is left of a sandbox.

The second is answered by `full` and not by np.convolve, which it may forbid.
"""

import json
import os
import re
import time
from pathlib import Path

HOSTILE = Path(__file__).with_name("hostile")
QUESTIONS = ["count_weights", "convolve1d_full"]
RIGHT = """\
import numpy as np

def count_weights(height, width, kernel_height, kernel_width):
    return (height * width) ** 2, kernel_height * kernel_width

def full(x, w):
    out = np.zeros(len(x) + len(w) - 1)
    for k, weight in enumerate(w):
        out[k:k + len(x)] += weight * x
    return out

def convolve1d_full(x, w):
    return full(x, w)
"""
# Cells that find the descriptors of the program inside.
FIND = """
import os, sys, time
frame = sys._getframe()
while 'outbox' not in frame.f_locals:
    frame = frame.f_back
inbox, outbox = frame.f_locals['inbox'], frame.f_locals['outbox']
"""


def attack(name, **words):
    """The cells of sheet and attack, in which words in capitals are replaced."""
    sources = []
    for path in (HOSTILE / "sheet.py", HOSTILE / f"{name}.py"):
        text = path.read_text()
        for word, replacement in words.items():
            text = text.replace(word, str(replacement))
        sources += re.split(r"^# %%\n", text, flags=re.MULTILINE)
    return sources


def notebook(*sources):
    """The bytes of a notebook with these code cells."""
    return json.dumps({"cells": [{"cell_type": "code", "source": source} for source in sources],
                       "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def passed(record):
    """The names of the questions that passed."""
    return [row["name"] for row in record["questions"] if row["status"] == "passed"]


def process_of(sandbox):
    """The number of the first process inside, as it is seen from here."""
    sandbox.wait_ready()
    return json.loads(os.pread(sandbox._info, 4096, 0))["child-pid"]


def space(sandbox):
    """What names the sandbox's process namespace."""
    return os.readlink(f"/proc/{process_of(sandbox)}/ns/pid")


def left_in(spaces, seconds=1.0):
    """The processes that still live in these namespaces; the kernel has some time to end them."""
    end = time.monotonic() + seconds
    while True:
        left = []
        for number in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{number}/ns/pid") in spaces and _runs(number):
                    left.append(int(number))
            except OSError:                                              # it has ended, or is somebody else's
                continue
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.01)


def _runs(number):
    """Not so when the process has ended and only its number waits to be fetched."""
    with open(f"/proc/{number}/stat", "rb") as file:
        return file.read().rpartition(b") ")[2][:1] not in b"ZX"
