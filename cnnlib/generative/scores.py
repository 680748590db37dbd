"""How good are samples of digits?  Three numbers by a classifier that has seen real digits only.

No one of them is enough: noise can be classified with confidence, one digit copied a thousand times too.
"""

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import nn

from ..checks import Positive, checked, require
from ..data import digits
from ..tensors import Floats, check_range, check_shape
from ..weights import load_weights

__all__ = ["DigitClassifier", "class_entropy", "digit_classifier", "digit_scores", "feature_statistics",
           "frechet_distance", "resized"]

SIDE = 16                                                                # of the digits that the classifier sees


@checked
def resized(images: Floats, size: Positive):
    """Images of another size, without aliasing: (N, C, H, W) → (N, C, size, size).  Raises TypeError or ValueError."""
    check_shape("resized", images, "N", "C", "H", "W")
    if images.shape[2:] == (size, size):
        return images
    return F.interpolate(images, (int(size), int(size)), mode="bilinear", antialias=True)


class DigitClassifier(nn.Module):
    """Digits in [0, 1] of any size (N, 1, H, W), seen at 16×16 → logits (N, 10).  47,610 parameters.

    `features`: (N, 1, 16, 16) → (N, 64), what the last layer reads.
    """

    def __init__(self):
        super().__init__()
        layers, before = [], 1
        for width, stride in ((16, 1), (32, 2), (32, 2)):
            layers += [nn.Conv2d(before, width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            before = width
        self.features = nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * (SIDE // 4) ** 2, 64), nn.ReLU())
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        return self.head(self.features(resized(x, SIDE)))


@lru_cache(maxsize=1)
def digit_classifier():
    """The classifier that judges samples, trained on real digits (`make weights`), in eval mode; do not train it on."""
    return load_weights(DigitClassifier(), "digit_classifier").requires_grad_(False)


@checked
def feature_statistics(features: Floats):
    """Mean and covariance of the rows:  μ = 1/N Σ f_n,   Σ = 1/(N − 1) Σ (f_n − μ)(f_n − μ)ᵀ

    features: (N, D) with N ≥ 2.  → (D,), (D, D), float64.  Raises TypeError or ValueError naming the argument.
    """
    check_shape("feature_statistics", features, "N", "D")
    require("feature_statistics", len(features) >= 2, f"features must have at least 2 rows, got {len(features)}")
    features = features.double()
    return features.mean(0), torch.cov(features.T).reshape(features.shape[1], features.shape[1])


@checked
def frechet_distance(mean1: Floats, cov1: Floats, mean2: Floats, cov2: Floats):
    """The Fréchet distance of two Gaussians, squared, as FID reports it.

    d² = ‖μ₁ − μ₂‖² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁Σ₂)^½

    tr (Σ₁Σ₂)^½ is the sum of the square roots of the eigenvalues of Σ₁^½ Σ₂ Σ₁^½: that matrix is symmetric, so its
    eigenvalues are real and, but for rounding, not negative, also where the covariances have less than full rank.

    mean1, mean2: (D,).  cov1, cov2: (D, D), symmetric.  → float ≥ 0.
    Raises TypeError or ValueError naming the argument.  Source: Heusel et al. (2017); Dowson & Landau (1982).
    """
    name = "frechet_distance"
    check_shape(name, mean1, "D")
    width = len(mean1)
    for argument, value, shape in (("cov1", cov1, (width, width)), ("mean2", mean2, (width,)),
                                   ("cov2", cov2, (width, width))):
        require(name, value.shape == shape, f"{argument} must have shape {shape}, as mean1 has {width} numbers, "
                                            f"got {tuple(value.shape)}")
    mean1, cov1, mean2, cov2 = (value.double() for value in (mean1, cov1, mean2, cov2))
    values, vectors = torch.linalg.eigh(cov1)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    overlap = torch.linalg.eigvalsh(root @ cov2 @ root).clamp(min=0).sqrt().sum()
    return max(0.0, float(((mean1 - mean2) ** 2).sum() + cov1.trace() + cov2.trace() - 2 * overlap))


@checked
def class_entropy(labels, classes: Positive = 10):
    """How even a histogram of classes is:  −Σ p_c ln p_c / ln classes, 1 for all alike, 0 for one class alone.

    labels: (N,) class numbers, a tensor of ints.  → float in [0, 1].  Raises TypeError or ValueError.
    """
    check_shape("class_entropy", labels, "N", floats=False)
    require("class_entropy", len(labels) and classes > 1, f"labels and classes must be at least 1 and 2, got "
                                                          f"{len(labels)} and {classes}")
    share = torch.bincount(labels, minlength=classes) / len(labels)
    return float(torch.special.entr(share).sum()) / math.log(classes)


@lru_cache(maxsize=1)
def _held_out():
    """Mean and covariance of the features of the 1,000 test digits."""
    _, (x, _) = digits()
    return feature_statistics(digit_classifier().features(resized(torch.as_tensor(x), SIDE)))


@checked
def digit_scores(images: Floats):
    """Three numbers that say how good samples of digits are, by `digit_classifier`.

    images: (N, 1, H, W) in [0, 1], N ≥ 65; compare only scores of equal N, for the distance falls as N grows: 1,000.
    → dict of floats.  confident: the share that gets a class with probability ≥ 0.9.  entropy: of the classes, 1 where
    each is drawn equally often.  distance: Fréchet's, of the 64 features, to the 1,000 test digits.
    Raises TypeError or ValueError naming the argument, also for values outside [0, 1].
    """
    check_shape("digit_scores", images, "N", 1, "H", "W")
    require("digit_scores", len(images) >= 65, f"images must be at least 65, got {len(images)}")
    check_range("digit_scores", 0, 1, images=images)
    classifier = digit_classifier()
    with torch.no_grad():
        features = torch.cat([classifier.features(resized(part.float(), SIDE)) for part in images.split(500)])
        best = classifier.head(features).softmax(1).max(1)
    return {"confident": float((best.values >= 0.9).float().mean()), "entropy": class_entropy(best.indices),
            "distance": frechet_distance(*feature_statistics(features), *_held_out())}
