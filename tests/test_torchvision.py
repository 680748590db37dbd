"""torchvision can be imported, whether or not its compiled operators match torch."""

import subprocess
import sys

import torch

from cnnlib.torchvision_compat import import_torchvision


def test_models_transforms_and_data_sets_work():
    torchvision = import_torchvision()
    assert import_torchvision() is torchvision                   # the second call does nothing
    from torchvision.models import resnet18
    from torchvision.transforms import v2

    x = v2.Resize((40, 33))(torch.zeros(1, 3, 20, 20))
    assert resnet18(num_classes=7).eval()(x).shape == (1, 7)
    assert torchvision.datasets.MNIST is not None


def test_a_missing_operator_is_declared_before_the_second_try():
    """In a fresh interpreter, with a torchvision whose first import fails as the unmatched build does."""
    code = """
import sys, types, importlib.abc, importlib.util, torch
class Fake(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    tries = 0
    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name == "torchvision" else None
    def create_module(self, spec): return None
    def exec_module(self, module):
        Fake.tries += 1
        torch.library.register_fake("torchvision::nms")(lambda *a: None)
sys.meta_path.insert(0, Fake())
from cnnlib.torchvision_compat import import_torchvision
import_torchvision()
assert Fake.tries == 2, Fake.tries
assert hasattr(torch.ops.torchvision, "nms") and hasattr(torch.ops.torchvision, "qnms")
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_another_error_of_torchvision_is_not_swallowed():
    code = """
import sys, importlib.abc, importlib.util
class Fake(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name == "torchvision" else None
    def create_module(self, spec): return None
    def exec_module(self, module): raise RuntimeError("something else")
sys.meta_path.insert(0, Fake())
from cnnlib.torchvision_compat import import_torchvision
import_torchvision()
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1 and "something else" in result.stderr
