"""MobileNet v1 and v2: published counts, torchvision's numbers, multiply-adds by hooks, small forms, NumPy."""

import numpy as np
import pytest
import torch
from torch import nn

from cnnlib.architectures import (
    MobileNetV1,
    MobileNetV2,
    make_divisible,
    mobilenet_v1,
    mobilenet_v2,
    small_mobilenet_v1,
    small_mobilenet_v2,
)
from cnnlib.checks import check_factors, check_rows
from tests.architectures.same import assert_same_as_torchvision, assert_same_in_numpy, count_parameters, models

BAD = [
    (MobileNetV1, ([32, 64],), {}, r"blocks must be .* of rows \(channels, stride\), got 32 as blocks\[0\]"),
    (MobileNetV1, (32,), {}, r"MobileNetV1: blocks must be a tuple or list of rows \(channels, stride\), got 32"),
    (MobileNetV1, ([],), {}, r"MobileNetV1: blocks must be .*, got none"),
    (MobileNetV1, ([(32, 1), (64, 0)],), {}, r"MobileNetV1: stride of blocks\[1\] must be at least 1, got 0"),
    (MobileNetV2, ([(1, 16, 1)],), {}, r"MobileNetV2: stages must be .*, blocks, stride\), got \(1, 16, 1\)"),
    (MobileNetV2, (), {"width_mult": "1"}, "MobileNetV2: width_mult must be a number above 0, got '1'"),
    (mobilenet_v1, (0,), {}, "MobileNetV1: num_classes must be at least 1, got 0"),
    (mobilenet_v1, (10, 3, 0), {}, "MobileNetV1: width_mult must be a number above 0, got 0"),
    (MobileNetV1, ([(0, 1)],), {}, r"MobileNetV1: channels of blocks\[0\] must be at least 1, got 0"),
    (MobileNetV1, ([(8, 0)],), {}, r"stride of blocks\[0\] must be at least 1, got 0"),
    (mobilenet_v2, (), {"in_channels": 2.0}, "MobileNetV2: in_channels must be an int, got 2.0"),
    (mobilenet_v2, (), {"width_mult": "1"}, "MobileNetV2: width_mult must be a number above 0, got '1'"),
    (MobileNetV2, ([(0, 8, 1, 1)],), {}, r"expansion of stages\[0\] must be at least 1, got 0"),
    (make_divisible, (0,), {}, "make_divisible: channels must be a number above 0, got 0"),
    (make_divisible, (8, 0), {}, "make_divisible: divisor must be at least 1, got 0"),
    (check_rows, ("net", "stages", [(4, 0)], "width", "depth"), {}, r"net: depth of stages\[0\] must be at least 1"),
    (check_factors, ("net",), {"width_mult": -1.0}, "net: width_mult must be a number above 0, got -1.0"),
    (small_mobilenet_v1, (-1,), {}, "num_classes must be at least 1, got -1"),
    (small_mobilenet_v2, (10, 0), {}, "in_channels must be at least 1, got 0"),
    (small_mobilenet_v1(), (torch.zeros(2, 28, 28),), {}, r"MobileNetV1: input must be \(N, 1, H, W\), got shape"),
    (small_mobilenet_v2(), (torch.zeros(2, 3, 28, 28),), {}, r"MobileNetV2: input must be \(N, 1, H, W\), got shape"),
]


def multiply_adds(net, shape):
    """Those of convolutions and linear layers, counted where they happen, without numbers."""
    total = 0

    def count(layer, inputs, output):
        nonlocal total
        total += output.numel() * layer.weight[0].numel()

    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            layer.register_forward_hook(count)
    net.eval()(torch.zeros(shape, device="meta"))
    return total


# table 6 and 7 of Howard et al. 2017: width, resolution → millions of multiply-adds and of parameters
@pytest.mark.parametrize(("width", "size", "work", "parameters"), [
    (1, 224, 569, 4.2), (0.75, 224, 325, 2.6), (0.5, 224, 149, 1.3), (0.25, 224, 41, 0.5),
    (1, 192, 418, 4.2), (1, 160, 290, 4.2), (1, 128, 186, 4.2),
])
def test_v1_has_the_published_size_and_work(width, size, work, parameters):
    with torch.device("meta"):
        net = mobilenet_v1(width_mult=width)
        assert round(count_parameters(net) / 1e6, 1) == parameters
        assert multiply_adds(net, (1, 3, size, size)) / 1e6 == pytest.approx(work, abs=0.7)
    if width == 1:
        assert count_parameters(net) == 4_231_976                        # keras.applications


def test_v1_is_depthwise_and_1x1_down_to_a_thirty_second():
    torch.manual_seed(0)
    net = mobilenet_v1(num_classes=5, width_mult=0.25).eval()
    convs = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    assert len(convs) == 27                                              # 28 layers with the linear one
    assert all(layer.groups == layer.in_channels == layer.out_channels for layer in convs[1::2])
    assert all(layer.kernel_size == (1, 1) and layer.groups == 1 for layer in convs[2::2])
    assert net.features(torch.zeros(1, 3, 224, 160)).shape == (1, 256, 7, 5)
    # a ReLU behind every norm
    assert sum(isinstance(layer, nn.ReLU) for layer in net.modules()) == 27


def test_v2_equals_torchvision():
    torch.manual_seed(0)
    assert_same_as_torchvision(mobilenet_v2(), models.mobilenet_v2(), (2, 3, 64, 96))
    with torch.device("meta"):
        assert count_parameters(mobilenet_v2()) == 3_504_872
        # table 4 of Sandler et al. 2018: 3.4 and 6.9 million parameters, 300 and 585 million multiply-adds
        assert multiply_adds(mobilenet_v2(), (1, 3, 224, 224)) / 1e6 == pytest.approx(300, abs=1)
        assert multiply_adds(mobilenet_v2(width_mult=1.4), (1, 3, 224, 224)) / 1e6 == pytest.approx(585, abs=4)


@pytest.mark.parametrize("width", [0.1, 0.35, 0.5, 0.75, 1.3, 1.4])
def test_v2_of_any_width_has_torchvisions_tensors(width):
    with torch.device("meta"):
        ours, theirs = mobilenet_v2(7, width_mult=width), models.mobilenet_v2(num_classes=7, width_mult=width)
    shapes = [[tuple(tensor.shape) for tensor in net.state_dict().values()] for net in (ours, theirs)]
    assert shapes[0] == shapes[1]


def test_v2_has_the_activations_and_the_dropout_of_torchvision():
    with torch.device("meta"):                                           # few numbers pass 6, where ReLU6 ends
        layers = [[repr(layer).replace(", inplace=True", "").replace("inplace=True", "") for layer in net.modules()
                   if isinstance(layer, (nn.ReLU, nn.ReLU6, nn.BatchNorm2d, nn.Dropout))]
                  for net in (mobilenet_v2(), models.mobilenet_v2())]
    assert layers[0] == layers[1]
    assert layers[0].count("ReLU6()") == 35


def test_make_divisible_is_near_and_never_loses_a_tenth():
    from torchvision.models._utils import _make_divisible

    for divisor in (1, 8, 10):
        for tenth in range(1, 3000, 7):
            channels = tenth / 10
            got = make_divisible(channels, divisor)
            assert got == _make_divisible(channels, divisor)
            assert got % divisor == 0 and got >= 0.9 * channels
            assert abs(got - channels) <= divisor


def test_numbers_may_be_numpys():
    for width in (np.float32(0.5), np.int64(2)):
        for make in (mobilenet_v1, mobilenet_v2):
            with torch.device("meta"):
                assert count_parameters(make(width_mult=width)) == count_parameters(make(width_mult=width.item()))


@pytest.mark.parametrize("make", [small_mobilenet_v1, small_mobilenet_v2])
def test_the_small_forms(make):
    torch.manual_seed(0)
    net = make(7, 2)
    assert net(torch.randn(3, 2, 28, 28)).shape == (3, 7)
    assert count_parameters(make()) < 50_000
    assert_same_in_numpy(make(5, 3), (2, 3, 13, 18))


def test_the_full_form_in_numpy():
    torch.manual_seed(0)
    for make in (mobilenet_v1, mobilenet_v2):
        assert_same_in_numpy(make(3, 2, width_mult=0.1), (2, 2, 33, 40))
