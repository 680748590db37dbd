"""Attacks: what holds for each of them on nets of any kind, and where a formula is known, that formula."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats
from scipy.optimize import lsq_linear
from torch import nn

from cnnlib.adversarial import attacks
from cnnlib.testing import assert_close
from cnnlib.training import set_seed

net, x, y = nn.Sequential(nn.Flatten(), nn.Linear(15, 4)), torch.rand(2, 1, 3, 5), torch.tensor([3, 0])
grey = torch.full((2, 1, 3, 5), 1.5)

BAD = [
    (attacks.project, (x, x[:1], 0.1), {}, r"project: x and center must have one shape \(N, …\), got"),
    (attacks.project, (x, x, -0.1), {}, "project: eps must be at least 0, got -0.1"),
    (attacks.project, (x, x, 0.1, "1"), {}, 'project: norm must be "inf" or "2", got \'1\''),
    (attacks.project, (x.numpy(), x, 0.1), {}, "project: x must be a tensor of floats, got ndarray"),
    (attacks.random_start, (x, -1), {}, "random_start: eps must be at least 0, got -1"),
    (attacks.random_start, (x, 0.1, "2", -1), {}, "random_start: seed must be at least 0, got -1"),
    (attacks.margin, (torch.zeros(2, 1), torch.tensor([0, 0])), {}, r"at least 2 classes, got shape \(2, 1\)"),
    (attacks.margin, (torch.zeros(2, 3), torch.tensor([0, 3])), {}, "margin: labels must be from 0 to 2, got 0 … 3"),
    (attacks.margin, (torch.zeros(2, 3), torch.tensor([0])), {}, r"margin: labels must be \(2,\) class numbers"),
    (attacks.fgsm, (F.relu, x, y, 0.1), {}, "fgsm: net must be an nn.Module, got function"),
    (attacks.fgsm, (net, grey, y, 0.1), {}, r"fgsm: x must lie in \[0, 1\], got 1.5 … 1.5"),
    (attacks.fgsm, (net, x, y[:1], 0.1), {}, r"fgsm: labels must be \(2,\) class numbers, one for each image"),
    (attacks.fgsm, (net, x, y.float(), 0.1), {}, "class numbers, one for each image, got torch.float32"),
    (attacks.fgsm, (net, x, y + 1, 0.1), {}, "fgsm: labels must be from 0 to 3, got 1 … 4"),
    (attacks.fgsm, (net, x, y, 0.1), {"loss": "mse"}, 'fgsm: loss must be "cross_entropy" or "margin", got \'mse\''),
    (attacks.fgsm, (nn.Identity(), x, y, 0.1), {}, r"fgsm: logits must be \(N, classes\) of at least 2 classes, got"),
    (attacks.pgd, (net, x, y, 0.1), {"steps": 0}, "pgd: steps must be at least 1, got 0"),
    (attacks.pgd, (net, x, y, 0.1), {"step_size": 0}, "pgd: step_size"),
    (attacks.pgd, (net, x, y, 0.1), {"start": "zero"}, 'pgd: start must be "random" or "image", got \'zero\''),
    (attacks.pgd, (net, x, y - 1, 0.1), {}, "pgd: labels must be from 0 to 3, got -1 … 2"),
    (attacks.pgd, (net, x[:0], y[:0], 0.1), {}, r"pgd: x must be \(N, …\) with N ≥ 1, got shape \(0, 1, 3, 5\)"),
    (attacks.carlini_wagner, (net, x, y), {"confidence": -1}, "carlini_wagner: confidence must be at least 0, got -1"),
    (attacks.carlini_wagner, (net, x, y), {"c": 0}, "carlini_wagner: c"),
    (attacks.carlini_wagner, (net, x, y + 1), {}, "carlini_wagner: labels must be from 0 to 3, got 1 … 4"),
    (attacks.carlini_wagner, (net, grey, y), {}, r"carlini_wagner: x must lie in \[0, 1\], got 1.5 … 1.5"),
    (attacks.robust_accuracy, (net, x, y[:1]), {}, r"robust_accuracy: labels must be \(2,\) class numbers"),
    (attacks.robust_accuracy, (net, x, y, lambda net, x, y: x[:1]), {}, r"attack must return images of shape"),
]


# ---- what holds for every attack -------------------------------------------------------------------------------------

ATTACKS = {
    "fgsm": (attacks.fgsm, {}, "inf"),
    "fgsm, targeted, margin": (attacks.fgsm, {"targeted": True, "loss": "margin"}, "inf"),
    "pgd": (attacks.pgd, {"steps": 3, "restarts": 2}, "inf"),
    "pgd, from the image, long steps": (attacks.pgd, {"steps": 3, "start": "image", "step_size": 0.7}, "inf"),
    "pgd, L2": (attacks.pgd, {"steps": 3, "norm": "2", "restarts": 2}, "2"),
    "pgd, L2, targeted, long steps": (attacks.pgd, {"steps": 3, "norm": "2", "targeted": True, "step_size": 3.0}, "2"),
    "random start": (lambda net, x, y, eps: attacks.random_start(x, eps), {}, "inf"),
    "random start, L2": (lambda net, x, y, eps: attacks.random_start(x, eps, "2"), {}, "2"),
    "carlini_wagner": (lambda net, x, y, eps: attacks.carlini_wagner(net, x, y, searches=2, steps=4), {}, None),
}


def with_norm_and_dropout(channels, height, width, classes):
    """A net in mixed modes: batch norm trains, dropout does not, and its weights hold gradients."""
    net = nn.Sequential(nn.Conv2d(channels, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(),
                        nn.Dropout(0.5), nn.Linear(6 * height * width, classes)).train()
    net[4].eval()
    net[0].weight.grad = torch.full_like(net[0].weight, 7.0)
    return net


@pytest.mark.parametrize("eps", [0, 0.03, 0.5])
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_stays_where_it_may_and_leaves_everything_as_it_was(attack, eps):
    run, options, norm = ATTACKS[attack]
    rng = np.random.default_rng(len(attack))
    for turn in range(3):
        channels, height, width, classes = (int(rng.integers(low, high)) for low, high in
                                            ((1, 4), (3, 8), (3, 8), (2, 6)))
        set_seed(turn)
        net = with_norm_and_dropout(channels, height, width + 1, classes)
        images = torch.rand(5, channels, height, width + 1)
        images[0], images[1] = 0, 1                                          # where only one direction is left
        given, labels = images.clone(), torch.randint(classes, (5,))
        before = {key: value.clone() for key, value in net.state_dict().items()}
        modes = [module.training for module in net.modules()]
        with torch.no_grad():                                                # as who evaluates may have it
            found = run(net, images, labels, eps, **options)

        assert found.shape == images.shape and found.dtype == images.dtype and not found.requires_grad
        assert 0 <= found.min() and found.max() <= 1
        delta = (found - images).flatten(1)
        if norm == "inf":
            assert delta.abs().max() <= eps + 1e-6
        elif norm == "2":
            assert delta.norm(dim=1).max() <= eps + 1e-6
        assert torch.equal(images, given)
        assert modes == [module.training for module in net.modules()]
        assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
        assert (net[0].weight.grad == 7).all() and all(p.grad is None for p in list(net.parameters())[1:])


@pytest.mark.parametrize("attack", [attacks.fgsm, attacks.pgd])
def test_nothing_is_changed_by_eps_0(attack):
    assert_close(attack(net, x, y, 0), x, 1e-7)


# ---- the ball --------------------------------------------------------------------------------------------------------

def test_inf_is_the_nearest_point_of_both_sets():
    """Against SciPy's search in a box."""
    center, far = torch.rand(1, 6, dtype=torch.float64), torch.randn(1, 6, dtype=torch.float64) * 2
    low, high = np.maximum(center.numpy() - 0.2, 0)[0], np.minimum(center.numpy() + 0.2, 1)[0]
    assert_close(attacks.project(far, center, 0.2)[0], lsq_linear(np.eye(6), far.numpy()[0], (low, high)).x, 1e-6)


def test_2_is_the_ball_of_each_image_and_moves_none_that_is_inside():
    center = torch.full((4, 2, 3, 1), 0.5, dtype=torch.float64)
    delta = torch.randn(4, 2, 3, 1, dtype=torch.float64) * torch.tensor([1e-3, 0.01, 3, 40]).reshape(4, 1, 1, 1)
    found = attacks.project(center + delta, center, 0.3, "2") - center
    assert_close(found[:2], delta[:2], 1e-12)
    assert_close(found[2:].flatten(1).norm(dim=1), torch.full((2,), 0.3), 1e-7)
    assert_close(F.cosine_similarity(found.flatten(1), delta.flatten(1)), torch.ones(4), 1e-12)


@pytest.mark.parametrize("norm", ["inf", "2"])
def test_a_second_projection_changes_nothing(norm):
    center, far = torch.rand(5, 3, 4), torch.randn(5, 3, 4) * 3
    once = attacks.project(far, center, 0.7, norm)
    assert_close(attacks.project(once, center, 0.7, norm), once, 1e-6)


@pytest.mark.parametrize("d", [1, 2, 50])
def test_the_start_in_the_ball_of_2_has_any_length_and_direction(d):
    """Its length is uniform, also in many dimensions, and so is the angle in two."""
    middle = torch.full((4000, d), 0.5, dtype=torch.float64)
    delta = (attacks.random_start(middle, 0.4, "2", seed=d) - middle) / 0.4
    assert stats.kstest(delta.norm(dim=1).numpy(), "uniform").pvalue > 1e-3
    assert delta.mean(0).abs().max() < 0.06
    if d == 2:
        angle = torch.atan2(delta[:, 1], delta[:, 0]).numpy() / (2 * np.pi) + 0.5
        assert stats.kstest(angle, "uniform").pvalue > 1e-3


def test_the_start_is_uniform_in_the_ball_of_inf():
    middle = torch.full((500, 9), 0.5, dtype=torch.float64)
    found = (attacks.random_start(middle, 0.4, seed=1) - 0.1) / 0.8
    assert stats.kstest(found.flatten().numpy(), "uniform").pvalue > 1e-3
    assert not torch.equal(attacks.random_start(middle, 0.4, seed=2), attacks.random_start(middle, 0.4, seed=3))


# ---- formulas --------------------------------------------------------------------------------------------------------

def test_margin_in_numpy():
    logits, labels = torch.randn(30, 5), torch.randint(5, (30,))
    wanted = [row[k] - np.delete(row, k).max() for row, k in zip(logits.numpy(), labels.numpy(), strict=True)]
    assert_close(attacks.margin(logits, labels), np.array(wanted), 1e-6)


def two_classes(w):
    """Logits 0 and w·x: the margin of class 1 is linear."""
    linear = nn.Sequential(nn.Flatten(), nn.Linear(len(w), 2)).double()
    with torch.no_grad():
        linear[1].weight.copy_(torch.stack([torch.zeros_like(w), w]))
        linear[1].bias.zero_()
    return linear


@pytest.mark.parametrize("loss", ["cross_entropy", "margin"])
def test_a_linear_margin_falls_by_eps_times_the_dual_norm(loss):
    w = torch.randn(12, dtype=torch.float64)
    linear = two_classes(w)
    middle, ones = 0.5 + torch.rand(3, 1, 3, 4, dtype=torch.float64) / 50, torch.ones(3, dtype=torch.long)

    def lost(found):
        return attacks.margin(linear(middle), ones).detach() - attacks.margin(linear(found), ones).detach()

    assert_close(lost(attacks.fgsm(linear, middle, ones, 0.1, loss=loss)), (0.1 * w.abs().sum()).expand(3), 1e-9)
    assert_close(lost(attacks.fgsm(linear, middle, 1 - ones, 0.1, loss=loss, targeted=True)),
                 (0.1 * w.abs().sum()).expand(3), 1e-9)
    assert_close(lost(attacks.pgd(linear, middle, ones, 0.1, loss=loss)), (0.1 * w.abs().sum()).expand(3), 1e-9)
    found = attacks.pgd(linear, middle, ones, 0.1, norm="2", steps=40, step_size=0.1, loss=loss)
    assert_close(lost(found), (0.1 * w.norm()).expand(3), 1e-4)


def test_fgsm_is_the_formula_by_autograd():
    linear, labels = nn.Sequential(nn.Flatten(), nn.Linear(15, 4), nn.Tanh(), nn.Linear(4, 3)), torch.tensor([2, 0])
    at = x.clone().requires_grad_()
    F.cross_entropy(linear(at), labels).backward()
    assert_close(attacks.fgsm(linear, x, labels, 0.1), (x + 0.1 * at.grad.sign()).clamp(0, 1), 1e-7)


def test_the_margin_has_a_gradient_where_softmax_is_sure():
    w = torch.full((12,), 500.0, dtype=torch.float64)
    linear, image = two_classes(w).float(), torch.full((1, 1, 3, 4), 0.5)
    one = torch.tensor([1])
    assert_close(attacks.fgsm(linear, image, one, 0.1), image, 0)                    # the loss is 0, and flat
    assert_close(attacks.fgsm(linear, image, one, 0.1, loss="margin"), image - 0.1, 1e-6)


@pytest.mark.parametrize("norm", ["inf", "2"])
@pytest.mark.parametrize("targeted", [False, True])
def test_restarts_are_never_weaker(norm, targeted):
    for seed in range(3):
        set_seed(seed)
        net = nn.Sequential(nn.Flatten(), nn.Linear(15, 30), nn.ReLU(), nn.Linear(30, 4))
        images, labels = torch.rand(20, 1, 3, 5), torch.randint(4, (20,))

        def margins(restarts, net=net, images=images, labels=labels):
            found = attacks.pgd(net, images, labels, 0.2, norm=norm, steps=2, restarts=restarts, targeted=targeted)
            return attacks.margin(net(found), labels).detach() * (-1 if targeted else 1)

        one, three = margins(1), margins(3)
        assert (three <= one + 1e-6).all() and (three < one - 1e-4).any()


def test_seeds_of_restarts_do_not_run_over():
    attacks.pgd(net, x, y, 0.1, steps=1, restarts=2, seed=2**32 - 1)


# ---- the nearest image -----------------------------------------------------------------------------------------------

def test_carlini_wagner_finds_the_distance_to_a_plane():
    """|w·x| / ‖w‖₂, where the range is no limit; and with κ that of the plane at which −κ is reached."""
    set_seed(0)
    w = torch.randn(12, dtype=torch.float64)
    w -= w.mean()
    linear = two_classes(w)
    images = 0.5 + (torch.rand(6, 1, 3, 4, dtype=torch.float64) - 0.5) / 5
    z = attacks.margin(linear(images), torch.ones(6, dtype=torch.long)).detach()
    labels = (z > 0).long()
    for kappa in (0, 0.3):
        found = attacks.carlini_wagner(linear, images, labels, confidence=kappa, steps=80, lr=0.03, searches=6)
        assert (attacks.margin(linear(found), labels) <= -kappa).all()
        exact = (z.abs() + kappa) / w.norm()
        distance = (found - images).flatten(1).norm(dim=1)
        assert (distance >= exact - 1e-9).all() and (distance <= 1.1 * exact + 5e-3).all()


def test_carlini_wagner_leaves_what_is_wrong_already_and_what_it_cannot_reach():
    w = torch.full((12,), 1.0, dtype=torch.float64)
    images, linear = torch.rand(3, 1, 3, 4, dtype=torch.float64), two_classes(w)
    wrong = attacks.carlini_wagner(linear, images, torch.zeros(3, dtype=torch.long), searches=1, steps=2)
    assert torch.equal(wrong, images)
    with torch.no_grad():
        linear[1].bias[1] = 100.0                                            # nothing in [0, 1] is of class 0
    out = attacks.carlini_wagner(linear, images, torch.ones(3, dtype=torch.long), searches=2, steps=5)
    assert torch.equal(out, images)

def test_carlini_wagner_towards_a_target():
    set_seed(1)
    net, images = nn.Sequential(nn.Flatten(), nn.Linear(15, 4)), torch.rand(6, 1, 3, 5)
    target = (net(images).argmax(1) + 1) % 4
    found = attacks.carlini_wagner(net, images, target, targeted=True, lr=0.1, steps=50)
    assert (net(found).argmax(1) == target).all()
    far = attacks.carlini_wagner(net, images, target, targeted=True, lr=0.1, steps=50, confidence=0.2)
    assert ((far - images).flatten(1).norm(dim=1) > (found - images).flatten(1).norm(dim=1)).all()


# ---- accuracy --------------------------------------------------------------------------------------------------------

def test_robust_accuracy_counts_all_images_and_runs_in_evaluation_mode():
    net = with_norm_and_dropout(1, 3, 5, 4)
    images, modes = torch.rand(9, 1, 3, 5), []
    net.eval()
    labels = net(images).argmax(1)
    labels[:3] = (labels[:3] + 1) % 4
    net.train()

    def attack(net, x, labels):
        modes.append(net[1].training)
        return x.flip(0)

    assert attacks.robust_accuracy(net, images, labels) == 6 / 9
    wanted = (net.eval()(images.flip(0)).argmax(1) == labels).double().mean()
    assert attacks.robust_accuracy(net.train(), images, labels, attack) == float(wanted)
    assert modes == [False] and net[1].training


def test_the_best_of_the_ways_is_no_weaker_than_their_end():
    set_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(15, 9), nn.Tanh(), nn.Linear(9, 4))
    images, labels = torch.rand(30, 1, 3, 5), torch.randint(4, (30,))
    options = {"steps": 4, "step_size": 0.3, "seed": 1}
    best, last = (attacks.pgd(net, images, labels, 0.2, keep=keep, **options) for keep in ("best", "last"))
    assert (attacks.margin(net(best), labels) <= attacks.margin(net(last), labels)).all()
    assert not torch.equal(best, last) and (last - images).abs().max() <= 0.2 + 1e-6
