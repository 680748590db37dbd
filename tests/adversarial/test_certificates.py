"""Certificates: the bound's coverage summed exactly, the certificate of a plane against its true distance."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from cnnlib.adversarial import certificates as cert
from cnnlib.testing import assert_close

images, labels = torch.rand(3, 1, 5, 7, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 0])
radii = torch.tensor([0.5, 0.0, 1.0])
net = nn.Sequential(nn.Flatten(), nn.Linear(35, 3))

BAD = [
    (cert.clopper_pearson, (5, 4), {}, "clopper_pearson: successes must be from 0 to trials = 4, got 5"),
    (cert.clopper_pearson, (-1, 4), {}, "successes must be from 0 to trials = 4, got -1"),
    (cert.clopper_pearson, (2.0, 4), {}, "clopper_pearson: successes must be an int, got 2.0"),
    (cert.clopper_pearson, (0, 0), {}, "clopper_pearson: trials must be at least 1, got 0"),
    (cert.clopper_pearson, (2, 4, 0.7), {}, "clopper_pearson: alpha"),
    (cert.noise_votes, (None, images, 0.5, 9), {}, "noise_votes: net must be an nn.Module, got NoneType"),
    (cert.noise_votes, (net, images[:0], 0.5, 9), {}, r"noise_votes: x must be \(N, …\) with N ≥ 1, got shape"),
    (cert.noise_votes, (net, images, 0.0, 9), {}, "noise_votes: sigma"),
    (cert.noise_votes, (net, images, 0.5, 0), {}, "noise_votes: n must be at least 1, got 0"),
    (cert.smoothed_predict, (net, images.numpy(), 0.5), {}, "smoothed_predict: x must be a tensor of floats"),
    (cert.smoothed_predict, (net, images, 0.5, 9, 0), {}, "smoothed_predict: alpha"),
    (cert.certify, (net, images, -1.0), {}, "certify: sigma"),
    (cert.certify, (net, images, 0.5), {"n_select": 0}, "certify: n_select must be at least 1, got 0"),
    (cert.certified_accuracy, (labels, radii, labels[:2]), {},
     r"certified_accuracy: classes, radii and labels must be \(N,\) with N ≥ 1, got \(3,\), \(3,\) and \(2,\)"),
    (cert.certified_accuracy, (labels, radii, labels, -0.1), {}, "certified_accuracy: at must be at least 0, got -0.1"),
    (cert.SmoothedNet, (net, (1, 5, 7), 0), {}, "SmoothedNet: sigma"),
    (cert.SmoothedNet, (net, (1, 5, 7), 0.5, 0), {}, "SmoothedNet: n must be at least 1, got 0"),
]


class Plane(nn.Module):
    """Class 0 where w·x + b > 0, by itself as smoothed: the distance to the plane is the true radius."""

    def __init__(self, w, b):
        super().__init__()
        self.w, self.b = nn.Parameter(w), b

    def forward(self, x):
        z = x.flatten(1) @ self.w + self.b
        return torch.stack([z, -z], 1)


# ---- the bound -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("k", "n"), [(1, 1), (3, 11), (11, 11), (530, 1000), (999, 1000), (99_999, 100_000)])
@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.5])
def test_the_bound_is_scipys_and_solves_the_binomial_tail(k, n, alpha):
    bound = cert.clopper_pearson(k, n, alpha)
    interval = stats.binomtest(k, n, alternative="greater").proportion_ci(1 - alpha, "exact")
    assert_close(np.array([bound, stats.binom.sf(k - 1, n, bound)]), np.array([interval.low, alpha]), 1e-6)


def test_none_and_all():
    assert cert.clopper_pearson(0, 7) == 0
    for n in (1, 10, 1000):
        assert cert.clopper_pearson(n, n, 0.01) == pytest.approx(0.01 ** (1 / n), rel=1e-9)


@pytest.mark.parametrize("alpha", [0.001, 0.05])
@pytest.mark.parametrize("p", [0.02, 0.5, 0.9, 0.999])
def test_above_the_truth_at_most_alpha_of_the_time(alpha, p):
    k = np.arange(41)
    above = np.array([cert.clopper_pearson(int(one), 40, alpha) > p for one in k])
    assert stats.binom.pmf(k, 40, p)[above].sum() <= alpha * (1 + 1e-9)


# ---- votes, classes, radii -------------------------------------------------------------------------------------------

def test_votes_of_a_plane_have_the_normals_probability():
    w, x = torch.tensor([3.0, -4.0, 0.0]), torch.tensor([[0.4, 0.1, 0.9], [0.0, 0.5, 0.2]])
    votes = cert.noise_votes(Plane(w, 0.2), x, 0.5, 4000, seed=3, batch_size=1024)
    assert votes.sum(1).tolist() == [4000, 4000]
    wanted = stats.norm.cdf(((x @ w + 0.2) / 5 / 0.5).numpy())
    assert np.abs(votes[:, 0].numpy() / 4000 - wanted).max() < 5 * math.sqrt(0.25 / 4000)


def test_the_certificate_of_a_plane_is_below_its_distance():
    """400 certificates of one point at confidence 95 %: the share above the true distance is α, give or take 4 sd."""
    w = torch.tensor([0.6, 0.8])
    points = torch.tensor([[0.5, 0.5]]).repeat(400, 1)
    classes, found = cert.certify(Plane(w, -0.3), points, 0.5, 200, 0.05, n_select=20, seed=1)
    assert (classes == 0).float().mean() > 0.95
    assert (found > 0.4).double().mean() < 0.05 + 4 * math.sqrt(0.05 * 0.95 / 400)
    assert 0.25 < found.median() < 0.4


def test_radius_and_abstention_by_hand():
    streams = np.random.SeedSequence(5).generate_state(2)
    x = torch.tensor([[0.0, 0.0], [3.0, 0.0], [-0.2, 0.1]])
    plane = Plane(torch.tensor([1.0, 0.0]), 0.0)
    classes, found = cert.certify(plane, x, 0.5, 300, 0.01, n_select=30, seed=5)
    votes = cert.noise_votes(plane, x, 0.5, 300, seed=int(streams[1]))
    assert classes.tolist() == [cert.ABSTAIN, 0, 1] and found[0] == 0
    for row, one in ((1, 0), (2, 1)):
        bound = stats.beta.ppf(0.01, int(votes[row, one]), 301 - int(votes[row, one]))
        assert float(found[row]) == pytest.approx(0.5 * stats.norm.ppf(bound), rel=1e-6)
    assert float(found[1]) == pytest.approx(0.5 * stats.norm.ppf(0.01 ** (1 / 300)), rel=1e-6)


def test_too_few_samples_abstain_on_everything():
    far = torch.tensor([[9.0, 0.0]])
    plane = Plane(torch.tensor([1.0, 0.0]), 0.0)
    assert cert.certify(plane, far, 0.5, 9, 0.001)[0].item() == cert.ABSTAIN
    assert cert.certify(plane, far, 0.5, 10, 0.001)[0].item() == 0                     # .001^(1/10) = .501
    assert cert.smoothed_predict(plane, far, 0.5, 10, 0.001).item() == cert.ABSTAIN    # two sides: p = .00195
    assert cert.smoothed_predict(plane, far, 0.5, 11, 0.001).item() == 0


def test_accuracy_counts_neither_abstentions_nor_small_radii():
    classes, found = torch.tensor([0, 1, -1, 2]), torch.tensor([0.5, 2.0, 0.0, 1.0], dtype=torch.float64)
    truth = np.array([0, 0, -1, 2])
    assert [cert.certified_accuracy(classes, found, truth, at) for at in (0, 0.5, 0.75, 1.5)] == [0.5, 0.5, 0.25, 0.0]


# ---- the network to attack, and what stays as it was -----------------------------------------------------------------

def test_the_smoothed_network_is_the_mean_of_softmax_and_has_gradients():
    smooth = cert.SmoothedNet(net, (1, 5, 7), 0.5, 6, seed=2)
    wanted = torch.stack([net(images + e).softmax(1) for e in smooth.noise]).mean(0)
    assert_close(smooth(images).exp(), wanted, 1e-6)
    x = images.clone().requires_grad_()
    smooth(x)[:, 0].sum().backward()
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize("run", [
    lambda net: cert.noise_votes(net, images, 0.5, 30), lambda net: cert.smoothed_predict(net, images, 0.5, 30),
    lambda net: cert.certify(net, images, 0.5, 30)[1],
])
@pytest.mark.parametrize("training", [True, False])
def test_mode_and_gradients_as_found_and_the_same_again(run, training):
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(35), nn.Dropout(0.5), nn.Linear(35, 3)).train(training)
    model[3].weight.grad = torch.ones(3, 35)
    before = torch.get_rng_state()
    first = run(model)
    assert torch.equal(first, run(model)) and torch.equal(before, torch.get_rng_state())
    assert model.training == training and (model[3].weight.grad == 1).all()
    assert model[1].num_batches_tracked == 0


def test_the_votes_that_choose_do_not_count():
    plane = Plane(torch.tensor([1.0, 0.0]), 0.0)                         # images on it: both classes have half
    _, found = cert.certify(plane, torch.zeros(200, 2), 0.5, 100, 0.5, n_select=100, seed=1)
    assert 0.3 < (found > 0).double().mean() < 0.65
