"""Shared by all tests: where things are, and one thread each, since as many tests run as there are cores."""

from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
torch.set_num_threads(1)


@pytest.fixture
def root():
    return ROOT
