"""One thread for each test, since as many tests run at a time as there are cores."""

import pytest
import torch
from paths import ROOT

torch.set_num_threads(1)


@pytest.fixture
def root():
    return ROOT
