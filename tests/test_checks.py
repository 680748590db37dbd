"""How arguments are checked: `checked` and its kinds, and that nothing else notices that a function is checked."""

import copy
import inspect
import pickle
from typing import Literal

import numpy as np
import pytest
import torch
import torch.fx
from torch import nn

from cnnlib.blocks import BasicBlock, ConvNormAct
from cnnlib.checks import (
    Int,
    Ints,
    NonNegative,
    NonNegativeNumber,
    Number,
    Odd,
    Positive,
    PositiveNumber,
    Share,
    check_count,
    check_divisible,
    check_positive,
    check_type,
    checked,
    kind,
    require,
)
from cnnlib.tensors import Floats, Maker, Net, NonNegativeScalar, check_input


@checked
def resize(size: Positive, factor: PositiveNumber = 2.0, mode: Literal["nearest", "area", None] = "nearest", *,
           crop: NonNegative | None = None, note=None):
    """The docstring stays."""
    return size, factor, mode, crop, note


@checked
class Layer(nn.Module):
    def __init__(self, channels: Positive, hidden: Odd | None = None):
        super().__init__()
        check_divisible(self, channels=channels, groups=2)
        self.channels, self.hidden = channels, hidden

    def forward(self, x):
        check_input(self, x, self.channels)
        return 2 * x


class Narrow(Layer):
    def __init__(self, hidden):
        super().__init__(2, hidden)


BAD = [
    (resize, (0,), {}, "^resize: size must be at least 1, got 0$"),
    (resize, (), {"size": True}, "^resize: size must be an int, got True$"),
    (resize, (None,), {}, "^resize: size must be an int, got None$"),
    (resize, (4, 0), {}, "^resize: factor must be a number above 0, got 0$"),
    (resize, (4, 1, "cubic"), {}, '^resize: mode must be "nearest", "area" or None, got \'cubic\'$'),
    (resize, (4,), {"crop": -1}, "^resize: crop must be at least 0, got -1$"),
    (Layer, (3,), {}, "^Layer: channels must divide by groups, got channels 3 and groups 2$"),
    (Layer, (4, 2), {}, "^Layer: hidden must be odd, got 2$"),
    (Narrow, (2,), {}, "^Narrow: hidden must be odd, got 2$"),
    (Narrow(1), (torch.zeros(1, 3, 4, 4),), {}, r"^Narrow: input must be \(N, 2, H, W\), got shape \(1, 3, 4, 4\)$"),
    (check_positive, ("f",), {"name": 1, "least": 0}, "^f: least must be at least 1, got 0$"),
    (check_count, ("f", 2, "two ints"), {"pair": 5}, "^f: pair must be two ints, got 5$"),
    (check_type, ("f", str, "a word"), {"type": 5}, "^f: type must be a word, got int$"),
    (require, (Layer(2), False, "x must be y"), {}, "^Layer: x must be y$"),
]

# kind, what it lets pass, what it refuses
KINDS = [
    (Int, [-1, 0, np.int64(3)], [1.0, "1", None, True, np.bool_(True), np.float64(1), [1]]),
    (Positive, [1, np.int64(3), 2**70], [0, -1, 1.0, np.float64(2), True, "3", None, (1,), np.array(3)]),
    (NonNegative, [0, np.uint8(3)], [-1, False, 0.0]),
    (Odd, [1, 3, np.int32(5)], [0, 2, -1, 3.0, True]),
    (Ints, [[1], (1, np.int64(2))], [(), [], 3, (0,), (1, 2.0), (True,), "12", {1: 2}, np.array([1])]),
    (Number, [0, -1.5, np.float32(2), np.int64(2), float("nan")], [True, "1", None, 1j, np.array(1.0), torch.ones(())]),
    (NonNegativeNumber, [0, 0.5, float("inf")], [-1e-9, float("nan"), False]),
    (PositiveNumber, [1e-9, 3, np.float64(2)], [0, -1, float("nan"), float("inf"), True, "1"]),
    (Share, [0, 1, 0.5], [-0.1, 1.1, float("nan"), True, "0.5"]),
    (Maker, [nn.ReLU, lambda: nn.ReLU()], [nn.ReLU(), "relu", 3, None]),
    (Net, [nn.ReLU()], [nn.ReLU, None, torch.relu]),
    (Floats, [torch.ones(2)], [torch.ones(2).long(), np.ones(2), [1.0], None]),
    (NonNegativeScalar, [0, torch.tensor(2.0)], [torch.tensor(-1.0), torch.ones(1), torch.tensor(True), np.array(1.0)]),
    (kind(int, check_positive), [1], [0]),
]


@pytest.mark.parametrize(("asked", "good", "bad"), KINDS)
def test_a_kind_lets_pass_and_refuses(asked, good, bad):
    @checked
    def function(x: asked, y: asked | None = None):
        return x

    for value in good:
        assert function(value) is value and function(x=value, y=None) is value
    for value in bad:
        with pytest.raises((TypeError, ValueError), match="^function: x"):
            function(value)
        if value is not None:
            with pytest.raises((TypeError, ValueError), match="^function: y"):
                function(good[0], y=value)


def test_what_is_right_passes_and_defaults_stand():
    assert resize(3) == (3, 2.0, "nearest", None, None)
    assert resize(np.int64(3), mode=None, crop=0, note="n", factor=1) == (3, 1, None, 0, "n")
    assert Layer(2).hidden is None and Layer(2, hidden=3).hidden == 3


def test_what_python_itself_refuses_it_refuses():
    for args, kwargs in [((), {}), ((3, 1, None, 4), {}), ((3,), {"size": 3}), ((3,), {"sizes": 3})]:
        with pytest.raises(TypeError, match=r"resize\(\)"):
            resize(*args, **kwargs)


def test_nothing_else_notices():
    assert str(inspect.signature(resize)).startswith("(size: ") and list(inspect.signature(Layer).parameters) == [
        "channels", "hidden"]
    assert resize.__name__ == "resize" and resize.__doc__ == "The docstring stays."
    assert pickle.loads(pickle.dumps(resize)) is resize
    assert copy.deepcopy(Layer(2, 3)).hidden == 3
    net = nn.Sequential(Layer(2), ConvNormAct(2, 4), BasicBlock(4, 4)).eval()
    x = torch.rand(1, 2, 5, 6)
    again = pickle.loads(pickle.dumps(net))
    assert torch.equal(again(x), net(x)) and torch.equal(torch.fx.symbolic_trace(net)(x), net(x))
