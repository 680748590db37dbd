"""Schedules, steps and samplers: against diffusers, against Bayes' rule, and on data whose best network is known."""

import math

import nbformat
import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler
from torch import nn

from cnnlib.generative import (
    DiffusionBlock,
    DiffusionUNet,
    add_noise,
    cosine_schedule,
    ddim,
    ddim_step,
    ddpm,
    ddpm_step,
    digit_scores,
    guided_noise,
    linear_schedule,
    load_weights,
    noise_loss,
    predict_image,
    sampling_times,
)
from cnnlib.training import set_seed
from tests.paths import ROOT

ALPHA_BAR = linear_schedule(10, 0.1, 0.4)
IMAGES = torch.zeros(3, 1, 8, 12)


class Ideal(nn.Module):
    """The best noise predictor for pixels that are independent and normal."""

    def __init__(self, mean, std, alpha_bar):
        super().__init__()
        self.mean, self.std, self.alpha_bar = mean, std, alpha_bar

    def forward(self, x, t, labels=None):
        a = self.alpha_bar[t].to(x.dtype)
        mean = self.mean if labels is None else self.mean + labels.reshape(-1, 1, 1, 1)
        return (1 - a).sqrt() * (x - a.sqrt() * mean) / (a * self.std**2 + 1 - a)


def noise_of(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# ---- the formulas, by other means ------------------------------------------------------------------------------------

def test_schedules_begin_at_one_and_are_the_papers():
    beta = np.linspace(1e-4, 0.02, 1000)
    np.testing.assert_allclose(linear_schedule(), np.concatenate([[1], np.cumprod(1 - beta)]), rtol=1e-12)
    t = np.arange(1001) / 1000
    closed = np.cos((t + 0.008) / 1.008 * np.pi / 2) ** 2 / math.cos(0.008 / 1.008 * np.pi / 2) ** 2
    np.testing.assert_allclose(cosine_schedule()[:-1], closed[:-1], rtol=1e-9)    # only the last β reaches the largest
    np.testing.assert_allclose(cosine_schedule()[-1], closed[-2] * 0.001, rtol=1e-9)


def test_many_steps_are_one():
    """Mean and variance of x_t, step by step, are those of the closed form."""
    steps = ALPHA_BAR[1:] / ALPHA_BAR[:-1]
    mean, variance = 1.0, 0.0
    for t, alpha in enumerate(steps, 1):
        mean, variance = mean * alpha.sqrt(), alpha * variance + 1 - alpha
        one, zero = torch.ones(1, 1, 1, 1).double(), torch.zeros(1, 1, 1, 1).double()
        assert add_noise(one, t, zero, ALPHA_BAR).item() == pytest.approx(mean.item(), rel=1e-12)
        assert add_noise(zero, t, one, ALPHA_BAR).item() ** 2 == pytest.approx(variance.item(), rel=1e-12)


@pytest.mark.parametrize(("t", "s"), [(10, 9), (7, 2), (5, 1), (3, 0)])
def test_ddpm_step_is_bayes_rule(t, s):
    """x_s given x_t and x₀: what the step from x₀ says times what the step to x_t says, two normal densities."""
    x, x0 = noise_of((2, 1, 3, 5), 0).double(), noise_of((2, 1, 3, 5), 1).double()
    a_t, a_s = ALPHA_BAR[t], ALPHA_BAR[s]
    noise, alpha = (x - a_t.sqrt() * x0) / (1 - a_t).sqrt(), a_t / a_s
    got = ddpm_step(x, noise, t, s, ALPHA_BAR, torch.zeros_like(x), clip=False)
    moved = ddpm_step(x, noise, t, s, ALPHA_BAR, torch.ones_like(x), clip=False) - got
    if s == 0:
        torch.testing.assert_close(got, x0)
        assert moved.abs().max() < 1e-12
        return
    precision = 1 / (1 - a_s) + alpha / (1 - alpha)
    torch.testing.assert_close(got, (a_s.sqrt() * x0 / (1 - a_s) + alpha.sqrt() * x / (1 - alpha)) / precision)
    torch.testing.assert_close(moved, torch.full_like(x, precision**-0.5))


def test_predict_image_undoes_add_noise_with_a_time_for_each_image():
    x, noise, t = noise_of((3, 1, 4, 5), 2).double(), noise_of((3, 1, 4, 5), 3).double(), torch.tensor([0, 4, 10])
    noisy = add_noise(x, t, noise, ALPHA_BAR)
    torch.testing.assert_close(noisy[0], x[0])
    torch.testing.assert_close(predict_image(noisy, noise, t, ALPHA_BAR), x)
    torch.testing.assert_close(noisy[1:2], add_noise(x[1:2], 4, noise[1:2], ALPHA_BAR))


def test_a_ddim_step_with_the_true_noise_is_the_forward_process():
    x, noise = noise_of((2, 1, 4, 5), 4).double().clamp(-1, 1), noise_of((2, 1, 4, 5), 5).double()
    for t, s in ((10, 3), (4, 0)):
        got = ddim_step(add_noise(x, t, noise, ALPHA_BAR), noise, t, s, ALPHA_BAR)
        torch.testing.assert_close(got, add_noise(x, s, noise, ALPHA_BAR))


def test_after_clipping_the_noise_is_found_again():
    x, wrong = torch.full((1, 1, 1, 2), 3.0), torch.zeros(1, 1, 1, 2)
    a_t, a_s = ALPHA_BAR[6].float(), ALPHA_BAR[2].float()
    rest = (3 - a_t.sqrt()) / (1 - a_t).sqrt()
    torch.testing.assert_close(ddim_step(x, wrong, 6, 2, ALPHA_BAR),
                               (a_s.sqrt() + (1 - a_s).sqrt() * rest).expand(1, 1, 1, 2))


@pytest.mark.parametrize(("last", "steps"), [(1000, 30), (1000, 1000), (7, 3), (5, 1), (999, 50)])
def test_sampling_times_fall_from_the_last_to_zero(last, steps):
    times = sampling_times(last, steps)
    gaps = -np.diff(times)
    assert times[0] == last and times[-1] == 0 and len(times) == steps + 1
    assert gaps.min() >= 1 and gaps.max() - gaps.min() <= 1


# ---- against diffusers -----------------------------------------------------------------------------------------------

SCHEDULES = [("linear", linear_schedule), ("squaredcos_cap_v2", cosine_schedule)]


@pytest.mark.parametrize(("name", "schedule"), SCHEDULES)
def test_ddpm_is_that_of_diffusers(name, schedule):
    """Its time counts from 0, and stands for ours less 1."""
    theirs = DDPMScheduler(beta_schedule=name, clip_sample=True)
    alpha_bar = schedule()
    torch.testing.assert_close(theirs.alphas_cumprod.double(), alpha_bar[1:], rtol=1e-4, atol=1e-7)
    theirs.alphas_cumprod = alpha_bar[1:]                                # float64: 1 − ᾱ_t/ᾱ_s keeps its digits
    x, noise = noise_of((2, 1, 4, 6), 0), noise_of((2, 1, 4, 6), 1)
    for t in (1, 2, 300, 999):
        torch.testing.assert_close(add_noise(x, t, noise, alpha_bar),
                                   theirs.add_noise(x, noise, torch.tensor([t - 1] * 2)), rtol=1e-5, atol=1e-5)
        expected = theirs.step(noise, t - 1, x, generator=torch.Generator().manual_seed(5)).prev_sample
        fresh = noise_of(x.shape, 5) if t > 1 else torch.zeros_like(x)
        torch.testing.assert_close(ddpm_step(x, noise, t, t - 1, alpha_bar, fresh), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "schedule"), SCHEDULES)
def test_ddim_is_that_of_diffusers(name, schedule):
    theirs = DDIMScheduler(beta_schedule=name, clip_sample=True, set_alpha_to_one=True)
    theirs.set_timesteps(50)
    alpha_bar = schedule()
    x, noise = noise_of((2, 1, 4, 6), 2), noise_of((2, 1, 4, 6), 3)
    for t in (20, 40, 500, 980):
        expected = theirs.step(noise, t - 1, x, use_clipped_model_output=True).prev_sample
        torch.testing.assert_close(ddim_step(x, noise, t, t - 20, alpha_bar), expected, rtol=1e-5, atol=1e-5)


# ---- samplers, with a network that is known to be the best -----------------------------------------------------------

def test_samplers_draw_from_the_distribution_that_the_best_network_knows():
    alpha_bar, noise = cosine_schedule(200), noise_of((4000, 1, 1, 4), 6)
    net = Ideal(torch.tensor([-0.4, 0.0, 0.2, 0.5]), torch.tensor([0.1, 0.5, 1.0, 0.3]), alpha_bar)
    generator = torch.Generator().manual_seed(7)
    for samples in (ddpm(net, noise, alpha_bar, clip=False, generator=generator),
                    ddim(net, noise, alpha_bar, steps=200, clip=False)):
        torch.testing.assert_close(samples.mean((0, 1, 2)), net.mean, rtol=0, atol=0.06)
        torch.testing.assert_close(samples.std((0, 1, 2)), net.std, rtol=0.08, atol=0.02)


def test_ddim_is_a_function_of_the_noise_and_ddpm_is_not():
    net, noise = Ideal(torch.zeros(6), torch.ones(6) / 2, ALPHA_BAR), noise_of((2, 1, 4, 6), 8)
    assert torch.equal(ddim(net, noise, ALPHA_BAR, steps=4), ddim(net, noise, ALPHA_BAR, steps=4))
    first, second, other = (ddpm(net, noise, ALPHA_BAR, generator=torch.Generator().manual_seed(seed))
                            for seed in (0, 0, 1))
    assert torch.equal(first, second) and not torch.allclose(first, other)


def test_change_sees_each_step_and_may_paint():
    net, noise, seen = Ideal(torch.zeros(6), torch.ones(6) / 2, ALPHA_BAR), noise_of((2, 1, 4, 6), 9), []

    def paint(x, s):
        seen.append(s)
        return torch.where(torch.arange(6) < 3, 0.25, x)
    out = ddim(net, noise, ALPHA_BAR, steps=5, change=paint)
    assert seen == sampling_times(10, 5)[1:] and (out[..., :3] == 0.25).all() and (out[..., 3:] != 0.25).all()


def test_guidance_goes_from_no_class_beyond_the_class():
    net, x = Ideal(torch.zeros(6), torch.ones(6), ALPHA_BAR), noise_of((2, 1, 4, 6), 10)
    labels, t = torch.tensor([1, 3]), torch.tensor(5)
    without, with_class = net(x, t, None), net(x, t, labels)
    for scale, expected in ((0, without), (1, with_class), (3, 3 * with_class - 2 * without)):
        torch.testing.assert_close(guided_noise(net, x, t, labels, scale), expected)
    assert torch.equal(guided_noise(net, x, t, None, 3), without)


# ---- the network -----------------------------------------------------------------------------------------------------

def test_the_network_begins_at_zero_and_takes_sizes_that_divide_by_four():
    set_seed(0)
    net, cut = DiffusionUNet(), DiffusionUNet(skips=False)
    assert sum(p.numel() for p in net.parameters()) == 455_204
    x, t, labels = noise_of((3, 1, 8, 12), 11), torch.tensor([1, 500, 1000]), torch.tensor([0, 9, 10])
    assert net(x, t, labels).shape == cut(x, t, labels).shape == x.shape
    assert net(x, t, labels).abs().max() == 0
    assert noise_loss(net, x.expand(3, 1, 8, 12), labels, cosine_schedule()).item() == pytest.approx(1, abs=0.4)


def test_the_network_is_told_the_time_and_the_class():
    set_seed(0)
    net = load_weights(DiffusionUNet(), "diffusion")
    x, t, labels = noise_of((2, 1, 16, 16), 12), torch.tensor([300, 300]), torch.tensor([3, 3])
    with torch.no_grad():
        out = net(x, t, labels)
        assert not torch.allclose(out, net(x, t + 400, labels), atol=0.01)
        assert not torch.allclose(out, net(x, t, labels + 1), atol=0.01)
        torch.testing.assert_close(net(x, t, labels * 0 + 10), net(x, t, None))
        torch.testing.assert_close(net(x, t[0], labels), out)


def test_a_block_begins_as_its_shortcut():
    block, x = DiffusionBlock(8, 8, 5), noise_of((2, 8, 5, 3), 13)
    torch.testing.assert_close(block(x, noise_of((2, 5), 14)), x)
    assert DiffusionBlock(8, 16, 5)(x, noise_of((2, 5), 14)).shape == (2, 16, 5, 3)


def test_the_weights_of_the_course_draw_digits():
    net, labels = load_weights(DiffusionUNet(), "diffusion"), torch.arange(1000) % 10
    samples = ddim(net, noise_of((1000, 1, 16, 16), 0), cosine_schedule(), labels, scale=2, steps=10)
    scores = digit_scores((samples + 1) / 2)
    assert scores["confident"] > 0.85 and scores["entropy"] > 0.97 and scores["distance"] < 40


# function, arguments, keywords, what the message must hold
X, NET = torch.zeros(2, 1, 8, 8), DiffusionUNet()
BAD = [
    (linear_schedule, (0,), {}, "linear_schedule: steps must be at least 1, got 0"),
    (linear_schedule, (5, -0.1), {}, "linear_schedule: first must be from 0 to 1, got -0.1"),
    (cosine_schedule, (2.5,), {}, "cosine_schedule: steps must be an int, got 2.5"),
    (cosine_schedule, (5,), {"largest": 2}, "cosine_schedule: largest must be from 0 to 1, got 2"),
    (add_noise, (X, 1, X[:1], ALPHA_BAR), {}, r"add_noise: noise must have the shape of images, \(2, 1, 8, 8\)"),
    (add_noise, (X, 11, X, ALPHA_BAR), {}, "add_noise: t must be from 0 to 10, got 11 to 11"),
    (add_noise, (X, 0.5, X, ALPHA_BAR), {}, "add_noise: t must be an int or 2 ints, one for each image, got"),
    (add_noise, (X, torch.zeros(3).long(), X, ALPHA_BAR), {}, "add_noise: t must be an int or 2 ints"),
    (add_noise, (X.numpy(), 1, X, ALPHA_BAR), {}, "add_noise: images must be a tensor of floats, got ndarray"),
    (predict_image, (X, X, 1, ALPHA_BAR[None]), {}, r"alpha_bar must be \(T \+ 1,\), got shape \(1, 11\)"),
    (predict_image, (X, X, -1, ALPHA_BAR), {}, "predict_image: t must be from 0 to 10, got -1 to -1"),
    (ddpm_step, (X, X, 3, 3, ALPHA_BAR, X), {}, "ddpm_step: s must be before t, got 3 and 3"),
    (ddpm_step, (X, X[:1], 3, 2, ALPHA_BAR, X), {}, r"ddpm_step: noise must have the shape of x, \(2, 1, 8, 8\)"),
    (ddim_step, (X, X, 3, 4, ALPHA_BAR), {}, "ddim_step: s must be before t, got 4 and 3"),
    (ddim_step, (X, X.long(), 3, 2, ALPHA_BAR), {}, "ddim_step: noise must be a tensor of floats"),
    (guided_noise, (None, X, 1), {}, "guided_noise: net must be an nn.Module, got NoneType"),
    (guided_noise, (NET, X, 1, None, "2"), {}, "guided_noise: scale must be a number, got '2'"),
    (sampling_times, (10, 11), {}, "sampling_times: steps must be at most 10, got 11"),
    (sampling_times, (10, 0), {}, "sampling_times: steps must be at least 1, got 0"),
    (ddpm, (NET, X.long(), ALPHA_BAR), {}, "ddpm: noise must be a tensor of floats"),
    (ddpm, (NET, X, ALPHA_BAR), {"steps": 11}, "sampling_times: steps must be at most 10, got 11"),
    (ddim, (NET, X, [1.0]), {}, "ddim: alpha_bar must be a tensor of floats, got list"),
    (ddim, (NET, X, ALPHA_BAR), {"steps": 0}, "ddim: steps must be at least 1, got 0"),
    (DiffusionBlock, (12, 8, 5), {}, "DiffusionBlock: in_channels must divide by groups, got in_channels 12"),
    (DiffusionBlock, (8, 8, 0), {}, "DiffusionBlock: features must be at least 1, got 0"),
    (DiffusionBlock(8, 8, 5), (X, torch.zeros(2, 5)), {}, r"DiffusionBlock: input must be \(N, 8, H, W\)"),
    (DiffusionUNet, (0,), {}, "DiffusionUNet: num_classes must be at least 1, got 0"),
    (DiffusionUNet, (10, (32,)), {}, r"DiffusionUNet: widths must be two numbers of channels, got \(32,\)"),
    (NET, (torch.zeros(2, 1, 8, 10), torch.tensor(1)), {}, "DiffusionUNet: H and W of the input must be multiples of"),
    (NET, (torch.zeros(2, 3, 8, 8), torch.tensor(1)), {}, r"DiffusionUNet: input must be \(N, 1, H, W\)"),
    (noise_loss, (NET, X, torch.zeros(2).long(), ALPHA_BAR), {"drop": 1.5}, "noise_loss: drop must be from 0 to 1"),
    (noise_loss, (NET, X.byte(), torch.zeros(2).long(), ALPHA_BAR), {}, "images must be a tensor of floats"),
]


def test_the_dial_of_the_page_makes_the_larger_digits():
    page = nbformat.read(ROOT / "chapters" / "week5_generative" / "diffusion.ipynb", 4)
    names = {"loss": {}}
    for begins, ends in (("import ", None), ("class LinearFilter", None),
                         ("@torch.no_grad()\ndef loss_of", "\nnoise = "), ("presets = ", "\nassert loss[")):
        cell, = [cell.source for cell in page.cells if cell.source.startswith(begins)]
        cell = cell.split(ends)[0] if ends else cell
        exec(cell.replace('presets["page"]', 'presets["long"] | {"steps": 2, "widths": (8, 16)}'), names)
    assert names["images"].shape == (4000, 1, 28, 28) and len(names["history"]) == 2
    assert names["small"].stem[1].out_channels == 8 and 0 < names["loss"]["half a minute"] < 2
