"""One thread for each test, since as many tests run at a time as there are cores; and the same numbers on every run.

Hypothesis draws the same cases each time, so that `make test` never fails by chance on somebody else's machine.
HYPOTHESIS_PROFILE=anew draws others, once a week (.github/workflows/newest.yml).
"""

import os
import random
from collections import Counter

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):      # read when NumPy is imported
    os.environ.setdefault(variable, "1")

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis.internal.conjecture import providers

from cnnlib import scratch  # and with cnnlib the tests can import torchvision
from tests.paths import ROOT

torch.set_num_threads(1)

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "same")
hypothesis.settings.register_profile("same", derandomize=True, database=None, deadline=None)
hypothesis.settings.register_profile("anew", derandomize=False, database=None, deadline=None, print_blob=True)
hypothesis.settings.load_profile(PROFILE)
if PROFILE == "same" and hasattr(providers, "_get_local_constants"):
    # Hypothesis also draws the constants in whatever of our modules is imported by then, and has no setting for it: a
    # test alone drew other cases than the same test among all, or behind others.
    providers._get_local_constants = providers.Constants


def pytest_collection_modifyitems(items):
    """A file goes to one core as a whole: so that none is left alone at the end, the long ones come first.

    Those are the files of many tests, and one of few, which starts nbgrader for each (eight minutes).
    """
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path.name != "test_nbgrader.py", -tests[item.path]))


@pytest.fixture(autouse=True)
def seeds():
    """Whatever was drawn before, by the tests that this process happened to get, a test starts from the same seeds."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    scratch.manual_seed(0)


@pytest.fixture
def root():
    return ROOT
