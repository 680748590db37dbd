"""Images made for a network: they are what was asked for, and the network is left as it was."""

import numpy as np
import pytest
import torch
from torch import nn

from cnnlib import interpret as I
from cnnlib.architectures import efficientnet_lite0, normalize_lite0
from cnnlib.data import photo
from cnnlib.interpret.visualization import COLORS
from cnnlib.testing import assert_close
from tests.interpret.test_attribution import hooks

PHOTOS = ["china", "flower", "chelsea", "coffee", "astronaut", "rocket"]


@pytest.fixture(scope="module")
def lite0():
    return efficientnet_lite0(pretrained=True)


def picture(name, size=65):
    return torch.tensor(photo(name, (size, size), crop=0.875)).permute(2, 0, 1)[None]


def decibels(a, b):
    return -10 * float((a - b).square().mean().log10())


def share_of_high(images):
    """Of the power around the mean, the share of frequencies above a quarter of a cycle per pixel."""
    power = torch.fft.fft2(images - images.mean((2, 3), keepdim=True)).abs().square()
    f = torch.fft.fftfreq(images.shape[-1])
    high = (f[:, None]**2 + f**2).sqrt() > 0.25
    return float(power[..., high].sum() / power.sum())


# ---- how an image is written -----------------------------------------------------------------------------------------

def test_the_colours_are_those_of_the_photographs():
    pixels = np.concatenate([photo(name, (96, 128)).reshape(-1, 3) for name in PHOTOS])
    variance, axes = np.linalg.eigh(np.cov(pixels.T))
    axes = (axes * np.sign(axes.sum(0)) * np.sqrt(variance))[:, ::-1]
    ours = np.array(COLORS)
    assert_close(ours, axes / np.linalg.norm(axes, axis=0).max(), 0.006)


@pytest.mark.parametrize("make", [I.PixelImage, I.FourierImage])
@pytest.mark.parametrize("size", [6, 9])
def test_an_image_begins_as_grey_and_its_seed_decides(make, size):
    images = make(size, 4, seed=3)()
    assert images.shape == (4, 3, size, size) and float((images - 0.5).abs().max()) < 0.2 and images.std() > 1e-3
    assert torch.equal(images, make(size, 4, seed=3)()) and not torch.equal(images, make(size, 4, seed=4)())
    assert not torch.equal(images[0], images[1])


def test_a_step_of_equal_size_moves_low_frequencies_most():
    image = I.FourierImage(16)
    logits = []
    for row, column in [(0, 1), (0, 2), (0, 4), (4, 0)]:
        image.weight.data.zero_()
        image.weight.data[0, 0, row, column, 0] = 1e-3
        logits.append(image().logit()[0, 0].abs().max().item())
    assert_close(np.array(logits) / logits[0], np.array([1, 1 / 2, 1 / 4, 1 / 8]), 0.01)         # a row has no twin


# ---- what a part wants to see ----------------------------------------------------------------------------------------

def test_a_class_is_seen_in_its_image_and_in_no_other(lite0):
    targets = [1, 130]                                                                          # goldfish, flamingo
    images = I.visualize(lite0, targets, size=65, steps=32, prepare=normalize_lite0)
    assert images.shape == (2, 3, 65, 65) and 0 < images.min() and images.max() < 1
    with torch.no_grad():
        probabilities = lite0(normalize_lite0(images)).softmax(1)
    assert probabilities[0, 1] > 0.5 and probabilities[1, 130] > 0.5
    assert torch.equal(I.visualize(lite0, 1, size=33, steps=2, prepare=normalize_lite0, seed=2),
                       I.visualize(lite0, [1], size=33, steps=2, prepare=normalize_lite0, seed=2))


def test_pixels_make_noise_and_frequencies_less_of_it(lite0):
    options = {"size": 65, "steps": 24, "prepare": normalize_lite0, "move": False}
    pixels = I.visualize(lite0, 1, image="pixels", **options)
    frequencies = I.visualize(lite0, 1, **options)
    assert share_of_high(pixels) > 2 * share_of_high(frequencies)
    assert not torch.equal(frequencies, I.visualize(lite0, 1, **{**options, "move": True}))


def test_a_channel_answers_more_to_its_image_than_to_photographs(lite0):
    layer, channel = lite0.blocks[4], 3
    mean = {}

    def keep(module, inputs, output):
        mean["of the last"] = output[:, channel].mean((1, 2))

    image = I.visualize(lite0, channel, layer, size=65, steps=16, prepare=normalize_lite0)
    handle = layer.register_forward_hook(keep)
    answers = []
    with torch.no_grad():
        for x in [image, *map(picture, ["chelsea", "coffee", "flower"])]:
            lite0(normalize_lite0(x))
            answers.append(float(mean["of the last"]))
    handle.remove()
    assert answers[0] > 2 * max(map(abs, answers[1:]))


def test_a_layer_alone_decides_what_is_drawn():
    """A channel that is the mean of red minus green: its image gets red."""
    net = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    net[0].weight.data = torch.tensor([[1.0, -1, 0], [-1, 0, 1]])[..., None, None]
    images = I.visualize(net, [0, 1], net[0], size=9, steps=50)
    red, green, blue = images.mean((2, 3)).unbind(1)
    assert red[0] > green[0] + 0.05 and blue[1] > red[1] + 0.05
    assert_close(I.visualize(net, [0, 1], size=9, steps=50), images, 1e-4)                 # here the logit is that


# ---- what a layer still knows ----------------------------------------------------------------------------------------

def test_the_deeper_the_layer_the_less_is_known(lite0):
    x = picture("chelsea")
    known = [decibels(I.invert(lite0, x, layer, steps=30, prepare=normalize_lite0), x)
             for layer in (lite0.stem, lite0.blocks[4], lite0.blocks[15])]
    assert known[0] > known[1] + 1 > known[2] + 1 and known[0] > 15


def test_from_a_layer_that_loses_nothing_the_image_comes_back():
    net, x = nn.Sequential(nn.Conv2d(3, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()), picture("coffee", 33)
    torch.manual_seed(0)
    nn.init.orthogonal_(net[0].weight)
    assert decibels(I.invert(net, x, net[0], steps=200), x) > 22


# ---- what is left as it was, and bad input ---------------------------------------------------------------------------

def test_mode_gradients_and_hooks_stay_as_they_were():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(),
                        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    net[4].eval()
    modes = [module.training for module in net.modules()]
    state = {key: value.clone() for key, value in net.state_dict().items()}
    with torch.no_grad():
        I.visualize(net, 2, size=9, steps=2)
        I.visualize(net, 2, net[1], size=9, steps=2)
        I.invert(net, torch.rand(1, 3, 9, 9), net[1], steps=2)
    with pytest.raises(ArithmeticError):
        net[3].forward = lambda x: 1 / 0
        I.visualize(net, 2, net[1], size=9, steps=2)
    assert [module.training for module in net.modules()] == modes and hooks(net) == 0
    assert all(p.grad is None for p in net.parameters())
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())


net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
BAD = [
    (I.PixelImage, (0,), {}, "PixelImage: size must be at least 1, got 0"),
    (I.FourierImage, (9, 0), {}, "FourierImage: count must be at least 1, got 0"),
    (I.PixelImage, (9, 1, -1), {}, "seed must be at least 0, got -1"),
    (I.visualize, (lambda x: x, 0), {}, "visualize: net must be an nn.Module"),
    (I.visualize, (net, -1), {"size": 9}, "target must be at least 0, got -1"),
    (I.visualize, (net, 1.5), {"size": 9}, "target must be an int, got 1.5"),
    (I.visualize, (net, []), {"size": 9}, "target must be at least 0"),
    (I.visualize, (net, 4), {"size": 9, "steps": 1}, "target must be from 0 to 3, got 4"),
    (I.visualize, (net, [0, 4], net[0]), {"size": 9, "steps": 1}, "target must be from 0 to 3, got 4"),
    (I.visualize, (net, 0, nn.ReLU()), {"size": 9}, "layer must be a module of net"),
    (I.visualize, (net, 0), {"image": "wavelets"}, "image must be one of fourier, pixels; got 'wavelets'"),
    (I.visualize, (net, 0), {"prepare": 3}, "prepare must be None or a function, got 3"),
    (I.visualize, (net, 0), {"steps": 0}, "steps must be at least 1, got 0"),
    (I.visualize, (net, 0), {"lr": 0}, "lr must be"),
    (I.invert, (net, torch.rand(1, 3, 9, 8), net[0]), {}, r"x must be \(1, 3, S, S\), got shape \(1, 3, 9, 8\)"),
    (I.invert, (net, torch.rand(2, 3, 9, 9), net[0]), {}, "x must be .*, got shape"),
    (I.invert, (net, np.ones((1, 3, 9, 9)), net[0]), {}, "x must be a tensor of floats, got ndarray"),
    (I.invert, (net, torch.rand(1, 3, 9, 9), net[2]), {}, r"layer must give \(N, K, h, w\), got \(1, 4\)"),
]
