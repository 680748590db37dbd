"""What from_torch makes of a module has its names, outputs, gradients and running statistics, in train and eval."""

import copy
import gc
import math
import weakref
from collections import namedtuple

import numpy as np
import pytest
import torch
import torch.nn.functional as T
from torch import nn
from torchvision import models, ops

from cnnlib import scratch
from cnnlib.scratch import functional as F
from cnnlib.testing import assert_close
from tests.scratch.nn import test_nn


def numbers(module, seed=0):
    """The module in double precision, with other numbers where it starts with constants."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double()
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if tensor.is_floating_point() and tensor.numel() > 1 and bool((tensor == tensor.flatten()[0]).all()):
            noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
            tensor.data = noise.abs() + 0.5 if name.endswith(("running_var", "weight")) else noise / 5
    return module


def without_chance(module):
    """No dropout, so that both sides compute the same in training."""
    for part in module.modules():
        for name in ("p", "dropout", "attention_dropout", "dropout_rate", "drop_rate"):
            if isinstance(getattr(part, name, None), float):
                setattr(part, name, 0.0)
    return module


def assert_twins(module, *shapes, modes=(False, True), seed=0):
    """Twins give the same outputs, gradients of inputs and parameters, and running statistics. → ours"""
    net = scratch.from_torch(module)
    rng = np.random.default_rng(seed)
    for mode in modes:
        assert module.train(mode) is module and net.train(mode) is net
        arrays = [rng.normal(size=shape) for shape in shapes]
        mine = [scratch.Tensor(array, requires_grad=True) for array in arrays]
        yours = [torch.tensor(array, requires_grad=True) for array in arrays]
        outputs, wanted = net(*mine), module(*(tensor.clone() for tensor in yours))
        pairs = [(outputs, wanted)]
        if isinstance(wanted, (tuple, list)):
            assert type(outputs) is type(wanted) and len(outputs) == len(wanted)
            pairs = list(zip(outputs, wanted, strict=True))
        total, their_total = 0, 0
        for ours, theirs in pairs:
            if theirs is None:
                assert ours is None
            elif not isinstance(theirs, torch.Tensor):
                assert ours == theirs
            else:
                assert_near("output", ours, theirs, 0)
                if theirs.requires_grad:
                    weights = rng.normal(size=theirs.shape)
                    total = total + (ours * weights).sum()
                    their_total = their_total + (theirs * torch.tensor(weights)).sum()
        net.zero_grad()
        module.zero_grad()
        if isinstance(total, scratch.Tensor):
            total.backward()
            their_total.backward()
        assert list(dict(net.named_parameters())) == list(dict(module.named_parameters()))
        gradients = [(f"input {number}", ours, theirs) for number, (ours, theirs) in
                     enumerate(zip(mine, yours, strict=True))]
        gradients += [(name, dict(net.named_parameters())[name], theirs) for name, theirs in module.named_parameters()]
        largest = max((float(theirs.grad.abs().max()) for *_, theirs in gradients if theirs.grad is not None),
                      default=1.0)
        for name, ours, theirs in gradients:
            if theirs.grad is None:
                assert ours.grad is None or not ours.grad.data.any(), f"gradient of {name}, mode {mode}"
            else:
                assert ours.grad is not None, f"no gradient of {name}, mode {mode}"
                assert_near(f"gradient of {name}, mode {mode}", ours.grad, theirs.grad, largest)
        state, theirs = net.state_dict(), module.state_dict()
        assert list(state) == list(theirs)
        for name, array in state.items():
            assert array.dtype == theirs[name].numpy().dtype
            assert_near(name, array, theirs[name], 1.0)
    return net


def assert_near(what, ours, theirs, scale):
    """Equal to 1e-8 of the largest number of its kind; a gradient that cancels to nothing is as good as the others."""
    theirs = theirs.detach().numpy()
    ours = np.asarray(ours)
    assert ours.shape == theirs.shape, f"{what}: shape {ours.shape}, expected {theirs.shape}"
    largest = np.abs(theirs).max(initial=0)
    wrong = np.abs(ours - theirs) > 1e-8 * largest + 1e-11 * scale
    assert not wrong.any(), f"{what}: {wrong.sum()} of {wrong.size} differ, first at {np.argwhere(wrong)[0]}"


# ---- whole networks --------------------------------------------------------------------------------------------------

def small_classifier(net):
    """VGG and AlexNet have nearly all their weights here."""
    first, second, last = (i for i, layer in enumerate(net.classifier) if isinstance(layer, nn.Linear))
    net.classifier[first] = nn.Linear(net.classifier[first].in_features, 12)
    net.classifier[second], net.classifier[last] = nn.Linear(12, 12), nn.Linear(12, 10)
    return net


def small_head(net):
    """The auxiliary classifier of Inception wants images of 299 × 299, for its 5 × 5 kernel."""
    net.AuxLogits.conv1 = models.inception.BasicConv2d(128, 768, kernel_size=1)
    return net


def sharp_attention(net):
    """Swin V2 keeps the factor of its cosines below 100, which matters only where training has driven it up."""
    net.features[1][0].attn.logit_scale.data[1] = 6.0
    return net


def make(function, **options):
    return lambda: function(weights=None, num_classes=10, **options)


NETWORKS = {
    "AlexNet": (lambda: small_classifier(make(models.alexnet)()), (2, 3, 67, 63)),
    "VGG-11-bn": (lambda: small_classifier(make(models.vgg11_bn, init_weights=False)()), (2, 3, 64, 32)),
    "ResNet-18": (make(models.resnet18), (2, 3, 64, 48)),
    "ResNet-50": (make(models.resnet50), (2, 3, 64, 48)),
    "ResNeXt-50": (make(models.resnext50_32x4d), (2, 3, 64, 48)),
    "Wide ResNet-50-2": (lambda: models.ResNet(models.resnet.Bottleneck, [2, 1, 1, 1], 10, width_per_group=128),
                         (2, 3, 64, 48)),
    "DenseNet-121": (make(models.densenet121), (2, 3, 64, 48)),
    "Inception v3": (lambda: small_head(make(models.inception_v3, init_weights=False, transform_input=True)()),
                     (3, 3, 107, 107)),
    "GoogLeNet": (make(models.googlenet, init_weights=False, transform_input=True), (3, 3, 64, 48)),
    "MobileNet v2": (make(models.mobilenet_v2, width_mult=0.5), (2, 3, 64, 48)),
    "MobileNet v3 small": (make(models.mobilenet_v3_small), (2, 3, 64, 48)),
    "ShuffleNet v2": (make(models.shufflenet_v2_x0_5), (2, 3, 64, 48)),
    "SqueezeNet": (make(models.squeezenet1_0), (2, 3, 64, 48)),
    "EfficientNet-B0": (make(models.efficientnet_b0), (2, 3, 64, 48)),
    "EfficientNet-V2-S": (make(models.efficientnet_v2_s), (2, 3, 64, 48)),
    "MNASNet": (make(models.mnasnet0_5), (2, 3, 64, 48)),
    "RegNet x": (make(models.regnet_x_400mf), (2, 3, 64, 48)),
    "RegNet y": (make(models.regnet_y_400mf), (2, 3, 64, 48)),
    "ConvNeXt-tiny": (make(models.convnext_tiny), (2, 3, 64, 48)),
    "ViT-B/16, narrow": (lambda: models.VisionTransformer(32, 16, 12, 6, 96, 384, num_classes=10), (2, 3, 32, 32)),
    "Swin-T": (make(models.swin_t), (2, 3, 64, 48)),
    "Swin-V2-T": (lambda: sharp_attention(make(models.swin_v2_t)()), (2, 3, 64, 48)),
}


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("name", NETWORKS)
def test_network_equals_torch_in_eval_and_train(name):
    network, shape = NETWORKS[name]
    torch.manual_seed(0)
    assert_twins(without_chance(numbers(network())), shape)


# ---- layers by themselves --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("case", test_nn.LAYERS, ids=str)
def test_every_layer_of_torch_gets_its_twin(case):
    _, theirs = test_nn.both(case, np.float64)
    ours = scratch.from_torch(theirs)
    rng = np.random.default_rng(0)
    assert repr(ours) == repr(theirs)
    for mode in (True, False):
        arrays = [make(rng, np.float64) for make in case.inputs]
        test_nn.assert_same_step(ours.train(mode), theirs.train(mode), arrays, np.float64)


@pytest.mark.parametrize("options", [{}, {"batch_first": True}, {"kdim": 5, "vdim": 3}, {"bias": False}], ids=str)
def test_attention_gets_its_twin(options):
    layer = nn.MultiheadAttention(8, 2, **options)
    shapes = [(3, 2, 8), (3, 2, layer.kdim), (3, 2, layer.vdim)]
    assert_twins(numbers(layer), *shapes)


def test_layers_one_after_the_other_stay_a_sequence():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(48, 5))
    ours = assert_twins(numbers(net), (2, 3, 5, 6))
    assert type(ours) is scratch.nn.Sequential and type(ours[0]) is scratch.nn.Conv2d
    assert ours[:3](np.zeros((1, 3, 5, 6))).shape == (1, 4, 3, 4)


def test_weights_are_copied_and_not_drawn():
    layer = nn.Linear(5, 4, dtype=torch.float64)
    state = scratch.manual_seed(0).bit_generator.state
    ours = scratch.from_torch(layer)
    assert scratch.functional.random.generator().bit_generator.state == state
    ours.weight.data[:] = 0
    assert layer.weight.abs().min() > 0
    assert ours.weight.dtype == np.float64 and scratch.from_torch(nn.Linear(5, 4)).weight.dtype == np.float32


# ---- forwards of every kind ------------------------------------------------------------------------------------------

class Calls(nn.Module):
    """A network whose forward is a function of (N, 4, 6, 5), times a parameter."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.factor = nn.Parameter(torch.ones(4, 1, 1))

    def forward(self, x):
        return self.function(x * self.factor)


def in_place(x):
    y = x + 1
    z = T.relu(y, inplace=True)
    return y * 2 + z                                                     # y is z now


def in_place_on_a_view(x):
    y = (x + 1).flatten(1)
    return y.relu_() * 2


def unpacked(x):
    n, c, h, w = x.shape
    left, right = x.chunk(2, dim=1)
    return (left * right).reshape(n, c // 2, h * w).mean(-1) / w


def extremes(x):
    return x.max(3).values, torch.min(x, dim=1, keepdim=True)[0], x.max(1)[1], torch.max(x, 2).indices


Pair = namedtuple("Pair", "first second")
FORWARDS = {
    "+": lambda x: x + 1 + x,
    "-": lambda x: 1 - x - x.mean(),
    "*": lambda x: 2 * x * x,
    "/": lambda x: 1 / (x * x + 1) / 3,
    "**": lambda x: x ** 2 + x ** 3,
    "@": lambda x: x @ x.transpose(2, 3),
    "unary": lambda x: -x + abs(x),
    "torch.add": lambda x: torch.add(x, x, alpha=2) + torch.sub(x, 1, alpha=3) + torch.add(x, 1),
    "torch.mul": lambda x: torch.div(torch.mul(x, x), 3) + torch.multiply(x, 2) + torch.neg(x) + torch.square(x),
    "exp": lambda x: torch.exp(x).log() + x.exp().sqrt() + torch.abs(x) + (x * x + 1).rsqrt(),
    "powers": lambda x: torch.pow(x, 2) + x.pow(3) + (x * x + 1).reciprocal(),
    "clamp": lambda x: x.clamp(-1, 1) + torch.clamp(x, min=0) + x.clip(max=0.5),
    "activations": lambda x: torch.relu(x) + torch.sigmoid(x) + torch.tanh(x) + x.relu() + x.sigmoid() + x.tanh(),
    "F, activations": lambda x: T.relu(x) + T.leaky_relu(x, 0.2) + T.gelu(x) + T.silu(x) + T.elu(x, alpha=2.0)
    + T.hardtanh(x, -2, 1) + T.softplus(x) + T.sigmoid(x) + T.tanh(x) + T.hardswish(x) + T.mish(x) + T.logsigmoid(x),
    "softmax": lambda x: T.softmax(x, dim=1) + torch.softmax(x, 2) + x.softmax(-1) + T.log_softmax(x, 1)
    + x.log_softmax(dim=1),
    "comparisons": lambda x: torch.where(x > 0, x, 2 * x) + x * (x <= 0.5) + x * torch.ge(x, 0) + x * ~(x > 0)
    + x * ((x > 0) & (x < 1)) + x * ((x > 1) | (x < -1)),
    "masked_fill": lambda x: x.masked_fill(x > 1, 3.0),
    "sum": lambda x: x.sum() + torch.sum(x, dim=(0, 2), keepdim=True) + x.sum(-1, keepdim=True),
    "mean": lambda x: x.mean([2, 3], keepdim=True) + torch.mean(x, 1, keepdim=True) + x.mean(),
    "var": lambda x: x.var() + x.var(1, keepdim=True) + torch.var(x, dim=(2, 3), unbiased=False, keepdim=True)
    + x.std(dim=1, correction=0, keepdim=True) + torch.var(x, False),
    "max": lambda x: x.max() - torch.min(x) + x.amax((2, 3), True) + torch.amin(x, 1, keepdim=True),
    "max along an axis": extremes,
    "max of two": lambda x: torch.max(x, 1 - x) + torch.maximum(x, x * x) + torch.minimum(x, x * 2),
    "argmax": lambda x: (x * 2, x.argmax(1), torch.argmax(x, dim=2, keepdim=True), x.argmin()),
    "cat": lambda x: torch.cat((x, x[:, :2] * 2), 1).sum() + torch.cat([x, x], dim=-1) + torch.concat([x, x], dim=3),
    "stack": lambda x: torch.stack([x, x * 2], dim=1),
    "shape": lambda x: x.view(x.size(0), -1) + x.reshape(x.shape[0], x[0].numel()) + torch.flatten(x, 1)
    + x.flatten(start_dim=1) + torch.reshape(x, (x.dim(), -1)) + x.view(x.size())[:, :1].flatten(1).mean(),
    "permute": lambda x: x.permute(0, 2, 3, 1).contiguous() + torch.permute(x, (0, 2, 3, 1))
    + x.transpose(1, 2).transpose(2, 3) + torch.swapaxes(torch.transpose(x, 1, 2), 2, 3),
    "T": lambda x: x[0, 0].T @ x[1, 1] + x[0, 0].t() @ torch.t(x[0, 1]).T + (x[0].mT @ x[1]).sum(0),
    "squeeze": lambda x: x.unsqueeze(1).squeeze(1) + torch.unsqueeze(x, -1).squeeze() + torch.squeeze(x[:, None], 1),
    "expand": lambda x: x[:, :1].expand(-1, 4, -1, -1) + x[:, :1].expand_as(x) + x[:, 1:2].repeat(1, 4, 1, 1),
    "index": lambda x: x[..., 1:, ::2].sum() + x[:, [0, 2]].mean() + x[0, 1] + x[:, None, 0] + x[-1, :, 1, 1].sum(),
    "roll": lambda x: torch.roll(x, 1, 2) + x.roll((1, -2), dims=(2, 3)) + x.flip(1) + torch.flip(x, dims=[2, 3]),
    "split": lambda x: x.split(3, dim=1)[1] + torch.split(x, [1, 3], 1)[0] + torch.chunk(x, 3, 2)[2].sum()
    + x.unbind(1)[0].sum(),
    "unflatten": lambda x: x.unflatten(1, (2, 2)).sum(2) + torch.unflatten(x, 1, (-1, 2))[:, :, 0],
    "matmul": lambda x: torch.matmul(x, x.transpose(-1, -2)) + torch.bmm(x[0], x[1].mT) + torch.mm(x[0, 0], x[1, 0].T),
    "new": lambda x: torch.zeros_like(x) + torch.ones_like(x) * x + x.new_zeros(4, 1, 1) + x.new_ones((1, 5)),
    "constant": lambda x: x * torch.arange(5.0, dtype=torch.float64) + torch.ones(4, 6, 5, dtype=torch.float64),
    "dtype": lambda x: x.to(torch.float32).double() * 2 + x.to(x) + x.type_as(x) + x.to("cpu").clone().to(x.device),
    "detach": lambda x: x * x.detach() + x.data,
    "unpacked": unpacked,
    "in place": in_place,
    "in place, methods": lambda x: (x * 1).mul_(2).add_(1).clamp_(0, 3),
    "in place, on a view": in_place_on_a_view,
    "several": lambda x: (x, [x * 2, x + 1][1], None, 3),
    "within a dictionary": lambda x: {"a": x, "b": x * 2}["b"],
    "namedtuple": lambda x: Pair(x * 2, second=x.sum()),
    "numbers": lambda x: x * x.shape[1] ** 0.5 + x.size()[2] // 2 - x.dim() % 3 + math.sqrt(x.size(1)),
    "conv2d": lambda x: T.conv2d(x, weight=x[:, :, :3, :2], bias=x[:, 0, 0, 0], stride=(2, 1), padding=1),
    "conv3d": lambda x: T.conv3d(x[:, None], x[:1, None, :2, :2, :3]) + T.conv1d(x[0], x[1, :2, :, :3]).sum(),
    "conv_transpose2d": lambda x: T.conv_transpose2d(x, x[0, :, None, :3, :2], stride=2, output_padding=1),
    "pooling": lambda x: T.max_pool2d(x, 3, stride=2, padding=1, ceil_mode=True).sum() + T.avg_pool2d(x, (2, 3)).mean()
    + T.adaptive_avg_pool2d(x, (3, 1)) + T.adaptive_max_pool2d(x, (3, 1)) + T.lp_pool2d(x * x + 1, 2, 2).sum(),
    "normalisation": lambda x: T.layer_norm(x, [6, 5], eps=0.1) + T.group_norm(x, 2) + T.instance_norm(x)
    + T.batch_norm(x, None, None, training=True) + T.normalize(x, dim=1) + T.local_response_norm(x, 2)
    + T.rms_norm(x, [5]),
    "linear": lambda x: T.linear(x, x[0, 0], bias=x[0, 0, :, 0]),
    "pad": lambda x: T.pad(x, (1, 2, 0, 1)) + T.pad(x, (1, 2, 0, 1), mode="reflect") + T.pad(x, (1, 2, 0, 1), value=2.),
    "interpolate": lambda x: T.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    + T.interpolate(x, size=(12, 10)),
    "shuffle": lambda x: T.pixel_unshuffle(T.pixel_shuffle(x, 2), 2) + T.channel_shuffle(x, 2),
    "unfold": lambda x: T.fold(T.unfold(x, (3, 2), stride=(1, 1)), (6, 5), (3, 2)),
    "attention": lambda x: T.scaled_dot_product_attention(x, x * 2, x + 1)
    + T.scaled_dot_product_attention(x, x, x, is_causal=True),
    "dropout": lambda x: T.dropout(x, 0.0) + T.dropout(x, 0.5, training=False) + T.dropout2d(x, p=0.0),
    "losses": lambda x: T.mse_loss(x, x * 2) + T.l1_loss(x, x * 2, reduction="sum") + T.smooth_l1_loss(x, x * 3)
    + T.binary_cross_entropy_with_logits(x, x.sigmoid()) + T.kl_div(x, x.softmax(1), reduction="batchmean"),
    "stochastic depth": lambda x: ops.stochastic_depth(x, 0.0, "row") + ops.stochastic_depth(x, 0.5, "batch", False),
}


@pytest.mark.parametrize("name", FORWARDS)
def test_forward_equals_torch(name):
    assert_twins(Calls(FORWARDS[name]).double(), (4, 4, 6, 5))


class Handmade(nn.Module):
    """A module used twice, a matrix used twice, buffers, constants, a choice by mode, two inputs and an option."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.table = nn.ParameterList([nn.Parameter(torch.rand(4, 1, 1)), nn.Parameter(torch.rand(4, 1, 1))])
        self.conv = nn.Conv2d(4, 4, 3, padding="same", padding_mode="reflect")
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 4)
        self.tied = nn.Linear(4, 4, bias=False)
        self.tied.weight = self.head.weight
        self.frozen = nn.Parameter(torch.rand(4), requires_grad=False)
        self.unused = nn.LSTM(2, 2)
        self.register_buffer("mean", torch.rand(4, 1, 1))
        self.register_buffer("offset", torch.rand(4, 1, 1), persistent=False)
        self.register_buffer("count", torch.tensor(3))
        self.constant = torch.rand(6, 5, dtype=torch.float64)

    def forward(self, x, y, skip=True, mask=None):
        x = (x - self.mean + self.offset) * self.scale
        x = self.norm(T.relu(self.norm(self.conv(x))))
        if self.training:
            x = x * self.constant
        if mask is not None:
            x = x * mask
        x = self.table[0] * self.conv(x) + self.table[1]
        x = (x + y if skip else x).mean((2, 3)) / self.count
        return self.tied(T.silu(self.head(x))) * self.frozen


def test_a_module_written_by_hand():
    torch.manual_seed(0)
    net = assert_twins(numbers(Handmade()), (3, 4, 6, 5), (3, 4, 6, 5), modes=(False, True, True, False))
    assert net.head.weight is net.tied.weight and not net.frozen.requires_grad
    assert "offset" not in net.state_dict() and dict(net.named_buffers())["offset"].shape == (4, 1, 1)


# ---- the torch module, and the state ---------------------------------------------------------------------------------

@pytest.mark.parametrize("mode", [True, False])
def test_the_torch_module_stays_as_it_was(mode):
    module = Handmade().train(mode)
    module.norm.train(not mode)
    module.note = "mine"
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    attributes = {part: dict(vars(part)) for part in module.modules()}
    net = scratch.from_torch(module)
    assert {part: vars(part) for part in module.modules()} == attributes
    assert net.training is mode and net.norm.training is not mode and net.conv.training is mode
    net.train()
    x = np.random.default_rng(0).normal(size=(2, 4, 6, 5)).astype(np.float32)
    module.constant = None                                               # nothing of torch's is used from here on
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(0)
    assert np.isfinite(net.double()(x.astype(np.float64), x.astype(np.float64)).data).all()
    assert set(before) == set(net.state_dict())
    assert (before["norm.running_mean"].numpy() != net.norm.running_mean.data).any()
    assert all((before[name].numpy() == array).all() for name, array in net.state_dict().items() if "norm" not in name)


def test_a_forward_that_keeps_things_leaves_nothing_behind():
    class Keeps(nn.Module):
        def forward(self, x):
            self.seen = x * torch.ones(3)
            return self.seen

    module = Keeps()
    scratch.from_torch(module)
    assert not hasattr(module, "seen") and not hasattr(module, "_tensor_constant0")


def test_the_state_goes_both_ways():
    torch.manual_seed(0)
    module, other = models.resnet18(num_classes=5).eval(), models.resnet18(num_classes=5).eval()
    net = scratch.from_torch(module)
    x = np.random.default_rng(0).normal(size=(1, 3, 32, 32)).astype(np.float32)
    assert net.load_state_dict(other.state_dict()) == ([], [])
    assert_close(net(x), other(torch.from_numpy(x)), 1e-4)
    module.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in net.state_dict().items()})
    assert_close(net(x), module(torch.from_numpy(x)), 1e-4)


def test_printed_like_torchs():
    module = models.resnet18()
    assert repr(scratch.from_torch(module)) == repr(module)


def test_one_learns_like_the_other():
    torch.manual_seed(0)
    module = numbers(models.resnet18(num_classes=5))
    net = scratch.from_torch(module)
    rng = np.random.default_rng(0)
    ours = scratch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    theirs = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9)
    for _ in range(3):
        x, y = rng.normal(size=(4, 3, 32, 32)), rng.integers(5, size=4)
        losses = scratch.nn.CrossEntropyLoss()(net(x), y), T.cross_entropy(module(torch.tensor(x)), torch.tensor(y))
        for loss, optimizer in zip(losses, (ours, theirs), strict=True):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert_close(losses[0], losses[1], 1e-6)


def test_a_layer_is_exchanged_and_a_copy_is_independent():
    net = scratch.from_torch(models.squeezenet1_1(num_classes=5).eval())
    twin = copy.deepcopy(net)
    x = np.random.default_rng(0).normal(size=(1, 3, 32, 32)).astype(np.float32)
    before = net(x).data
    twin.classifier._modules["1"] = scratch.nn.Conv2d(512, 7, 1)
    assert twin(x).shape == (1, 7)
    for parameter in twin.parameters():
        parameter.data[...] = 0
    assert not twin(x).data.any()
    np.testing.assert_array_equal(net(x).data, before)


def test_a_part_by_itself_says_what_to_do():
    net = scratch.from_torch(models.resnet18())
    with pytest.raises(TypeError, match="BasicBlock: from_torch knows what the whole network does"):
        net.layer1[0](np.zeros((1, 64, 4, 4), np.float32))
    with pytest.raises(TypeError, match=r"ResNet: forward takes 1 inputs \(x\), got 2"):
        net(np.zeros((1, 3, 32, 32), np.float32), 3)


def test_values_are_let_go_after_their_last_use():
    alive, counts = [], []

    def relu(x):
        gc.collect()
        counts.append(sum(reference() is not None for reference in alive))
        out = np.maximum(x, 0)
        alive.append(weakref.ref(out))
        return out

    class Deep(nn.Module):
        def forward(self, x):
            for _ in range(10):
                x = T.relu(x + 1) + 1
            return x

    net = scratch.from_torch(Deep(), relu=relu)
    with scratch.no_grad():
        net(np.ones((2, 3)))
    assert len(counts) == 10 and max(counts) == 0


# ---- chance ----------------------------------------------------------------------------------------------------------

def test_dropout_and_stochastic_depth_act_in_training_only():
    class Chance(nn.Module):
        def __init__(self):
            super().__init__()
            self.dropout = nn.Dropout(0.25)
            self.images, self.batch = ops.StochasticDepth(0.4, "row"), ops.StochasticDepth(0.4, "batch")

        def forward(self, x):
            return self.dropout(x), self.images(x), T.dropout(x, 0.5, self.training), self.batch(x)

    net = scratch.from_torch(Chance())
    x = np.ones((2000, 3), np.float32)
    scratch.manual_seed(0)
    dropped, images, halves, batch = (out.data for out in net(x))
    assert set(np.unique(dropped)) == {0, np.float32(1 / 0.75)} and abs((dropped == 0).mean() - 0.25) < 0.03
    assert set(np.unique(images)) == {0, np.float32(1 / 0.6)} and abs((images[:, 0] == 0).mean() - 0.4) < 0.04
    assert (images == images[:, :1]).all() and len(np.unique(batch)) == 1
    assert abs((halves == 0).mean() - 0.5) < 0.04
    net.eval()
    for out in net(x):
        np.testing.assert_array_equal(out.data, x)


# ---- the reader's own functions --------------------------------------------------------------------------------------

def plain_conv2d(x, w, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Four loops; one number for stride, padding and dilation."""
    assert isinstance(stride, int) and isinstance(padding, int) and dilation == 1
    plain_conv2d.calls += 1
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    channels, outputs = w.shape[1], w.shape[0] // groups
    size = [(n - k) // stride + 1 for n, k in zip(x.shape[2:], w.shape[2:], strict=True)]
    out = np.zeros((len(x), len(w), *size), x.dtype)
    for o, i, j in np.ndindex(*out.shape[1:]):
        c = o // outputs * channels
        window = x[:, c:c + channels, i * stride:i * stride + w.shape[2], j * stride:j * stride + w.shape[3]]
        out[:, o, i, j] = (window * w[o]).sum((1, 2, 3))
    return out if bias is None else out + bias[:, None, None]


def test_a_plain_convolution_does_the_work_of_a_network():
    torch.manual_seed(0)
    module = numbers(models.resnet.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=4))
    net = scratch.from_torch(module, conv2d=plain_conv2d)
    x = np.random.default_rng(0).normal(size=(2, 3, 20, 12))
    plain_conv2d.calls = 0
    y, z = net(x), module(torch.tensor(x))
    assert plain_conv2d.calls == sum(isinstance(part, nn.Conv2d) for part in module.modules()) == 12
    assert_close(y, z, 1e-9)
    y.backward(np.ones_like(y.data))
    z.sum().backward()
    assert plain_conv2d.calls == 12
    for (name, ours), theirs in zip(net.named_parameters(), module.parameters(), strict=True):
        assert_near(name, ours.grad, theirs.grad, 1.0)
    assert_close(scratch.from_torch(module)(x), module(torch.tensor(x)), 1e-9)
    assert plain_conv2d.calls == 12                                      # only in the network that got it


def test_every_way_to_an_operation_leads_to_the_readers():
    class Ways(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x):
            return self.relu(x * 1) + T.relu(x) + torch.relu(x) + x.relu() + (x * 1).relu_() + T.relu_(x * 1)

    calls = []

    def relu(x):
        calls.append(x.shape)
        return np.maximum(x, 0) * 3

    x = np.random.default_rng(0).normal(size=(3, 2))
    assert_close(scratch.from_torch(Ways(), relu=relu)(x), 18 * np.maximum(x, 0))
    assert calls == [(3, 2)] * 6
    assert_close(scratch.from_torch(nn.ReLU(), relu=relu)(x), 3 * np.maximum(x, 0))                 # a layer by itself
    sequence = scratch.from_torch(nn.Sequential(nn.ReLU(), nn.ReLU()), relu=relu)
    assert_close(copy.deepcopy(sequence)(x), 9 * np.maximum(x, 0))
    assert_close(scratch.Tensor(x).relu(), np.maximum(x, 0))             # outside of the network nothing has changed


def test_a_backward_of_ones_own():
    seen = {}

    def linear(x, w, bias=None, *, saved=None):
        saved["x"] = x
        return x @ w.T + bias

    def linear_backward(grad, x, w, bias=None, *, needs_input_grad, saved):
        seen.update(x=saved["x"], needed=needs_input_grad)
        return grad @ w, grad.T @ x * 5, grad.sum(0)

    module = nn.Linear(3, 2, dtype=torch.float64)
    net = scratch.from_torch(module, linear=linear, linear_backward=linear_backward)
    x = np.random.default_rng(0).normal(size=(4, 3))
    net(x).sum().backward()
    assert_close(net.weight.grad, 5 * np.ones((4, 2)).T @ x)
    assert seen["x"] is not None and seen["needed"] == (False, True, True)

    net = scratch.from_torch(module, linear_backward=lambda grad, x, w, b: (grad @ w, grad.T @ x * 7, None))
    net(x).sum().backward()
    assert_close(net.weight.grad, 7 * np.ones((4, 2)).T @ x)             # forward is F.linear
    assert net.bias.grad is None


def test_arguments_come_as_plainly_as_they_can():
    given = {}

    def max_pool2d(*args, **options):
        given[max_pool2d] = args[1:], options
        return F.max_pool2d(*args, **options)

    def batch_norm(*args):
        given[batch_norm] = len(args), args[5]
        return F.batch_norm(*args)

    net = scratch.from_torch(nn.Sequential(nn.BatchNorm2d(3), nn.MaxPool2d((2, 2), stride=(2, 1), padding=1)),
                             max_pool2d=max_pool2d, batch_norm=batch_norm)
    x = np.random.default_rng(0).normal(size=(2, 3, 6, 6)).astype(np.float32)
    y = net(x)
    assert given == {max_pool2d: ((2, (2, 1), 1), {}), batch_norm: (6, True)}
    y.sum().backward()
    assert net[0].weight.grad is not None and net[0].running_mean.data.any()


# ---- what is refused -------------------------------------------------------------------------------------------------

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(3, 3), nn.ModuleDict({"rnn": nn.LSTM(3, 3)})["rnn"])

    def forward(self, x):
        return self.encoder(x)[0]


class Holds(nn.Module):
    """A layer under the name `part`."""

    def __init__(self, part):
        super().__init__()
        self.part = part

    def forward(self, *inputs):
        return self.part(*inputs)


class Inner(Calls):
    pass


def decides(x):
    return x if x.sum() > 0 else -x


def writes(x):
    x[0] = 1
    return x


def on_a_view(x):
    y = x * 1
    y[:, 0].mul_(2)
    return y


def viewed_before(x):
    y = x * 1
    z = y.view(4, -1)
    y.relu_()
    return z


def hooked():
    layer = nn.Linear(5, 5)
    layer.register_forward_hook(lambda layer, inputs, output: output * 2)
    return layer


class Adds(nn.Module):
    """Writes into a buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.zeros(1))

    def forward(self, x):
        return x * self.total.add_(1)


REFUSED = {
    "LSTM": (lambda: Encoder(), 'layer "encoder.1" is a torch.nn.LSTM, which scratch does not have'),
    "LSTM, by itself": (lambda: nn.LSTM(2, 2), "the module is a torch.nn.LSTM, which"),
    "decides": (lambda: Calls(decides), r"cannot follow the forward of the module \(Calls\).*control flow"),
    "decides within": (lambda: nn.Sequential(Inner(decides)),
                       r'cannot follow the forward of layer "0" \(Inner\).*control flow'),
    "writes": (lambda: Calls(writes), "cannot follow the forward of the module.*does not support item assignment"),
    "einsum": (lambda: Calls(lambda x: torch.einsum("nchw,nchw->n", x, x)), "torch.functional.einsum has no counter"),
    "within a layer": (lambda: nn.Sequential(Inner(lambda x: torch.fft.fft(x))),
                       'torch.*fft_fft in layer "0" has no counterpart'),
    "F": (lambda: Calls(lambda x: T.softsign(x)), "torch.nn.functional.softsign has no counterpart"),
    "method": (lambda: Calls(lambda x: x.erf()), "the method erf of a tensor has no counterpart"),
    "argument": (lambda: Calls(lambda x: torch.sum(x, 1, dtype=torch.float64)),
                 "torch.sum is given arguments that scratch does not take.*dtype"),
    "option": (lambda: nn.Sequential(nn.Embedding(3, 3, max_norm=1.0)),
               'layer "0" is a torch.nn.Embedding with max_norm, which'),
    "hook": (lambda: nn.Sequential(hooked()), 'layer "0" is a torch.nn.Linear with hooks, which'),
    "weight norm": (lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))),
                    'layer "0" is a ParametrizedLinear, which scratch does not have'),
    "half": (lambda: nn.Linear(3, 3).half(), "weight is float16; scratch has float32 and float64"),
    "bfloat16": (lambda: nn.Sequential(nn.Linear(3, 3).bfloat16()), "0.weight does not become a NumPy array"),
    "in place on a view": (lambda: Calls(on_a_view), 'method mul_ of a tensor changes in place what "mul_1" holds too'),
    "in place under a view": (lambda: Calls(viewed_before), 'relu_ of a tensor changes in place what "view" holds too'),
    "in place on a buffer": (lambda: Adds(), 'changes in place what "total" holds too'),
    "no inputs": (lambda: Holds(nn.ReLU()), 'the module in layer "part" is given arguments that scratch does not take'),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_counterpart_is_refused_by_name(name):
    network, message = REFUSED[name]
    with pytest.raises(ValueError, match=f"(?s)^from_torch: .*{message}"):
        scratch.from_torch(network())


BAD = [
    (scratch.from_torch, (None,), {}, "module must be a torch.nn.Module, got NoneType"),
    (scratch.from_torch, (nn.Linear,), {}, "module must be a torch.nn.Module, got type"),
    (scratch.from_torch, (scratch.nn.ReLU(),), {}, "module must be a torch.nn.Module, got ReLU"),
    (scratch.from_torch, (nn.ReLU(),), {"conv2": np.add}, "functional has no conv2; near it are conv2d, conv3d"),
    (scratch.from_torch, (nn.ReLU(),), {"zzz": np.add}, "functional has no zzz$"),
    (scratch.from_torch, (nn.ReLU(),), {"conv2d": 3}, "conv2d must be a function, got int"),
]


@pytest.mark.parametrize(("function", "args", "kwargs", "message"), BAD)
def test_bad_input_is_named(function, args, kwargs, message):
    error = TypeError if "must be" in message else ValueError
    with pytest.raises(error, match=f"^from_torch: {message}"):
        function(*args, **kwargs)
