"""One thread for each test, since as many tests run at a time as there are cores."""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):      # read when NumPy is imported
    os.environ.setdefault(variable, "1")

import pytest
import torch

from tests.paths import ROOT

torch.set_num_threads(1)


@pytest.fixture
def root():
    return ROOT
