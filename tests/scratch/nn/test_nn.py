"""Every layer, loaded with PyTorch's weights, gives PyTorch's outputs, gradients and state; so do modules of layers."""

import copy
import inspect
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn as T

from cnnlib.scratch import nn
from cnnlib.scratch.functional.random import manual_seed
from cnnlib.scratch.tensor.autograd import Tensor
from cnnlib.testing import assert_close

TOLERANCE = {np.float64: 1e-10, np.float32: 1e-4}


class Case:
    """A layer's name, the arguments of its constructor, and the shapes of its inputs."""

    def __init__(self, name, *args, inputs, **options):
        self.name, self.args, self.inputs, self.options = name, args, inputs, options

    def __str__(self):
        options = [*map(str, self.args), *(f"{key}={value}" for key, value in self.options.items())]
        return f"{self.name}({', '.join(options)})".replace(" ", "")

    def ours(self):
        return getattr(nn, self.name)(*self.args, **self.options)

    def theirs(self):
        args = [torch.from_numpy(value) if isinstance(value, np.ndarray) else value for value in self.args]
        options = {key: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
                   for key, value in self.options.items()}
        return getattr(T, self.name)(*args, **options)


def floats(*shape):
    return lambda rng, dtype: rng.normal(size=shape).astype(dtype)


def classes(number, *shape):
    return lambda rng, dtype: rng.integers(number, size=shape)


def probabilities(*shape):
    return lambda rng, dtype: rng.uniform(0.05, 0.95, shape).astype(dtype)


sequence, image, volume = [floats(2, 4, 11)], [floats(2, 4, 9, 7)], [floats(2, 4, 5, 6, 7)]
pair, several = [floats(3, 4), floats(3, 4)], np.array([0.5, 2.0, 1.0, 1.5])
LAYERS = [
    Case("Conv1d", 4, 6, 3, inputs=sequence, stride=2, padding=1),
    Case("Conv1d", 4, 6, 4, inputs=sequence, padding="same", padding_mode="circular", bias=False),
    Case("Conv2d", 4, 6, (3, 2), inputs=image, stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2),
    Case("Conv2d", 4, 6, 1, inputs=[floats(4, 9, 7)], bias=False),
    Case("Conv2d", 4, 4, (2, 3), inputs=image, padding="same", padding_mode="reflect", groups=4),
    Case("Conv2d", 4, 2, 3, inputs=image, padding=(2, 1), padding_mode="replicate"),
    Case("Conv2d", 4, 2, 3, inputs=image, padding="valid", padding_mode="circular"),
    Case("Conv3d", 4, 2, (2, 3, 1), inputs=volume, stride=(1, 2, 1), padding=(0, 1, 0)),
    Case("ConvTranspose1d", 4, 6, 3, inputs=sequence, stride=3, output_padding=1),
    Case("ConvTranspose2d", 4, 6, (3, 2), inputs=image, stride=(2, 3), padding=(1, 0), output_padding=(1, 0), groups=2),
    Case("ConvTranspose2d", 4, 2, 3, inputs=image, dilation=2, bias=False),
    Case("ConvTranspose3d", 4, 2, 2, inputs=volume, stride=(1, 2, 2)),
    Case("Linear", 4, 6, inputs=[floats(3, 5, 4)]), Case("Linear", 4, 6, bias=False, inputs=[floats(4)]),
    Case("Embedding", 10, 4, inputs=[classes(10, 3, 5)]),
    Case("Embedding", 10, 4, padding_idx=-7, inputs=[classes(10, 30)]),
    Case("PReLU", inputs=image), Case("PReLU", 4, 0.1, inputs=image),
    Case("BatchNorm1d", 4, inputs=sequence), Case("BatchNorm1d", 4, inputs=[floats(6, 4)], momentum=None),
    Case("BatchNorm2d", 4, inputs=image), Case("BatchNorm2d", 4, inputs=image, affine=False, eps=0.1),
    Case("BatchNorm2d", 4, inputs=image, track_running_stats=False), Case("BatchNorm2d", 4, inputs=image, momentum=0.3),
    Case("BatchNorm3d", 4, inputs=volume, bias=False),
    Case("InstanceNorm1d", 4, inputs=sequence), Case("InstanceNorm2d", 4, inputs=[floats(4, 9, 7)], affine=True),
    Case("InstanceNorm2d", 4, inputs=image, affine=True, track_running_stats=True),
    Case("InstanceNorm3d", 4, inputs=volume),
    Case("LayerNorm", 7, inputs=image), Case("LayerNorm", (9, 7), inputs=image, bias=False),
    Case("LayerNorm", [4, 9, 7], inputs=image, elementwise_affine=False),
    Case("GroupNorm", 2, 4, inputs=image), Case("GroupNorm", 4, 4, inputs=sequence, affine=False, eps=0.1),
    Case("RMSNorm", 7, inputs=image), Case("RMSNorm", (9, 7), 0.1, inputs=image, elementwise_affine=False),
    Case("LocalResponseNorm", 3, alpha=0.1, k=2.0, inputs=image),
    Case("MaxPool1d", 3, 2, inputs=sequence), Case("MaxPool2d", 2, inputs=image),
    Case("MaxPool2d", (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), ceil_mode=True, inputs=image),
    Case("MaxPool2d", 2, return_indices=True, inputs=image), Case("MaxPool3d", 2, inputs=volume),
    Case("AvgPool1d", 3, inputs=sequence), Case("AvgPool2d", (3, 2), 2, 1, inputs=image, count_include_pad=False),
    Case("AvgPool2d", 2, divisor_override=3, ceil_mode=True, inputs=image), Case("AvgPool3d", 2, inputs=volume),
    Case("LPPool2d", 2, (3, 2), inputs=[probabilities(2, 4, 9, 7)]),
    Case("AdaptiveAvgPool1d", 5, inputs=sequence), Case("AdaptiveAvgPool2d", (4, None), inputs=image),
    Case("AdaptiveAvgPool3d", 2, inputs=volume), Case("AdaptiveMaxPool1d", 4, inputs=sequence),
    Case("AdaptiveMaxPool2d", (4, 3), inputs=image),
    *[Case(name, inputs=[floats(3, 5)]) for name in (
        "ReLU", "ReLU6", "LeakyReLU", "ELU", "SELU", "GELU", "SiLU", "Mish", "Softplus", "Sigmoid", "Tanh", "Hardswish",
        "Hardsigmoid", "Hardtanh", "LogSigmoid", "Identity")],
    Case("ReLU", True, inputs=[floats(3, 5)]), Case("LeakyReLU", 0.2, inputs=[floats(3, 5)]),
    Case("ELU", 0.5, inputs=[floats(3, 5)]), Case("GELU", "tanh", inputs=[floats(3, 5)]),
    Case("Softplus", 2.0, 1.0, inputs=[floats(3, 5)]), Case("Hardtanh", -0.5, 0.7, inputs=[floats(3, 5)]),
    Case("Softmax", 1, inputs=image), Case("Softmax", dim=-1, inputs=image), Case("LogSoftmax", 1, inputs=image),
    Case("Flatten", inputs=image), Case("Flatten", 0, 2, inputs=image), Case("Unflatten", 1, (2, 2), inputs=image),
    Case("Unfold", (3, 2), stride=2, inputs=image), Case("Fold", (4, 5), (2, 3), inputs=[floats(2, 12, 9)]),
    Case("Upsample", scale_factor=2, inputs=image), Case("Upsample", (5, 13), mode="bilinear", inputs=image),
    Case("Upsample", scale_factor=(1.5, 2), mode="bilinear", align_corners=True, inputs=image),
    Case("PixelShuffle", 2, inputs=image), Case("PixelUnshuffle", 3, inputs=[floats(2, 2, 9, 6)]),
    Case("ChannelShuffle", 2, inputs=image), Case("ZeroPad2d", 2, inputs=image),
    Case("ZeroPad2d", (1, -2, 0, 3), inputs=image), Case("ConstantPad2d", (1, 2, 0, 3), 0.5, inputs=image),
    Case("ReflectionPad2d", (1, 2, 0, 3), inputs=image), Case("ReplicationPad2d", (1, 2, 0, 3), inputs=image),
    Case("CircularPad2d", (1, 2, 0, 3), inputs=image),
    Case("Dropout", 0.0, inputs=image), Case("Dropout2d", 0.0, inputs=image),
    Case("CrossEntropyLoss", inputs=[floats(5, 4), classes(4, 5)]),
    Case("CrossEntropyLoss", several, label_smoothing=0.1, ignore_index=2,
         inputs=[floats(3, 4, 2, 5), classes(4, 3, 2, 5)]),
    Case("CrossEntropyLoss", reduction="none", inputs=[floats(5, 4), probabilities(5, 4)]),
    Case("NLLLoss", several, reduction="sum", inputs=[floats(5, 4), classes(4, 5)]),
    Case("MSELoss", inputs=pair), Case("L1Loss", reduction="sum", inputs=pair),
    Case("HuberLoss", delta=0.5, inputs=pair),
    Case("SmoothL1Loss", beta=0.5, inputs=pair), Case("BCELoss", inputs=[probabilities(3, 4), probabilities(3, 4)]),
    Case("BCELoss", several, inputs=[probabilities(3, 4), probabilities(3, 4)]),
    Case("BCEWithLogitsLoss", several, pos_weight=several + 1, inputs=[floats(3, 4), probabilities(3, 4)]),
    Case("KLDivLoss", reduction="batchmean", inputs=[floats(3, 4), probabilities(3, 4)]),
    Case("KLDivLoss", log_target=True, reduction="sum", inputs=pair),
]


def both(case, dtype):
    """Our layer and PyTorch's with the same random numbers for weights and running statistics."""
    theirs = case.theirs().to(torch.from_numpy(np.empty(0, dtype)).dtype)
    generator = torch.Generator().manual_seed(0)
    for name, tensor in [*theirs.named_parameters(), *theirs.named_buffers()]:
        if tensor.is_floating_point() and "loss" not in type(theirs).__module__:
            tensor.data = torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
            tensor.data = tensor.data.abs() + 0.5 if name == "running_var" else tensor.data
    ours = case.ours().to(dtype)
    missing, unexpected = ours.load_state_dict(theirs.state_dict())
    assert not missing and not unexpected
    return ours, theirs


def assert_same_step(ours, theirs, arrays, dtype, options=None, modules=None):
    """The same outputs, gradients of inputs and parameters, and buffers.

    options: keywords for both calls. modules: ours and theirs, where the first two are only functions of them.
    """
    options = options or {}
    mine = [Tensor(array, requires_grad=array.dtype.kind == "f") for array in arrays]
    yours = [torch.tensor(array, requires_grad=array.dtype.kind == "f") for array in arrays]
    yours_given = [tensor.clone() for tensor in yours]                   # some layers of torch write into their input
    got, want = ours(*mine, **options), theirs(*yours_given, **options)
    pairs = list(zip(got, want, strict=True)) if isinstance(want, tuple) else [(got, want)]
    for our, their in pairs:
        if their is None:
            assert our is None
        else:
            assert our.dtype == their.detach().numpy().dtype
            assert_close(our, their, TOLERANCE[dtype])
    our, their = pairs[0]
    gradient = np.random.default_rng(1).normal(size=tuple(their.shape)).astype(dtype)
    ours, theirs = modules or (ours, theirs)
    if their.requires_grad:
        ours.zero_grad()
        theirs.zero_grad()
        our.backward(gradient)
        their.backward(torch.from_numpy(np.asarray(gradient)))
    mine = {**dict(enumerate(mine)), **dict(ours.named_parameters())}
    for key, yours_ in {**dict(enumerate(yours)), **dict(theirs.named_parameters())}.items():
        if yours_.grad is None:
            assert mine[key].grad is None or not np.any(mine[key].grad.data), f"gradient of {key}"
        else:
            assert mine[key].grad is not None, f"the gradient of {key} is missing"
            assert mine[key].grad.dtype == dtype
            assert_close(mine[key].grad, yours_.grad, TOLERANCE[dtype])
    for (name, our), (other, their) in zip(ours.state_dict().items(), theirs.state_dict().items(), strict=True):
        assert name == other
        assert our.dtype == their.numpy().dtype
        assert_close(our, their, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_layer_equals_torch_in_train_and_eval(case, dtype):
    ours, theirs = both(case, dtype)
    rng = np.random.default_rng(0)
    for mode in (True, True, False):
        arrays = [make(rng, dtype) for make in case.inputs]
        assert_same_step(ours.train(mode), theirs.train(mode), arrays, dtype)


@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_torch_takes_our_state_and_prints_the_same(case):
    ours, theirs = case.ours(), case.theirs()
    state = {name: torch.from_numpy(np.array(array)) for name, array in ours.state_dict().items()}
    assert list(state) == list(theirs.state_dict())
    theirs.load_state_dict(state)
    for name, parameter in theirs.named_parameters():
        np.testing.assert_array_equal(parameter.detach().numpy(), dict(ours.named_parameters())[name].data)
    assert repr(ours) == repr(theirs)


# what torch's constructors have and ours do not
NOT_OURS = {"device", "max_norm", "norm_type", "scale_grad_by_freq", "sparse", "_weight", "_freeze", "add_bias_kv",
            "add_zero_attn", "min_value", "max_value", "size_average", "reduce"}


@pytest.mark.parametrize("name", [name for name in nn.__all__ if name not in (
    "Module", "Parameter", "Sequential", "ModuleList", "Sigmoid", "Tanh", "LogSigmoid")])
def test_constructors_have_torchs_arguments_in_its_order(name):
    ours, theirs = (inspect.signature(getattr(library, name)).parameters for library in (nn, T))
    drop = NOT_OURS - ({"norm_type"} if name == "LPPool2d" else set())
    theirs = {key: value for key, value in theirs.items() if key not in drop}
    assert list(ours) == list(theirs)
    for key, parameter in ours.items():
        default = np.float32 if key == "dtype" else theirs[key].default
        assert parameter.default == default and parameter.kind in (theirs[key].kind, parameter.KEYWORD_ONLY), key


@pytest.mark.parametrize("name", [name for name in nn.__all__ if name not in ("Module", "Parameter")])
def test_every_layer_has_a_case(name):
    assert name in {case.name for case in LAYERS} | {"Sequential", "ModuleList", "MultiheadAttention"}


# ---- attention

ATTENTION = [({}, {}), ({"batch_first": True}, {"need_weights": False}), ({"kdim": 5, "vdim": 3}, {}),
             ({"bias": False}, {"average_attn_weights": False}),
             ({"kdim": 5, "vdim": 3, "batch_first": True}, {"need_weights": False})]


@pytest.mark.parametrize("masks", ["none", "padding", "causal", "both", "numbers", "one for each head"])
@pytest.mark.parametrize(("options", "call"), ATTENTION, ids=str)
def test_attention_equals_torch(options, call, masks):
    case = Case("MultiheadAttention", 8, 2, inputs=[], **options)
    ours, theirs = both(case, np.float64)
    rng = np.random.default_rng(0)
    batch, length, source = 3, 4, 6
    shapes = [(length, batch, 8), (source, batch, ours.kdim), (source, batch, ours.vdim)]
    if ours.batch_first:
        shapes = [(shape[1], shape[0], shape[2]) for shape in shapes]
    given = {}
    if masks in ("padding", "both"):
        given["key_padding_mask"] = np.arange(source) >= np.array([[6], [4], [2]])
    if masks in ("causal", "both"):
        given["attn_mask"] = np.triu(np.ones((length, source), bool), 1)
    if masks == "numbers":
        given.update(key_padding_mask=rng.normal(size=(batch, source)), attn_mask=rng.normal(size=(length, source)))
    if masks == "one for each head":
        given["attn_mask"] = rng.normal(size=(batch * 2, length, source)) > 1
    assert_same_step(
        lambda *inputs: ours(*inputs, **call, **given),
        lambda *inputs: theirs(*inputs, **call, **{key: torch.from_numpy(mask) for key, mask in given.items()}),
        [rng.normal(size=shape) for shape in shapes], np.float64, modules=(ours, theirs))


def test_attention_without_a_batch_and_of_one_sequence_to_itself():
    ours, theirs = both(Case("MultiheadAttention", 8, 2, inputs=[]), np.float64)
    rng = np.random.default_rng(0)
    assert_same_step(ours, theirs, [rng.normal(size=(length, 8)) for length in (4, 6, 6)], np.float64)
    x = rng.normal(size=(4, 3, 8))
    assert_same_step(lambda x: ours(x, x, x), lambda x: theirs(x, x, x), [x], np.float64, modules=(ours, theirs))


def test_dropout_of_attention_acts_in_training_only():
    layer = nn.MultiheadAttention(8, 2, dropout=0.5)
    x = np.ones((4, 3, 8), np.float32)
    for need_weights in (True, False):
        outs = [layer.train(mode)(x, x, x, need_weights=need_weights)[0].data for mode in (True, True, False, False)]
        assert not np.array_equal(outs[0], outs[1]) and np.array_equal(outs[2], outs[3])


# ---- what depends on chance

@pytest.mark.parametrize(("name", "shape"), [("Dropout", (200, 300)), ("Dropout2d", (200, 30, 4, 5))])
def test_dropout_drops_a_share_and_keeps_the_mean(name, shape):
    manual_seed(0)
    layer = getattr(nn, name)(0.25)
    x = Tensor(np.ones(shape), requires_grad=True)
    out = layer(x)
    dropped = out.data == 0
    assert abs(dropped.mean() - 0.25) < 0.02
    assert_close(out.data[~dropped], np.full((~dropped).sum(), 4 / 3))
    if len(shape) == 4:
        assert set(dropped.sum(axis=(2, 3)).flat) == {0, 20}
    out.sum().backward()
    assert_close(x.grad, out.data)
    np.testing.assert_array_equal(layer.eval()(x).data, x.data)


@pytest.mark.parametrize("case", [
    Case("Conv2d", 16, 64, (3, 5), inputs=[], groups=2), Case("ConvTranspose2d", 64, 16, 3, inputs=[]),
    Case("Linear", 300, 200, inputs=[]), Case("Embedding", 300, 100, inputs=[], padding_idx=2),
    Case("MultiheadAttention", 96, 4, inputs=[]), Case("MultiheadAttention", 64, 4, inputs=[], kdim=80, vdim=96),
], ids=str)
def test_first_weights_have_torchs_distributions(case):
    manual_seed(0)
    torch.manual_seed(0)
    for (name, ours), theirs in zip(case.ours().named_parameters(), case.theirs().parameters(), strict=True):
        spread = float(theirs.detach().std())
        if spread == 0:
            np.testing.assert_array_equal(ours.data, theirs.detach().numpy())
            continue
        grid = np.linspace(0.02, 0.98, 25)
        chance = spread * (0.05 + 6 / np.sqrt(ours.numel()))
        for part in (grid, [0, 1]) if "Embedding" not in case.name else (grid,):
            quantiles = np.quantile(ours.data, part), np.quantile(theirs.detach().numpy(), part)
            assert np.abs(quantiles[0] - quantiles[1]).max() < chance, name


def test_the_row_of_padding_begins_at_0():
    assert not np.any(nn.Embedding(5, 3, padding_idx=-2).weight.data[3])


def test_a_seed_makes_the_same_weights():
    networks = [manual_seed(3) and nn.Sequential(nn.Conv2d(2, 3, 2), nn.Linear(4, 5)) for _ in range(2)]
    for one, other in zip(*(network.parameters() for network in networks), strict=True):
        np.testing.assert_array_equal(one.data, other.data)


# ---- the output's size of a transposed convolution

@pytest.mark.parametrize("output_size", [(9, 14), (10, 13), (2, 6, 10, 14)])
def test_output_size_of_a_transposed_convolution(output_size):
    ours, theirs = both(Case("ConvTranspose2d", 4, 6, 3, stride=2, inputs=[]), np.float64)
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 6))
    assert_same_step(ours, theirs, [x], np.float64, {"output_size": output_size})


# ---- modules

class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.act = nn.ReLU()
        self.scale = nn.Parameter(np.full(1, 0.5, np.float32))

    def forward(self, x):
        return x + self.act(self.norm(self.conv(x))) * self.scale


class TorchBlock(T.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = T.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = T.BatchNorm2d(channels)
        self.act = T.ReLU()
        self.scale = T.Parameter(torch.full((1,), 0.5))

    def forward(self, x):
        return x + self.act(self.norm(self.conv(x))) * self.scale


def networks():
    ours = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), Block(4), nn.ModuleList([Block(4), Block(4)])[0],
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    theirs = T.Sequential(T.Conv2d(1, 4, 3, stride=2), TorchBlock(4), T.ModuleList([TorchBlock(4), TorchBlock(4)])[0],
                          T.AdaptiveAvgPool2d(1), T.Flatten(), T.Linear(4, 3))
    return ours, theirs


def test_a_network_of_modules_equals_torch():
    ours, theirs = networks()
    assert repr(ours).replace("Block", "TorchBlock") == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    assert [name for name, _ in ours.named_buffers()] == [name for name, _ in theirs.named_buffers()]
    assert [name for name, _ in ours.named_modules()] == [name for name, _ in theirs.named_modules()]
    assert [name for name, _ in ours.named_children()] == [name for name, _ in theirs.named_children()]
    ours.load_state_dict(theirs.state_dict())
    ours, theirs = ours.double(), theirs.double()
    for mode in (True, False):
        x = np.random.default_rng(0).normal(size=(5, 1, 9, 8))
        assert_same_step(ours.train(mode), theirs.train(mode), [x], np.float64)
        assert all(module.training is mode for module in ours.modules())


def test_parameters_that_are_shared_are_listed_once_but_are_under_both_names_in_the_state():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(3, 3), nn.Linear(3, 3)
            self.two.weight = self.one.weight
            self.again = self.one

    tied = Tied()
    assert [name for name, _ in tied.named_parameters()] == ["one.weight", "one.bias", "two.bias"]
    assert [name for name, _ in tied.named_modules()] == ["", "one", "two"]
    assert list(tied.state_dict()) == ["one.weight", "one.bias", "two.weight", "two.bias", "again.weight", "again.bias"]
    assert copy.deepcopy(tied).two.weight is not tied.one.weight
    twin = copy.deepcopy(tied)
    assert twin.two.weight is twin.one.weight


def test_attributes_are_what_was_set_last():
    module = nn.Module()
    module.part = nn.Linear(2, 3)
    module.part = nn.Parameter(np.ones(2))
    assert not list(module.children()) and list(module.state_dict()) == ["part"]
    module.part = None
    assert module.part is None and not module.state_dict()
    module.register_buffer("kept", np.arange(3))
    module.register_buffer("mask", np.ones(2), persistent=False)
    module.kept = np.arange(4)
    assert isinstance(module.kept, Tensor) and module.kept.shape == (4,)
    assert list(module.state_dict()) == ["kept"] and len(list(module.buffers())) == 2
    del module.kept
    assert not hasattr(module, "kept")
    with pytest.raises(AttributeError, match="Module has no attribute 'kept'"):
        module.kept


def test_freezing_forgetting_and_applying():
    network, seen = networks()[0], []
    network(np.zeros((2, 1, 9, 8), np.float32)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    network.zero_grad()
    assert all(parameter.grad is None for parameter in network.parameters())
    assert network.apply(lambda module: seen.append(type(module).__name__)) is network
    assert seen[-1] == "Sequential" and seen.count("Block") == 2 and len(seen) == len(list(network.modules()))
    network.requires_grad_(False)
    assert not network(np.zeros((2, 1, 9, 8), np.float32)).requires_grad


def test_dtypes_change_together():
    layer = nn.BatchNorm2d(2)
    layer(np.ones((3, 2, 4, 4), np.float32)).sum().backward()
    layer.double()
    assert {tensor.dtype.name for tensor in layer.state_dict().values()} == {"float64", "int64"}
    assert layer.weight.grad.dtype == np.float64
    assert layer.float().weight.dtype == np.float32 and nn.Linear(2, 3, dtype=np.float64).weight.dtype == np.float64


def test_containers():
    network = nn.Sequential(OrderedDict(first=nn.Linear(2, 3), act=nn.ReLU(), last=nn.Linear(3, 1)))
    assert list(network.state_dict())[0] == "first.weight" and network[-1] is network.last and len(network) == 3
    assert list(network[1:].state_dict()) == ["last.weight", "last.bias"] and isinstance(network[0:2], nn.Sequential)
    assert [type(module).__name__ for module in network] == ["Linear", "ReLU", "Linear"]
    modules = nn.ModuleList([nn.ReLU(), nn.ReLU()]).append(nn.Linear(1, 2)).extend([nn.ReLU()])
    theirs = T.ModuleList([T.ReLU(), T.ReLU(), T.Linear(1, 2), T.ReLU()])
    assert repr(modules) == repr(theirs) and list(modules.state_dict()) == list(theirs.state_dict())
    assert len(modules[1:]) == 3 and isinstance(modules[1:], nn.ModuleList)
    assert repr(nn.Parameter(np.ones(2, np.float32))) == repr(T.Parameter(torch.ones(2)))


def test_a_state_is_copied_in_and_need_not_be_complete():
    layer = nn.Linear(2, 3)
    before, weight = layer.weight.data, np.ones((3, 2))
    assert layer.load_state_dict({"weight": weight, "more": weight}, strict=False) == (["bias"], ["more"])
    assert layer.weight.data is before and before.dtype == np.float32 and layer.weight.data is not weight
    assert_close(before, weight.astype(np.float32))


layer, x = nn.Linear, np.zeros((2, 4, 9, 7), np.float32)
# function, arguments, keywords, what the message must hold
BAD = [
    (nn.Linear(2, 3).load_state_dict, ({"weight": np.ones((3, 2)), "extra": np.ones(1)},), {},
     "does not fit Linear: missing: bias; unexpected: extra$"),
    (nn.Linear(2, 3).load_state_dict, ({"weight": np.ones((2, 3)), "bias": np.ones(3)},), {},
     r"mismatch: weight has shape \(3, 2\), given \(2, 3\)"),
    (nn.Linear(2, 3).load_state_dict, ({"bias": np.ones(4)},), {"strict": False}, r"mismatch: bias has shape \(3,\)"),
    (nn.Module(), (1,), {}, "Module: a subclass of Module must define forward"),
    (nn.Module().register_buffer, ("name", 3), {}, "register_buffer: name must be a tensor, an array or None, got int"),
    (nn.Module().register_parameter, ("name", np.ones(2)), {}, "register_parameter: name must be a Parameter or None"),
    (nn.Linear(2, 3).__setattr__, ("weight", np.ones(2)), {}, "Linear: weight must be a Parameter or None"),
    (nn.Linear(2, 3).to, (np.int64,), {}, "Linear: dtype must be float32 or float64, got int64"),
    (manual_seed, ("a",), {}, "manual_seed: seed must be an int, got 'a'"),
    (nn.Parameter, ([1, 2],), {}, "only floating-point tensors have gradients"),
    (nn.Sequential, (nn.ReLU(), "a"), {}, "add_module: 1 must be a Module or None, got str"),
    (nn.ModuleList, ([3],), {}, "add_module: 0 must be a Module or None, got int"),
    (nn.Conv1d, (2, 3, (1, 2)), {}, "Conv1d: kernel_size must be an int or 1 ints"),
    (nn.Conv2d, (3, 4, 3), {"groups": 2}, "Conv2d: in_channels = 3 and out_channels = 4 must divide by groups = 2"),
    (nn.Conv2d, (3, 4, 0), {}, "Conv2d: kernel_size must be at least 1, got 0"),
    (nn.Conv2d, (3, 4, 3), {"padding": "full"}, "Conv2d: padding must be one of valid, same; got 'full'"),
    (nn.Conv3d, (3, 4, 3), {"padding_mode": "mirror"}, "Conv3d: padding_mode must be one of zeros, reflect"),
    (nn.ConvTranspose1d, (3, 4, 3), {"padding_mode": "reflect"}, "ConvTranspose1d: padding_mode must be one of zeros"),
    (nn.ConvTranspose2d, (3, 4, 3), {"padding": "same"}, "ConvTranspose2d: padding must be an int or 2 ints"),
    (nn.ConvTranspose2d(4, 2, 3, stride=2), (x,), {"output_size": (18, 19)}, r"output_size must be from \[19, 15\] to"),
    (nn.ConvTranspose3d, (3, 4, 3), {"output_padding": -1}, "ConvTranspose3d: output_padding must be at least 0"),
    (nn.Linear, (2.5, 3), {}, "Linear: in_features must be an int"),
    (nn.Embedding, (5, 3), {"padding_idx": 5}, "Embedding: padding_idx must be from -5 to 4, got 5"),
    (nn.PReLU, (0,), {}, "PReLU: num_parameters must be at least 1"),
    (nn.BatchNorm1d(4), (x,), {}, r"BatchNorm1d: input must have 2 or 3 axes, got shape \(2, 4, 9, 7\)"),
    (nn.BatchNorm1d, (-1,), {}, "BatchNorm1d: num_features must be at least 0"),
    (nn.BatchNorm2d, ("4",), {}, "BatchNorm2d: num_features must be an int"),
    (nn.BatchNorm2d(4), (x[0],), {}, "BatchNorm2d: input must have 4 axes"),
    (nn.BatchNorm3d, (1.5,), {}, "BatchNorm3d: num_features must be an int"),
    (nn.InstanceNorm1d, (1.5,), {}, "InstanceNorm1d: num_features must be an int"),
    (nn.InstanceNorm2d, (1.5,), {}, "InstanceNorm2d: num_features must be an int"),
    (nn.InstanceNorm2d(4), (x[0, 0],), {}, "InstanceNorm2d: input must have 3 or 4 axes"),
    (nn.InstanceNorm3d, (1.5,), {}, "InstanceNorm3d: num_features must be an int"),
    (nn.LayerNorm, ((2, 1.5),), {}, "LayerNorm: normalized_shape must be"),
    (nn.RMSNorm, ("4",), {}, "RMSNorm: normalized_shape must be"),
    (nn.GroupNorm, (3, 4), {}, "GroupNorm: num_channels = 4 must divide by num_groups = 3"),
    (nn.MultiheadAttention, (5, 2), {}, "MultiheadAttention: embed_dim = 5 must divide by num_heads = 2"),
    (nn.MultiheadAttention(7, 1), (x[0],) * 3, {"attn_mask": np.ones((2, 3))},
     r"MultiheadAttention: attn_mask must have shape \(4, 4\) or \(9, 4, 4\), got \(2, 3\)"),
    (nn.MultiheadAttention(7, 1), (x[0],) * 3, {"is_causal": True}, "is_causal needs attn_mask"),
    (nn.AvgPool1d, (0,), {}, "AvgPool1d: kernel_size must be at least 1"),
    (nn.ZeroPad2d, ((1, 2),), {}, "ZeroPad2d: padding must be an int or 4 ints"),
    (nn.Unflatten(1, (3, 3)), (x,), {}, "reshape: an input of shape"),
    (nn.Linear(4, 2), (np.zeros((2, 4)),), {}, "linear: all arrays must have one dtype, got input float64"),
]


@pytest.mark.parametrize("case", [case for case in LAYERS if case.name not in ("Identity", "Flatten", "Unflatten")],
                         ids=str)
def test_what_the_function_of_a_layer_refuses_is_refused_by_name(case):
    arrays = [make(np.random.default_rng(0), np.float64) for make in case.inputs]
    wrong = arrays[0] > 0.1 if arrays[0].dtype.kind == "f" else arrays[0].astype(np.float32)
    with pytest.raises((TypeError, ValueError), match=r"^\w+: input must be"):
        case.ours().double()(wrong, *arrays[1:])


def test_a_module_asks_for_its_own_init_first():
    class Forgets(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 3)

    with pytest.raises(TypeError, match=r"Forgets: call super\(\).__init__\(\) before setting layer"):
        Forgets()
