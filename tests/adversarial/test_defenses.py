"""Defences: the loop against plain training and against steps by hand, both wrappers against their formulas, and each
symptom on a network built to have it, and absent on one without."""

import torch
import torch.nn.functional as F
from torch import nn

from cnnlib import adversarial
from cnnlib.adversarial import BPDA, EOT, StridedCNN, adversarial_fit, fgsm, margin, masking_symptoms, pgd
from cnnlib.testing import assert_close
from cnnlib.training import one_cycle, set_seed, train

chance = torch.Generator().manual_seed(0)
x = torch.rand(24, 2, 5, 7, generator=chance)
y = torch.randint(3, (24,), generator=chance)


def linear(scale=1.0, *first):
    set_seed(3)
    net = nn.Sequential(*first, nn.Flatten(), nn.Linear(70, 3))
    with torch.no_grad():                                                # no class is the answer to most images
        net[-1].bias -= net[-1](x.flatten(1)).mean(0)
        net[-1].weight *= scale
        net[-1].bias *= scale
    return net


def quantize(images, levels=4):
    return (images * (levels - 1)).round() / (levels - 1)


honest = linear()
labels = honest(x).argmax(1)

BAD = [
    (StridedCNN, (0,), {}, "StridedCNN: width must be at least 1, got 0"),
    (StridedCNN(), (torch.zeros(2, 1, 28, 27),), {}, r"StridedCNN: input must be \(N, 1, 28, 28\), got shape"),
    (adversarial_fit, (None, x, y, 0.1), {}, "adversarial_fit: net must be an nn.Module, got NoneType"),
    (adversarial_fit, (honest, x, y, -0.1), {}, "adversarial_fit: eps must be at least 0, got -0.1"),
    (adversarial_fit, (honest, x, y, 0.1), {"steps": 0}, "adversarial_fit: steps must be at least 1, got 0"),
    (adversarial_fit, (honest, x, y, 0.1), {"attack_steps": -1}, "attack_steps must be at least 0, got -1"),
    (adversarial_fit, (honest, x, y, 0.1), {"step_size": 0}, "step_size must be a number above 0, got 0"),
    (adversarial_fit, (honest, x, y, 0.1), {"warmup": 1.5}, "warmup must be from 0 to 1, got 1.5"),
    (adversarial_fit, (honest, x, y[:5], 0.1), {}, "data must have one length of at least 1"),
    (adversarial_fit, (honest, 2 * x, y, 0.1), {}, r"x must lie in \[0, 1\]"),
    (BPDA, (3,), {}, "BPDA: transform must be"),
    (BPDA(quantize), ([1.0],), {}, "x must be a tensor of floats, got list"),
    (BPDA(lambda images: images[:1]), (x,), {}, r"BPDA: transform must give a tensor of shape \(24, 2, 5, 7\), got"),
    (BPDA(lambda images: None), (x,), {}, r"BPDA: transform must give a tensor of shape .*, got NoneType"),
    (EOT, (len, quantize), {}, "EOT: net must be an nn.Module, got builtin_function_or_method"),
    (EOT, (honest, None), {}, "EOT: transform must be"),
    (EOT, (honest, quantize, 0), {}, "EOT: draws must be at least 1, got 0"),
    (EOT, (honest, quantize), {"seed": -1}, "EOT: seed must be at least 0, got -1"),
    (masking_symptoms, (honest, x[0], y, 0.1), {}, r"x must be \(N, C, H, W\) with N ≥ 1, got \(2, 5"),
    (masking_symptoms, (honest, 3 * x, y, 0.1), {}, r"masking_symptoms: x must lie in \[0, 1\], got"),
    (masking_symptoms, (honest, x, y, 0), {}, "masking_symptoms: eps must be a number above 0, got 0"),
    (masking_symptoms, (honest, x, y, 0.1), {"surrogate": 3}, "surrogate must be an nn.Module, got int"),
    (masking_symptoms, (honest, x, y, 0.1), {"queries": 0}, "queries must be at least 1, got 0"),
    (masking_symptoms, (honest, x, y, 0.1), {"tolerance": 2}, "tolerance must be from 0 to 1, got 2"),
    (masking_symptoms, (honest, x, y[:3], 0.1), {}, r"labels must be \(24,\)"),
]


# ---- adversarial training --------------------------------------------------------------------------------------------

def trained(eps=0.2, **options):
    net = linear()
    table = adversarial_fit(net, x, y, eps, **({"steps": 8, "batch_size": 10, "seed": 5} | options))
    return net[-1].weight.detach(), table


def test_without_an_attack_it_is_plain_training_to_the_last_bit():
    net = linear()
    table = train(lambda batch: F.cross_entropy(net(batch[0]), batch[1]), (x, y),
                  torch.optim.Adam(net.parameters(), 3e-3), steps=8, batch_size=10, seed=5, schedule=one_cycle)
    for options in ({"attack_steps": 0}, {"eps": 0}):
        weight, ours = trained(**options)
        assert torch.equal(weight, net[-1].weight)
        assert_close(ours.loss.to_numpy(), table.loss.to_numpy(), 0)


def test_the_seed_decides_everything():
    assert torch.equal(trained()[0], trained()[0])
    assert not torch.equal(trained()[0], trained(seed=6)[0])


def test_eps_warms_up_on_a_line(monkeypatch):
    seen = []

    def watched(net, images, labels, eps, **options):
        seen.append((eps, options["step_size"], options["seed"], options["steps"]))
        return pgd(net, images, labels, eps, **options)

    monkeypatch.setattr(adversarial.defenses, "pgd", watched)
    trained(0.4, warmup=0.5, attack_steps=2)
    assert_close([eps for eps, *_ in seen], [0.1, 0.2, 0.3, 0.4, 0.4, 0.4, 0.4, 0.4], 1e-12)
    assert_close([length for _, length, *_ in seen], [1.25 * eps for eps, *_ in seen], 1e-12)
    assert len({seed for *_, seed, _ in seen}) == 8 and {steps for *_, steps in seen} == {2}
    seen.clear()
    trained(0.4, warmup=0, attack_steps=1, step_size=1.25)
    assert_close([eps for eps, *_ in seen], [0.4] * 8, 0)
    assert_close([length for _, length, *_ in seen], [0.5] * 8, 1e-12)


def test_a_step_by_hand():
    """Attack, zero the gradients, one step of Adam: the attack leaves nothing in them."""
    net = linear()
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    one_cycle(optimizer, 1)
    pgd(net, x, y, 0.2, steps=3, step_size=0.2 * 2.5 / 3, seed=6)
    bad = pgd(net, x, y, 0.2, steps=3, step_size=0.2 * 2.5 / 3, seed=6)
    F.cross_entropy(net(bad), y).backward()
    optimizer.step()
    weight, table = trained(steps=1, batch_size=24, attack_steps=3, warmup=0)
    assert_close(weight, net[-1].weight.detach(), 1e-6)


def test_the_network_is_attacked_in_evaluation_mode_and_trained_in_training_mode():
    net, seen = linear(1.0, nn.Dropout(0.5)), []
    net[0].register_forward_hook(lambda layer, *_: seen.append(layer.training))
    adversarial_fit(net.train(), x, y, 0.2, steps=2, attack_steps=1, batch_size=24)
    assert seen[-1] and False in seen and seen.count(True) == 2 and net.training


def test_it_helps_where_it_must():
    """Of two pixels that tell the class, one by less than ε, adversarial training leaves that one."""
    chance = torch.Generator().manual_seed(1)
    labels = torch.arange(400) % 2
    sign = 2.0 * labels[:, None] - 1
    images = 0.5 + sign * torch.tensor([0.05, 0.3]) + torch.randn(400, 2, generator=chance) * torch.tensor([0.0, 0.05])
    weights = {}
    for eps in (0.0, 0.1):
        set_seed(0)
        net = nn.Linear(2, 2)
        adversarial_fit(net, images.clamp(0, 1), labels, eps, steps=300, lr=0.1, warmup=0.3)
        weights[eps] = (net.weight[1] - net.weight[0]).abs().detach()
    assert weights[0.1][0] < 0.1 * weights[0.0][0] and weights[0.1][1] > 1


# ---- wrappers --------------------------------------------------------------------------------------------------------

def test_bpda_gives_the_transform_and_the_gradient_as_it_comes():
    images = x.double().requires_grad_()
    out = BPDA(quantize)(images)
    assert torch.equal(out, quantize(images.detach()))
    grad_output = torch.randn_like(out)
    out.backward(grad_output)
    assert torch.equal(images.grad, grad_output)


def test_bpda_makes_an_attack_possible_that_rounding_stops():
    plain, seen = nn.Sequential(*linear()), x.round()
    answers = plain(quantize(seen)).argmax(1)
    rounded = nn.Sequential(BPDA(quantize), *plain)
    assert_close(fgsm(rounded, seen, answers, 0.3), fgsm(plain, seen, answers, 0.3), 0)
    moved = fgsm(rounded, seen, answers, 0.3)
    assert (margin(rounded(moved), answers) < margin(rounded(seen), answers) - 0.1).all()


def test_bpda_keeps_an_identity_an_identity_and_leaves_its_input():
    before, images = x.clone(), x.clone()
    out = BPDA(lambda images: images)(images)
    out += 1
    assert torch.equal(images, before)


def roll(images, chance):
    return images.roll(int(torch.randint(7, (1,), generator=chance)), 3)


def test_eot_is_the_mean_over_draws_and_over_their_gradients():
    net, images = linear().double(), x.double().requires_grad_()
    logits = EOT(net, roll, 5, seed=4)(images)
    chance = torch.Generator().manual_seed(4)
    shifts = [int(torch.randint(7, (1,), generator=chance)) for _ in range(5)]
    assert len(set(shifts)) > 1
    assert_close(logits, torch.stack([net(images.roll(s, 3)) for s in shifts]).mean(0), 1e-12)
    slope, = torch.autograd.grad(logits[:, 0].sum(), images)
    weight = net[-1].weight[0].reshape(2, 5, 7)
    wanted = torch.stack([weight.roll(-s, 2) for s in shifts]).mean(0)
    assert_close(slope, wanted.expand_as(slope), 1e-12)


def test_eot_draws_anew_at_each_call_and_the_same_from_the_same_seed():
    def noisy(images, chance):
        return images + torch.randn(images.shape, generator=chance)

    one, two = EOT(honest, noisy, 3, seed=1), EOT(honest, noisy, 3, seed=1)
    first, second = one(x), one(x)
    assert torch.equal(first, two(x)) and torch.equal(second, two(x)) and not torch.equal(first, second)
    assert not torch.equal(first, EOT(honest, noisy, 3, seed=2)(x))
    many = EOT(honest, noisy, 2000)(x)
    assert (many - honest(x)).abs().max() < 0.15                    # one draw strays by about 1, the mean by 1/√2000


# ---- symptoms --------------------------------------------------------------------------------------------------------

class OnGrid(nn.Module):
    """Rounds to quarters; its gradient is the identity where x lies on the grid, and 0 elsewhere."""

    def forward(self, images):
        rounded = (images * 4).round() / 4
        return rounded.detach() + torch.where(images == rounded, images - images.detach(), 0 * images)


class Rounds(nn.Module):
    def forward(self, images):
        return quantize(images, 6)


def found(net, images=x, eps=0.3, **options):
    table = masking_symptoms(net, images, labels=net_labels(net, images), eps=eps, steps=10, **options)
    assert list(table.columns) == ["share", "limit", "found"] and table.index.name == "symptom"
    assert table.share.between(0, 1).all() and (table.found == (table.share > table.limit)).all()
    return {name for name, seen in table.found.items() if seen}


def net_labels(net, images):
    with torch.no_grad():
        return net(images).argmax(1)


def test_an_honest_network_shows_none():
    other = linear()
    with torch.no_grad():
        other[-1].weight += 0.01 * torch.randn(3, 70, generator=torch.Generator().manual_seed(2))
    assert found(honest, surrogate=other) == set()
    assert len(masking_symptoms(honest, x, labels, 0.3, steps=3, queries=3)) == 6


def test_saturated_logits():
    symptoms = found(linear(1e5), surrogate=honest)
    assert symptoms == {"gradient is zero", "stands ε = 0.5", "by random squares", "by the margin", "by transfer"}


def test_rounding_hides_the_margins_gradient_too():
    assert found(linear(1.0, Rounds()), surrogate=honest) == {
        "gradient is zero", "stands ε = 0.5", "by random squares", "by transfer"}


def test_a_gradient_only_at_the_images_themselves():
    symptoms = found(linear(1.0, OnGrid()), (x * 4).round() / 4)
    assert "by one step" in symptoms and "gradient is zero" not in symptoms


def test_a_gradient_that_points_elsewhere():
    """The backward pass leads the wrong way: not zero, and yet useless."""
    class Turned(nn.Module):
        def forward(self, images):
            return 2 * images.detach() - images

    symptoms = found(linear(1.0, Turned()), surrogate=honest)
    assert symptoms == {"stands ε = 0.5", "by random squares", "by transfer"}


def test_chance_in_the_answers():
    def noisy(images, chance):
        return images + 0.01 * torch.randn(images.shape, generator=chance)

    assert found(EOT(linear(), noisy, 1)) == {"logits change"}


def test_a_graph_that_is_cut():
    class Cut(nn.Module):
        def forward(self, images):
            return images.detach() + 0 * images

    assert "gradient is zero" in found(linear(1.0, Cut()))


def test_symptoms_count_images_one_by_one():
    net, images = linear(), x.clone()
    table = masking_symptoms(net, images, labels, 1e-6, steps=2, queries=5)        # nothing is fooled, all is honest
    assert table.share["by one step"] == table.share["by random squares"] == 0 and torch.equal(images, x)
    wrong = (labels + 1) % 3                                                        # nothing is right to begin with
    assert (masking_symptoms(net, x, wrong, 0.3, steps=2, queries=5).share == 0).all()


def test_the_network_is_left_as_it_was():
    net = linear(1.0, nn.Dropout(0.4)).train()
    surrogate = linear().eval()
    net[-1].weight.grad = torch.ones_like(net[-1].weight)
    masking_symptoms(net, x, y, 0.1, surrogate=surrogate, steps=2, queries=3)
    assert net.training and net[0].training and not surrogate.training
    assert torch.equal(net[-1].weight.grad, torch.ones_like(net[-1].weight)) and net[-1].bias.grad is None
    assert all(parameter.grad is None for parameter in surrogate.parameters())
