"""Image translation: what a PatchGAN sees against week 2's formula, the losses written out, steps by hand."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlib.generative import translation
from cnnlib.geometry import receptive_field
from cnnlib.testing import assert_close
from cnnlib.training import set_seed

images = torch.rand(6, 1, 8, 12, generator=torch.Generator().manual_seed(0))
others = torch.rand(5, 1, 8, 12, generator=torch.Generator().manual_seed(1))
net = nn.Conv2d(1, 1, 3, padding=1)


class Half(nn.Module):
    def forward(self, x):
        return x / 2


BAD = [
    (translation.PatchDiscriminator, (0,), {}, "PatchDiscriminator: channels must be at least 1, got 0"),
    (translation.PatchDiscriminator, (1, 8, -1), {}, "PatchDiscriminator: strided must be at least 0, got -1"),
    (translation.PatchDiscriminator, (), {"norm": "layer"}, 'norm must be .*, got \'layer\''),
    (translation.PatchDiscriminator(2), (images,), {}, r"PatchDiscriminator: input must be \(N, 2, H, W\)"),
    (translation.Pix2PixGenerator, (1, 0), {}, "Pix2PixGenerator: width must be at least 1, got 0"),
    (translation.Pix2PixGenerator(), (torch.rand(1, 1, 6, 8),), {}, "Pix2PixGenerator: .*multiples of 4"),
    (translation.CycleGenerator, (1, 8, -1), {}, "CycleGenerator: blocks must be at least 0, got -1"),
    (translation.CycleGenerator(), (torch.rand(1, 1, 7, 8),), {}, "CycleGenerator: .*multiples of 2"),
    (translation.cycle_loss, (net, None, images), {}, "cycle_loss: back must be an nn.Module, got NoneType"),
    (translation.cycle_loss, (net, net, [1.0]), {}, "cycle_loss: images must be a tensor of floats, got list"),
    (translation.identity_loss, (net, torch.arange(3)), {}, "identity_loss: images must be a tensor of floats"),
    (translation.train_pix2pix, (net, net, images, others, 3), {}, "must be pairs, got 6 and 5"),
    (translation.train_pix2pix, (net, net, images, images, 0), {}, "train_pix2pix: steps must be at least 1, got 0"),
    (translation.train_pix2pix, (net, net, images, images, 3), {"l1": -1.0}, "train_pix2pix: l1 must be at least 0"),
    (translation.train_cyclegan, (net, net, net, net, images, others[:0], 3), {}, "must have images, got 6 and 0"),
    (translation.train_cyclegan, (net, net, net, net, images, others, 3), {"cycle": -1.0}, "cycle must be at least 0"),
]


@pytest.mark.parametrize("strided", [0, 1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1])
def test_a_logit_sees_9_times_2_to_the_n_minus_2_pixels(strided, padding):
    judge = translation.PatchDiscriminator(1, 2, strided, padding, norm=None)
    field = 9 * 2**strided - 2
    assert receptive_field(judge).receptive_field.iloc[-1] == field
    height, width = field + 3 * 2**strided, field + 5 * 2**strided
    x = torch.rand(1, 1, height, width, requires_grad=True)
    y = judge(x)
    if not padding:
        assert y.shape == (1, 1, 4, 6)
    slope, = torch.autograd.grad(y[0, 0, y.shape[2] // 2, y.shape[3] // 2], x)
    rows, columns = slope[0, 0].abs().sum(1) > 0, slope[0, 0].abs().sum(0) > 0
    assert rows.sum() <= field and columns.sum() <= field
    assert padding or rows.sum() == columns.sum() == field


@pytest.mark.parametrize("norm", ["spectral", "batch", "instance", None])
def test_norms(norm):
    judge = translation.PatchDiscriminator(2, 4, 2, norm=norm)
    convs = [layer for layer in judge if isinstance(layer, nn.Conv2d)]
    assert [conv.out_channels for conv in convs] == [4, 8, 16, 1] and [c.stride[0] for c in convs] == [2, 2, 1, 1]
    assert sum(isinstance(x, (nn.BatchNorm2d, nn.InstanceNorm2d)) for x in judge) == (norm in ("batch", "instance")) * 2
    assert all(hasattr(conv, "parametrizations") == (norm == "spectral") for conv in convs)
    assert judge(torch.rand(3, 2, 16, 24)).shape == (3, 1, 2, 4)


def test_generators_keep_the_size_and_the_range():
    for make in (translation.Pix2PixGenerator, translation.CycleGenerator):
        made = make(1, 4)(images)
        assert made.shape == images.shape and made.min() > 0 and made.max() < 1


def test_cycle_and_identity_loss():
    assert_close(translation.cycle_loss(Half(), Half(), images), (0.75 * images).mean())
    assert_close(translation.identity_loss(Half(), images), (0.5 * images).mean())


def test_a_step_of_pix2pix_by_hand():
    def pair():
        set_seed(3)
        return nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(2, 1, 3)
    g, d = pair()
    table = translation.train_pix2pix(g, d, images, images.flip(3), 1, l1=7.0, batch_size=4, seed=2)
    G, D = pair()
    rows = torch.randint(6, (4,), generator=torch.Generator().manual_seed(2))
    x, y = images[rows], images.flip(3)[rows]
    of_g, of_d = (torch.optim.Adam(n.parameters(), 1e-3, (0.5, 0.999)) for n in (G, D))
    made = G(x)
    loss = F.relu(1 - D(torch.cat([x, y], 1))).mean() + F.relu(1 + D(torch.cat([x, made.detach()], 1))).mean()
    loss.backward()
    of_d.step()
    of_g.zero_grad()
    (-D(torch.cat([x, made], 1)).mean() + 7 * (made - y).abs().mean()).backward()
    of_g.step()
    assert_close(g.weight.detach(), G.weight.detach(), 1e-6)
    assert_close(d.weight.detach(), D.weight.detach(), 1e-6)
    assert list(table.columns) == ["step", "generator", "discriminator", "l1"]
    assert all(p.requires_grad for p in d.parameters())


def test_a_step_of_cyclegan_by_hand():
    def four():
        set_seed(3)
        return [nn.Conv2d(1, 1, 3, padding=1) for _ in range(4)]
    nets = four()
    table = translation.train_cyclegan(*nets, images, others, 1, cycle=3.0, identity=2.0, batch_size=4, seed=5)
    forth, back, at_a, at_b = four()
    chance = torch.Generator().manual_seed(5)
    x, y = (all_[torch.randint(len(all_), (4,), generator=chance)] for all_ in (images, others))
    of_g = torch.optim.Adam([*forth.parameters(), *back.parameters()], 1e-3, (0.5, 0.999))
    of_d = torch.optim.Adam([*at_a.parameters(), *at_b.parameters()], 1e-3, (0.5, 0.999))
    made_b, made_a = forth(x), back(y)
    sum(F.relu(1 - judge(real)).mean() + F.relu(1 + judge(made.detach())).mean()
        for judge, real, made in ((at_a, x, made_a), (at_b, y, made_b))).backward()
    of_d.step()
    of_g.zero_grad()
    around = (back(made_b) - x).abs().mean() + (forth(made_a) - y).abs().mean()
    same = (forth(y) - y).abs().mean() + (back(x) - x).abs().mean()
    (-at_b(made_b).mean() - at_a(made_a).mean() + 3 * around + 2 * same).backward()
    of_g.step()
    for ours, theirs in zip(nets, (forth, back, at_a, at_b), strict=True):
        assert_close(ours.weight.detach(), theirs.weight.detach(), 1e-6)
    assert_close(table.cycle.iloc[0], around.item(), 1e-5)


def test_without_the_adversarial_term_no_discriminator_moves():
    g, d = nn.Conv2d(1, 1, 1), nn.Conv2d(2, 1, 1)
    before = d.weight.clone()
    table = translation.train_pix2pix(g, d, images, 0.5 * images, 300, adversarial=0.0, lr=0.03)
    assert torch.equal(d.weight, before) and table.l1.iloc[-1] < 0.03 < table.l1.iloc[0]
