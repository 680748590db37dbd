"""After `import cnnlib` torchvision can be imported, whether or not its compiled operators match torch.

Each program runs in a fresh interpreter; a stub stands for a torchvision with and without its extension.
"""

import os
import re
import subprocess
import sys

import pytest
import torch
import torchvision

from tests.paths import ROOT

SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
STUB = {                                         # the order is torchvision's: first the extension, then the operators
    "__init__.py": "from . import extension\nfrom . import _meta_registrations, models\n",
    "_meta_registrations.py": """
import torch
for name in ("nms", "qnms"):
    torch.library.register_fake("torchvision::" + name)(lambda dets, scores, iou_threshold: dets)
""",
    "models.py": "resnet18 = print",
}
EXTENSION = f"""
import torch
library = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    library.define(name + "{SCHEMA}")
    library.impl(name, lambda dets, scores, iou_threshold: scores + 7, "CPU")
"""
ORDERS = {
    "scratch first": "from cnnlib import scratch\nimport torchvision",
    "torch first": "import torch\nimport cnnlib\nimport torchvision",
    "within a function": "import cnnlib\ndef f():\n    import torchvision\n    return torchvision\nf()",
    "a part of it": "import cnnlib\nfrom torchvision.models import resnet18",
}
FINDERS = "import sys, torch, cnnlib\nfinders = [f for f in sys.meta_path if isinstance(f, cnnlib.OperatorFinder)]\n"
MISSING = FINDERS + """
assert [f.library is not None for f in finders].count(True) == 1
assert hasattr(torch.ops.torchvision, "nms") and hasattr(torch.ops.torchvision, "qnms")
try:
    torch.ops.torchvision.nms(torch.zeros(2, 4), torch.zeros(2), 0.5)
except NotImplementedError:
    pass
else:
    raise AssertionError("an operator that is only declared was run")
"""
COMPILED = FINDERS + """
assert all(f.library is None for f in finders)
assert torch.ops.torchvision.nms(torch.zeros(2, 4), torch.zeros(2), 0.5).tolist() == [7, 7]
"""


def run(code, *folders):
    paths = os.pathsep.join(map(str, (*folders, ROOT)))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT,
                          env={**os.environ, "PYTHONPATH": paths})


def runs(code, *folders):
    result = run(code, *folders)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture
def stub(tmp_path):
    """Write a torchvision with this extension, and return the folder that it is in."""
    def write(extension, **others):
        package = tmp_path / "torchvision"
        package.mkdir()
        files = STUB | {"extension.py": extension} | {f"{name}.py": text for name, text in others.items()}
        for name, text in files.items():
            (package / name).write_text(text)
        return tmp_path
    return write


def test_models_transforms_and_data_sets_work():
    from torchvision.models import resnet18
    from torchvision.transforms import v2

    x = v2.Resize((40, 33))(torch.zeros(1, 3, 20, 20))
    assert resnet18(num_classes=7).eval()(x).shape == (1, 7)
    assert torchvision.datasets.MNIST is not None


@pytest.mark.parametrize("order", ["scratch first", "torch first"])
def test_the_installed_one_is_imported_in_any_order(order):
    runs(ORDERS[order] + "\nassert torchvision.models.resnet18")


@pytest.mark.parametrize("order", ORDERS)
def test_missing_operators_are_declared_and_cannot_be_called(order, stub):
    runs(ORDERS[order] + "\n" + MISSING, stub(""))


def test_without_cnnlib_the_stub_fails_as_torchvision_does_and_can_be_imported_afterwards(stub):
    code = """
try:
    import torchvision
except RuntimeError as error:
    assert "torchvision::nms does not exist" in str(error)
else:
    raise AssertionError("it was imported")
import cnnlib
import torchvision
"""
    runs(code + MISSING, stub(""))


@pytest.mark.parametrize("order", ["import cnnlib\nimport torchvision", "import torchvision\nimport cnnlib"])
def test_compiled_operators_are_left_alone(order, stub):
    runs(order + "\n" + COMPILED, stub(EXTENSION))


def test_another_error_of_torchvision_is_not_swallowed(stub):
    result = run("import cnnlib\nimport torchvision", stub("", models="raise RuntimeError('something else')"))
    assert result.returncode == 1 and "RuntimeError: something else" in result.stderr


def test_where_torchvision_is_not_installed_its_import_says_so():
    result = run("import sys\nsys.modules['torchvision'] = None\nimport cnnlib\nimport torchvision")
    assert result.returncode == 1 and "ModuleNotFoundError: import of torchvision" in result.stderr


def test_import_cnnlib_loads_neither_torch_nor_torchvision():
    """Nor does asking where torchvision is, as other libraries do."""
    look = "import importlib.util\nassert importlib.util.find_spec('torchvision')\n"
    check = "import sys\nprint(*sorted({'numpy', 'torch', 'torchvision', 'matplotlib'} & set(sys.modules)))"
    assert runs("import cnnlib\n" + look + check).split() == []
    assert runs("from cnnlib import scratch\n" + look + check).split() == ["numpy"]


def test_the_example_of_the_readme_runs_as_it_is_typed():
    text = (ROOT / "README.md").read_text().partition("## The NumPy engine")[2]
    code, = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert code.index("from cnnlib") < code.index("import torchvision")
    out = runs(code + "\nassert dict(net.named_parameters())['conv1.weight'].grad.shape == (64, 3, 7, 7)")
    assert out.count("meets") == 20 and out.startswith("(2, 3, 64, 48) meets (64, 3, 7, 7)")
