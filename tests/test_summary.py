"""The table's numbers: published ones, those of hooks written apart from it, receptive fields that gradients show."""

import functools
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cnnlib import architectures
from cnnlib.blocks import spectral_norm
from cnnlib.summary import Summary, effective_receptive_field, summary
from cnnlib.testing import assert_close
from cnnlib.torchvision_compat import import_torchvision

models = import_torchvision().models

BAD = [
    (summary, (5, (3, 8, 8)), {}, "summary: net must be a torch.nn.Module, got int"),
    (summary, (nn.Conv2d(3, 4, 3), 8), {}, "summary: input_shape must be a tuple of ints of at least 1, got 8"),
    (summary, (nn.Conv2d(3, 4, 3), (3, 0, 8)), {}, r"summary: input_shape must be .* got \(3, 0, 8\)"),
    (summary, (nn.Conv2d(3, 4, 3), ()), {}, "summary: input_shape needs at least one axis"),
    (effective_receptive_field, (5, torch.zeros(1, 3, 8, 8)), {}, "net must be a torch.nn.Module, got int"),
    (effective_receptive_field, (nn.Conv2d(3, 4, 3), torch.zeros(3, 8, 8)), {}, "x must be a tensor of floats"),
    (effective_receptive_field, (nn.Flatten(), torch.zeros(1, 3, 8, 8).int()), {}, "x must be a tensor of floats"),
    (effective_receptive_field, (nn.Flatten(), torch.zeros(1, 3, 8, 8)), {}, r"net must give \(N, C, H, W\)"),
]

PUBLISHED = """alexnet vgg11 vgg16_bn resnet18 resnet50 resnext50_32x4d densenet121 mobilenet_v2 mobilenet_v3_small
    shufflenet_v2_x1_0 efficientnet_b0 mnasnet1_0 squeezenet1_1 convnext_tiny vit_b_16 swin_t""".split()


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_and_multiply_adds_are_those_that_torchvision_publishes(name):
    with torch.device("meta"):
        net = models.get_model(name)
    meta = models.get_model_weights(name).IMAGENET1K_V1.meta
    table = summary(net, (3, 224, 224))
    assert table.parameters == meta["num_params"]
    assert abs(table.multiply_adds / 1e9 - meta["_ops"]) <= 0.0005001


OURS = [("lenet5_1998", (1, 28, 28)), ("alexnet_two_towers", (3, 227, 227)), ("UNet", (1, 188, 204)),
        ("xception", (3, 99, 101)), ("small_vit", (1, 28, 28)), ("fcos_resnet50_fpn", (3, 130, 97)),
        *((name, (3, 97, 66)) for name in ("vgg19", "googlenet", "resnet101", "se_resnet50", "densenet121",
                                           "mobilenet_v1", "efficientnet_b7", "hrnet_w18"))]


@pytest.mark.parametrize(("name", "shape"), OURS)
def test_multiply_adds_are_those_that_torch_counts(name, shape):
    with torch.device("meta"):
        net = getattr(architectures, name)().eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net(torch.empty(1, *shape))
    table = summary(net, shape)
    assert 2 * table.multiply_adds == counter.get_total_flops() > 0
    assert table.parameters == sum(p.numel() for p in net.parameters())


def test_what_picks_channels_keeps_the_receptive_field():
    table = summary(architectures.lenet5_1998(), (1, 28, 28)).table.set_index("layer")
    sizes = [table.loc[f"layers.{layer}", "receptive_field"] for layer in ("C1", "S2", "C5")]
    assert [size if isinstance(size, tuple) else size.iloc[-1] for size in sizes] == [(5, 5), (6, 6), (32, 32)]


class Branches(nn.Module):
    """A bit of all: branches that are added and concatenated, functions, groups, stride, a layer used twice."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, (3, 5), stride=(2, 1), padding=(1, 2))
        self.left = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.twice = nn.Conv2d(8, 8, 1)
        self.up = nn.ConvTranspose2d(16, 6, 4, stride=2, padding=1)
        self.head = nn.Linear(6, 5)
        self.unused = nn.Linear(3, 2)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        y = self.twice(self.twice(self.norm(self.left(x)))) + x
        z = self.up(torch.cat([x, y], 1))
        return self.head(z.mean((2, 3)))


def counted_by_hooks(net, shape):
    """Multiply-adds as the layers' own sizes say, one output number after another."""
    counts = []

    def count(module, inputs, output):
        if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            inner = module.in_channels // module.groups
            for k in module.kernel_size:
                inner *= k
            counts.append(output.numel() * inner)
        elif isinstance(module, nn.ConvTranspose2d):
            inner = module.out_channels // module.groups * module.kernel_size[0] * module.kernel_size[1]
            counts.append(inputs[0].numel() * inner)
        elif isinstance(module, nn.Linear):
            counts.append(output.numel() * module.in_features)

    hooks = [module.register_forward_hook(count) for module in net.modules()]
    with torch.no_grad():
        net.eval()(torch.zeros(1, *shape))
    for hook in hooks:
        hook.remove()
    return sum(counts)


@pytest.mark.parametrize(("make", "shape"), [
    (Branches, (3, 13, 10)), (lambda: models.resnet18(num_classes=7), (3, 65, 40)),
    (lambda: models.googlenet(init_weights=False), (3, 64, 48)),
    (lambda: nn.Sequential(nn.Conv1d(2, 5, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(25, 3)), (2, 11)),
    (lambda: nn.Sequential(nn.Conv3d(2, 4, (1, 3, 3)), nn.Conv3d(4, 5, (3, 1, 1))), (2, 5, 7, 6)),
], ids=["branches", "ResNet-18", "GoogLeNet", "1-D", "3-D"])
def test_counts_are_those_of_hooks(make, shape):
    net = make()
    table = summary(net, shape)
    assert table.multiply_adds == counted_by_hooks(net, shape) > 0
    assert table.parameters == sum(p.numel() for p in net.parameters())


def test_the_rows_of_a_branching_net():
    table = summary(Branches(), (3, 13, 10)).table.set_index("layer")
    assert table.loc["stem", "output"] == (8, 7, 10) and table.loc["stem", "receptive_field"] == (3, 5)
    assert table.loc["left", "receptive_field"] == (3 + 4 * 2, 5 + 4)
    assert list(table.loc["twice", "parameters"]) == [72, 0]
    assert list(table.loc["", "kind"]) == ["relu", "add", "cat", "mean"]
    assert list(table.loc[""]["receptive_field"].iloc[:3]) == [(3, 5), (11, 9), (11, 9)]
    assert table.loc["head", "receptive_field"] == (float("inf"), float("inf"))
    assert table.loc["unused", "kind"] == "Linear (does not run)" and table.loc["unused", "parameters"] == 8
    assert table.loc["stem", "memory"] == 8 * 7 * 10 * 4
    assert summary(Branches().double(), (3, 13, 10)).table.loc[0, "memory"] == 8 * 7 * 10 * 8


@pytest.mark.parametrize("norm", [nn.utils.parametrizations.spectral_norm, nn.utils.parametrizations.weight_norm,
                                  spectral_norm])
def test_a_layer_whose_weight_is_normed_is_one_row(norm):
    net = nn.Sequential(norm(nn.Conv2d(3, 4, 3)), nn.ReLU(), norm(nn.Linear(5, 2)))
    shown = summary(net, (3, 9, 7))
    assert list(shown.table["kind"]) == ["Conv2d", "ReLU", "Linear"]
    assert shown.parameters == sum(p.numel() for p in net.parameters())
    assert shown.table.loc[0, "parameters"] >= 3 * 4 * 9 + 4 and shown.table.loc[0, "output"] == (4, 7, 5)
    assert shown.table.loc[0, "receptive_field"] == (3, 3)


def test_the_network_stays_as_it_was():
    net = models.resnet18(num_classes=3)
    net.layer1.eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    modes = [module.training for module in net.modules()]
    summary(net, (3, 64, 64))
    with pytest.raises(RuntimeError):
        summary(net, (4, 64, 64))                                        # and also when the network refuses the shape
    assert modes == [module.training for module in net.modules()]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert next(net.parameters()).device.type == "cpu"


def test_the_known_receptive_fields():
    """Araujo, Norris and Sim (2019) for the first three; torchvision's ResNet-50 has its strides in the 3×3 layers."""
    for name, layer, size in [("alexnet", "features.12", 195), ("vgg16", "features.30", 212),
                              ("resnet18", "layer4.1.conv2", 435), ("mobilenet_v2", "features.18.0", 491)]:
        with torch.device("meta"):
            table = summary(models.get_model(name), (3, 224, 224)).table.set_index("layer")
        assert table.loc[layer, "receptive_field"] == (size, size), name


class Sum(nn.Module):
    """Two paths with the same output size, added or concatenated."""

    def __init__(self, paths, cat):
        super().__init__()
        self.paths, self.cat = nn.ModuleList(paths), cat

    def forward(self, x):
        outs = [path(x) for path in self.paths]
        n = min(out.shape[-1] for out in outs)
        outs = [out[..., :n] for out in outs]
        return torch.cat(outs, 1).mean(1, keepdim=True) if self.cat else sum(outs)


def random_layer(rng):
    kernel, stride, dilation = rng.randint(1, 4), rng.choice([1, 1, 2, 3]), rng.choice([1, 1, 2])
    return rng.choice([
        lambda: nn.Conv1d(1, 1, kernel, stride, rng.randint(0, 2), dilation, bias=False),
        lambda: nn.AvgPool1d(kernel, stride, ceil_mode=rng.random() < 0.5),
        lambda: nn.ConvTranspose1d(1, 1, kernel + 1, rng.randint(1, 3), rng.randint(0, 1), bias=False),
        lambda: nn.Upsample(scale_factor=2, mode="nearest"),
        lambda: nn.Upsample(scale_factor=2, mode="linear", align_corners=False),
        lambda: nn.ConstantPad1d((rng.randint(0, 2), rng.randint(0, 2)), 0.0),
        lambda: Sum([nn.Conv1d(1, 1, 3, 1, 1, bias=False), nn.Conv1d(1, 1, 5, 1, 4, 2, bias=False)],
                    rng.random() < 0.5),
    ])()


@pytest.mark.parametrize("seed", range(60))
def test_receptive_fields_are_those_that_gradients_show(seed):
    rng = random.Random(seed)
    net = nn.Sequential(*[random_layer(rng) for _ in range(rng.randint(2, 5))]).double()
    with torch.no_grad():
        for p in net.parameters():
            p.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(seed))      # nothing cancels
    length = 120
    sees = torch.autograd.functional.jacobian(lambda x: net(x[None, None])[0, 0], torch.zeros(length).double()) > 0
    spans = [(int(places[0]), int(places[-1])) for row in sees if len(places := row.nonzero()[:, 0])]
    inside = [last - first + 1 for first, last in spans if first > 0 and last < length - 1]
    assert max(inside) == summary(net, (1, length)).table["receptive_field"].iloc[-1][0]


def test_the_effective_field_of_equal_weights_is_a_power_of_the_kernel():
    """Luo et al. (2016): n layers of ones give the n-fold convolution of ones, which tends to a Gaussian."""
    net = nn.Sequential(*[nn.Conv2d(1, 1, (3, 5), padding=(1, 2), bias=False) for _ in range(4)]).double()
    for p in net.parameters():
        nn.init.ones_(p)
    rows, columns = (functools.reduce(np.convolve, [np.ones(k)] * 4) for k in (3, 5))
    want = np.zeros((21, 25))
    want[10 - 4:10 + 5, 12 - 8:12 + 9] = np.outer(rows, columns)
    assert_close(effective_receptive_field(net, torch.rand(2, 1, 21, 25).double()), want)


def test_the_effective_field_lies_in_the_theoretical_one_and_the_net_stays():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 4, 3, 2), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 3, dilation=2))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    field = effective_receptive_field(net, torch.randn(8, 2, 31, 27))
    seen = np.argwhere(field > 0)
    assert field.shape == (31, 27) and (field >= 0).all()                # a pixel that lowers the output counts too
    assert tuple(seen.max(0) - seen.min(0) + 1) == summary(net, (2, 31, 27)).table["receptive_field"].iloc[-1]
    assert net.training and all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())


def test_attention_within_rows_sees_rows():
    class Rows(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.after = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

        def forward(self, x):
            x = self.conv(x).permute(0, 2, 3, 1)                         # (N, H, W, C)
            scores = (x @ x.transpose(-1, -2)).softmax(-1)
            return self.after((scores @ x).permute(0, 3, 1, 2))

    fields = summary(Rows(), (4, 9, 7)).table["receptive_field"]
    assert fields.iloc[0] == (3, 3) and fields.iloc[-1] == (5, float("inf"))


def test_tokens_and_back_keep_what_a_pixel_sees():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch, self.mix, self.conv = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 8), nn.Conv2d(8, 8, 3, padding=1)

        def forward(self, x):
            x = self.patch(x)
            n, c, h, w = x.shape
            tokens = self.mix(x.flatten(2).transpose(1, 2))              # (N, H·W, C)
            return self.conv(tokens.transpose(1, 2).reshape(n, c, h, w))

    table = summary(Tokens(), (3, 24, 20)).table.set_index("layer")
    assert table.loc["mix", "receptive_field"] == (4, 4) and table.loc["conv", "receptive_field"] == (12, 12)
    assert table.loc["mix", "multiply_adds"] == 30 * 64


def test_it_shows_itself_as_text_and_as_html():
    shown = summary(Branches(), (3, 13, 10))
    assert isinstance(shown, Summary)
    text, html = str(shown), shown._repr_html_()
    assert "Branches on 3 × 13 × 10" in text and "11 × 9" in text and "whole" in text
    assert "<table" in html and "8 × 7 × 10" in html and "multiply-adds" in html
