"""The numbers that judge samples: against SciPy, against closed forms, and on what they must tell apart."""

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
import torch

from cnnlib import data, training
from cnnlib.generative import (
    DigitClassifier,
    class_entropy,
    digit_classifier,
    digit_scores,
    feature_statistics,
    frechet_distance,
    resized,
)


def gaussian(rng, width, rows):
    """Mean and covariance of rows of correlated features; the covariance has full rank only where rows > width."""
    features = rng.normal(size=(rows, width)) @ rng.normal(size=(width, width)) + rng.normal(size=width)
    return feature_statistics(torch.as_tensor(features))


def test_feature_statistics_are_numpys():
    features = np.random.default_rng(0).normal(size=(7, 5))
    mean, covariance = feature_statistics(torch.as_tensor(features, dtype=torch.float32))
    assert mean.dtype == covariance.dtype == torch.float64
    np.testing.assert_allclose(mean, features.mean(0), rtol=1e-6)
    np.testing.assert_allclose(covariance, np.cov(features, rowvar=False), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_frechet_distance_is_scipys(seed):
    rng = np.random.default_rng(seed)
    (mean1, cov1), (mean2, cov2) = gaussian(rng, 9, 40), gaussian(rng, 9, 30)
    root = scipy.linalg.sqrtm(cov1.numpy() @ cov2.numpy()).real
    expected = float(((mean1 - mean2) ** 2).sum()) + np.trace(cov1.numpy() + cov2.numpy() - 2 * root)
    assert frechet_distance(mean1, cov1, mean2, cov2) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(mean2, cov2, mean1, cov1) == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_of_diagonal_gaussians_is_that_of_each_axis():
    rng = np.random.default_rng(1)
    mean1, mean2, std1, std2 = (torch.as_tensor(rng.uniform(0.5, 2, size=6)) for _ in range(4))
    expected = ((mean1 - mean2) ** 2 + (std1 - std2) ** 2).sum()
    distance = frechet_distance(mean1, (std1**2).diag(), mean2, (std2**2).diag())
    assert distance == pytest.approx(float(expected), rel=1e-12)


def test_frechet_distance_is_zero_to_itself_and_stable_below_full_rank():
    rng = np.random.default_rng(2)
    few, many = gaussian(rng, 30, 8), gaussian(rng, 30, 90)
    assert frechet_distance(*few, *few) == pytest.approx(0, abs=1e-6 * float(few[1].trace()))
    assert 0 < frechet_distance(*few, *many) < float("inf")


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_class_entropy_is_scipys(classes):
    labels = torch.as_tensor(np.random.default_rng(3).integers(classes, size=41))
    counts = np.bincount(labels, minlength=classes)
    expected = scipy.stats.entropy(counts) / np.log(classes)
    assert class_entropy(labels, classes) == pytest.approx(expected, rel=1e-6)
    assert class_entropy(torch.full((9,), 1), classes) == 0


def test_the_classifier_knows_digits_and_is_never_trained_on():
    _, (x, y) = data.digits()
    classifier = digit_classifier()
    assert training.accuracy(classifier, x, y) >= 0.975
    assert not classifier.training and not any(p.requires_grad for p in classifier.parameters())
    assert sum(p.numel() for p in classifier.parameters()) == 47_610
    assert classifier(torch.as_tensor(x[:2])).shape == (2, 10)


def test_scores_tell_digits_from_noise_from_one_digit_and_from_broken_ones():
    (x, _), _ = data.digits()
    real = torch.as_tensor(x[:1000])
    scores = digit_scores(real)
    assert scores["confident"] > 0.97 and scores["entropy"] > 0.99 and scores["distance"] < 5
    noise = digit_scores(torch.rand(1000, 1, 28, 28, generator=torch.Generator().manual_seed(0)))
    one = digit_scores(real[:1].expand(1000, -1, -1, -1))
    assert noise["distance"] > 100 and noise["entropy"] < 0.6
    assert one["confident"] == 1 and one["entropy"] == 0 and one["distance"] > 100       # confidence is not enough
    assert digit_scores(real.roll(14, 3))["distance"] > 20                               # halves in the wrong order


def test_scores_do_not_depend_on_the_size_of_the_pictures_or_their_order():
    (x, _), _ = data.digits()
    real = torch.as_tensor(x[:200])
    scores, small = digit_scores(real), digit_scores(resized(real, 16))
    assert small == pytest.approx(scores, rel=1e-4)
    assert digit_scores(real.flip(0)) == pytest.approx(scores, rel=1e-4)
    assert resized(real, 28) is real and resized(real, 9).shape == (200, 1, 9, 9)


images, mean, covariance = torch.rand(70, 1, 16, 16), torch.zeros(3), torch.eye(3)
BAD = [
    (resized, (torch.zeros(2, 3, 4), 5), {}, r"input must be \(N, C, H, W\), got shape \(2, 3, 4\)"),
    (resized, (images, 0), {}, "size must be"),
    (DigitClassifier(), (torch.zeros(2, 3, 4),), {}, r"input must be \(N, C, H, W\)"),
    (feature_statistics, (torch.zeros(1, 4),), {}, "features must have at least 2 rows, got 1"),
    (feature_statistics, (torch.zeros(4),), {}, r"input must be \(N, D\)"),
    (frechet_distance, (mean, covariance, mean[:2], covariance), {}, r"mean2 must have shape \(3,\).*got \(2,\)"),
    (frechet_distance, (mean, covariance[:2], mean, covariance), {}, r"cov1 must have shape \(3, 3\).*got \(2, 3\)"),
    (frechet_distance, (mean, covariance, mean, mean), {}, r"cov2 must have shape \(3, 3\).*got \(3,\)"),
    (frechet_distance, (covariance, covariance, mean, covariance), {}, r"input must be \(D,\)"),
    (class_entropy, (torch.zeros(4, dtype=torch.int64), 1), {}, "labels and classes must be at least 1 and 2"),
    (class_entropy, ([1, 2],), {}, "input must be a tensor"),
    (digit_scores, (images * 2,), {}, r"images must lie in \[0, 1\], got"),
    (digit_scores, (images[:64],), {}, "images must be at least 65, got 64"),
    (digit_scores, (images.expand(-1, 3, -1, -1),), {}, r"input must be \(N, 1, H, W\)"),
]
