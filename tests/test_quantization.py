"""Networks in few bits: the numbers of torch and of our integers, sizes counted by hand, and what is left alone."""

import copy
import io

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from cnnlib import data
from cnnlib.quantization import fake_quantize, model_size, quantize_activations, quantize_weights
from cnnlib.scratch import quantization as scratch
from cnnlib.testing import assert_close
from cnnlib.training import accuracy, fit

net, x34 = nn.Linear(2, 3), torch.ones(3, 4)
BAD = [
    (fake_quantize, (np.ones(3),), {}, "x must be a tensor of floats, got float64"),
    (fake_quantize, (x34.int(),), {}, "x must be a tensor of floats, got torch.int32"),
    (fake_quantize, (x34, 0), {}, "bits must be an int from 1 to 16, got 0"),
    (fake_quantize, (x34, 1), {"symmetric": True}, "bits must be an int from 2 to 16, if symmetric, got 1"),
    (fake_quantize, (x34, 8, 2), {}, r"axis must be None or an axis of \(3, 4\), got 2"),
    (fake_quantize, (x34,), {"low": 0}, "low and high must both be given, .* got 0, None and axis None"),
    (fake_quantize, (x34,), {"low": 1, "high": 0}, "low ≤ high"),
    (fake_quantize, (x34 * torch.tensor([1, 1, 1, np.nan]),), {}, "x must hold finite numbers"),
    (fake_quantize, (x34 * torch.tensor([1, 1, 1, np.inf]),), {"low": 0, "high": 1}, "x must hold finite numbers"),
    (fake_quantize, (x34,), {"low": None, "high": "all"}, "high must be None or a finite number, got 'all'"),
    (fake_quantize, (x34,), {"low": np.nan, "high": 1}, "low must be None or a finite number, got nan"),
    (fake_quantize, (x34, 8, True), {}, r"axis must be None or an axis of \(3, 4\), got True"),
    (quantize_weights, (nn.Sequential(nn.ReLU(), weight_norm(nn.Linear(2, 2))),), {},
     "quantize_weights: the weight of layer '1' is computed from others; call .*remove_parametrizations"),
    (model_size, (weight_norm(nn.Linear(2, 2)), 8), {}, "model_size: the weight of layer '' is computed from others"),
    (quantize_activations, (net, None), {}, "x must be an array or a tensor, got NoneType"),
    (quantize_activations, (nn.Sequential(net), torch.ones(2, 2) * np.nan), {}, "into layer '0' is not finite"),
    (quantize_weights, (x34,), {}, "quantize_weights: net must be an nn.Module, got Tensor"),
    (quantize_weights, (net, 1), {}, "quantize_weights: bits must be an int from 2 to 16, if symmetric, got 1"),
    (quantize_activations, (net, torch.ones(0, 2)), {}, r"at least one example, got shape \(0, 2\)"),
    (quantize_activations, (net, torch.ones(1, 2), 32), {}, "bits must be an int from 1 to 16, got 32"),
    (model_size, (net, 33), {}, "model_size: bits must be an int from 1 to 32, got 33"),
    (model_size, (None,), {}, "net must be an nn.Module, got NoneType"),
]


def make_net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 6, 3, 2), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 8, (3, 2), 2, 1, groups=2),
                         nn.ReLU(), nn.ConvTranspose2d(8, 4, 2, bias=False), nn.Flatten(), nn.LazyLinear(10))


def shaped_net(seed=0):
    net = make_net(seed)
    net(torch.zeros(1, 1, 11, 9))                                        # LazyLinear learns its size
    return net.eval()


# ---- numbers ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["normal", "positive", "constant", "zeros", "tiny", "huge"])
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 2, -2])
def test_fake_quantisation_is_that_of_our_integers(axis, symmetric, kind):
    x = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(0))
    x = {"normal": x, "positive": x.abs() + 3, "constant": x * 0 - 0.7, "zeros": x * 0, "tiny": x * 1e-30,
         "huge": x * 1e30}[kind]
    for bits in (2, 3, 8):
        want = scratch.fake_quantize(x.numpy(), bits, axis, symmetric)
        scale = float(x.abs().max()) or 1.0
        assert_close(fake_quantize(x, bits, axis, symmetric) / scale, want / scale)
    assert fake_quantize(x[:0]).shape == (0, 5, 3)


def test_a_given_range_clips_and_its_gradient_is_straight():
    x = torch.tensor([-3.0, -0.9, 0.2, 1.4, 7.0], requires_grad=True)
    y = fake_quantize(x, 4, low=-1.0, high=2.0)                          # steps of 0.2, from −1 to 2
    y.backward(torch.arange(1.0, 6))
    assert_close(y, torch.tensor([-1, -0.8, 0.2, 1.4, 2.0]))             # −0.9 is half a step: −4.5 is even at −4
    assert x.grad.tolist() == [0, 2, 3, 4, 0]


# ---- weights ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("per_channel", [False, True])
def test_weights_are_quantised_in_a_copy_and_nothing_else_is(per_channel, symmetric):
    net = shaped_net()
    before = copy.deepcopy(net.state_dict())
    small = quantize_weights(net, 3, per_channel, symmetric)
    for name, tensor in before.items():
        assert torch.equal(net.state_dict()[name], tensor)
        got = small.state_dict()[name]
        if name in ("0.weight", "3.weight", "5.weight", "7.weight"):
            axis = int(name[0] == "5") if per_channel else None          # a transposed convolution is (in, out, …)
            assert_close(got, scratch.fake_quantize(tensor.numpy(), 3, axis, symmetric))
            channels = got.movedim(axis, 0) if per_channel else got[None]
            assert max(len(channel.unique()) for channel in channels) <= 8 - symmetric
            assert not torch.equal(got, tensor)
        else:
            assert torch.equal(got, tensor)
    assert small.training == net.training


def test_sixteen_bits_change_next_to_nothing():
    net, x = shaped_net(), torch.randn(3, 1, 11, 9)
    sixteen, two = ((quantize_weights(net, bits)(x) - net(x)).abs().max() for bits in (16, 2))
    assert sixteen < 1e-3 < two


# ---- activations -----------------------------------------------------------------------------------------------------

def test_a_network_in_bytes_is_the_one_that_counts_in_integers():
    """What the fake copy computes, `cnnlib.scratch.quantization` computes with int8 and int32."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 4, (3, 2), groups=2), nn.ReLU(), nn.Flatten(),
                        nn.Linear(4 * 3 * 3, 5)).double()
    calibration, x = torch.randn(2, 7, 2, 10, 8, dtype=torch.float64)
    fake = quantize_activations(quantize_weights(net), calibration)
    a, ranges = calibration, {}
    for i, layer in enumerate(quantize_weights(net)):                    # the ranges that the copy must have found
        ranges[i] = min(a.min().item(), 0), max(a.max().item(), 0)
        a = layer(a)

    h = x.numpy()
    for i, layer in enumerate(net):
        if isinstance(layer, nn.ReLU):
            h = np.maximum(h, 0)
        elif isinstance(layer, nn.Flatten):
            h = h.reshape(len(h), -1)
        else:
            scale, zero_point = scratch.quantization_scale(np.array(ranges[i]))
            q = scratch.quantize(h, scale=scale, zero_point=zero_point)
            w = scratch.quantize(layer.weight.detach().numpy(), 8, axis=0, symmetric=True)
            bias = layer.bias.detach().numpy()
            h = (scratch.quantized_linear(q, w, bias) if isinstance(layer, nn.Linear) else
                 scratch.quantized_conv2d(q, w, bias, layer.stride, layer.padding, layer.dilation, layer.groups))
    # the scales are float32 in torch and float64 here, so that a number close to a half may go the other way
    assert_close(fake(x), h, 1e-5)
    assert 1e-4 < (fake(x) - net(x)).abs().max() < 0.05


def test_the_calibrated_range_clips_what_is_beyond():
    net = nn.Sequential(nn.Linear(2, 2, bias=False))
    net[0].weight.data = torch.eye(2)
    small = quantize_activations(net, torch.tensor([[-1.0, 0.5], [2.0, 0]]))
    assert_close(small(torch.tensor([[-5.0, 9.0]])), torch.tensor([[-1.0, 2.0]]), 1e-2)
    assert torch.equal(net(torch.tensor([[-5.0, 9.0]])), torch.tensor([[-5.0, 9.0]]))        # net is as it was
    values = small(torch.linspace(-1, 2, 2000).reshape(-1, 2)).unique()
    assert 250 <= len(values) <= 256


def test_a_layer_called_twice_is_calibrated_over_both_calls():
    class Twice(nn.Module):
        def __init__(self, weight):
            super().__init__()
            self.layer = nn.Linear(1, 1, bias=False)
            self.layer.weight.data.fill_(weight)

        def forward(self, x):
            return self.layer(self.layer(x))

    for weight in (3.0, -0.5):                                       # the second call ranges further, or the first
        small = quantize_activations(Twice(weight), torch.tensor([[2.0], [-1.0]]), 16)
        low, high = min(-1.0, -weight, 2 * weight), max(2.0, -weight, 2 * weight)
        for x in (2.0, 0.5, -1.0, -4.0, 9.0):
            clipped = min(max(x, low), high)
            want = min(max(clipped * weight, low), high) * weight
            assert_close(small(torch.tensor([[x]])), torch.tensor([[want]]), 1e-3)


def test_it_is_calibrated_in_use_whatever_the_mode():
    torch.manual_seed(0)
    net, x = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Linear(3, 2)), 1 + torch.randn(9, 3)
    want = quantize_activations(net.eval(), x)(x)
    assert torch.equal(quantize_activations(net.train(), x).eval()(x), want)


def test_the_copy_leaves_mode_and_statistics_alone_and_can_be_copied():
    net = shaped_net().train()
    before = copy.deepcopy(net.state_dict())
    small = quantize_activations(net, torch.randn(5, 1, 11, 9))
    assert net.training and small.training
    for name, tensor in before.items():
        assert torch.equal(net.state_dict()[name], tensor) and torch.equal(small.state_dict()[name], tensor)
    assert not any(module._forward_pre_hooks for module in net.modules())
    x = torch.randn(2, 1, 11, 9)
    assert torch.equal(copy.deepcopy(small).eval()(x), small.eval()(x))
    small(x).sum().backward()                                            # straight through
    assert all(p.grad is not None for p in small.parameters())


def test_the_copy_can_be_saved_and_numpys_ints_are_ints():
    torch.manual_seed(0)
    net, x = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), torch.randn(9, 3)
    small, file = quantize_activations(net, x, np.int8(4)), io.BytesIO()
    torch.save(small, file)
    file.seek(0)
    assert torch.equal(torch.load(file, weights_only=False)(3 * x), small(3 * x))
    assert not torch.equal(net(3 * x), small(3 * x))
    assert torch.equal(small(x), quantize_activations(net, x, 4)(x))
    bits, axis = np.int8(8), np.int64(1)                                 # 2^8 is no int8
    assert torch.equal(fake_quantize(x, bits, axis), fake_quantize(x, 8, 1))
    assert model_size(net, bits) == model_size(net, 8)


# ---- size ------------------------------------------------------------------------------------------------------------

def test_size_is_counted_layer_by_layer():
    net = shaped_net()
    features = net[7].in_features
    weights = [6 * 9, 8 * 3 * 3 * 2, 8 * 4 * 2 * 2, 10 * features]
    others = 4 * (6 + 8 + 10 + 4 * 6) + 8                                # biases, norm, its count of batches
    assert model_size(net) == 4 * sum(weights) + others
    for bits in (1, 3, 8):
        packed = sum(-(-n * bits // 8) for n in weights)
        assert model_size(net, bits) == packed + 4 * (6 + 8 + 4 + 10) + others
        assert model_size(net, bits, per_channel=False) == packed + 4 * 4 + others


def test_size_is_about_that_of_the_saved_file_and_shared_weights_count_once():
    net = nn.Linear(300, 300)
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    assert 0 < file.tell() - model_size(net) < 3000
    twins = nn.Sequential(net, nn.Linear(300, 300))
    twins[1].weight = net.weight
    assert model_size(twins) == 4 * (300 * 300 + 2 * 300)
    assert model_size(twins, 8) == 300 * 300 + 4 * 300 + 4 * 2 * 300
    assert model_size(net.half()) == 2 * (300 * 300 + 300)


# ---- digits ----------------------------------------------------------------------------------------------------------

def test_eight_bits_cost_nothing_on_digits():
    (x, y), (x_test, y_test) = data.digits()
    torch.manual_seed(0)
    net = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU(),
                        nn.Flatten(), nn.Linear(256, 10))
    fit(net, x[:2000], y[:2000], epochs=2, lr=1e-2)
    full = accuracy(net, x_test, y_test)
    eight = accuracy(quantize_activations(quantize_weights(net), x[:200]), x_test, y_test)
    two = accuracy(quantize_weights(net, 2, per_channel=False), x_test, y_test)
    assert full > 0.85 and abs(full - eight) < 0.01 and two < full - 0.05
