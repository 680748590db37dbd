"""What can be proved: randomised smoothing, whose answer no change of the image within a radius alters.

The smoothed classifier g answers what the network f answers most often when normal noise is added to the image:

    g(x) = argmax_c P[f(x + e) = c],    e ~ N(0, σ² I)

Images are (N, …) in the units of x; the noise is not clipped, as the theorem speaks of e itself.
"""

import math

import numpy as np
import torch
from scipy.special import betaincinv, ndtri
from scipy.stats import binomtest

from ..checks import Int, NonNegativeNumber, Positive, PositiveNumber, Seed, check_number, checked, kind, require
from ..modes import in_mode
from ..tensors import Floats, Net

__all__ = ["ABSTAIN", "SmoothedNet", "certified_accuracy", "certify", "clopper_pearson", "noise_votes",
           "smoothed_predict"]

ABSTAIN = -1                 # the class of an image on which a smoothed classifier says nothing

Alpha = kind(float, check_number, 1e-12, 0.5)                            # the chance of an error that is allowed


# ---- a probability that is known from votes only -----------------------------------------------------------------

@checked
def clopper_pearson(successes: Int, trials: Positive, alpha: Alpha = 0.001):
    """A lower bound for a probability, of which k of n independent trials had success: that of Clopper and Pearson.

    The p at which k or more successes have the probability α,   P[Bin(n, p) ≥ k] = α,   which is the α-quantile of
    Beta(k, n − k + 1); 0 if k = 0.  Whatever the true p is, the bound lies above it with a probability of at most α.

    successes: k from 0 to n.  trials: n.  alpha: from 1e-12 to ½.  → float.
    Raises TypeError or ValueError naming the argument.  Source: Clopper & Pearson (1934).
    """
    require("clopper_pearson", 0 <= successes <= trials,
            f"successes must be from 0 to trials = {trials}, got {successes}")
    return float(betaincinv(successes, trials - successes + 1, alpha)) if successes else 0.0


# ---- the smoothed classifier -----------------------------------------------------------------------------------------

@checked
def noise_votes(net: Net, x: Floats, sigma: PositiveNumber, n: Positive, *, seed: Seed = 0,
                batch_size: Positive = 1000):
    """How often each class wins when noise is added: counts[i, c] of n draws of argmax net(x_i + e), e ~ N(0, σ² I).

    net: (N, …) → logits (N, classes).  x: (N, …).  sigma: in units of x.  seed: of the noise, which is drawn for each
    image by itself.  batch_size: noisy images that go through net at once.  → int64 tensor (N, classes).
    net runs in eval mode, and its mode and its gradients stay as they were.
    Raises TypeError or ValueError naming the argument.
    """
    require("noise_votes", x.ndim > 1 and len(x), f"x must be (N, …) with N ≥ 1, got shape {tuple(x.shape)}")
    chance, counts = torch.Generator().manual_seed(int(seed)), []
    with torch.no_grad(), in_mode(net, training=False):
        for image in x:
            votes = 0
            for begin in range(0, n, batch_size):
                logits = net(image + sigma * _noise((min(batch_size, n - begin), *image.shape), x, chance))
                votes = votes + torch.bincount(logits.argmax(1), minlength=logits.shape[1])
            counts.append(votes)
    return torch.stack(counts)


def _noise(shape, like, chance):
    return torch.randn(shape, generator=chance, dtype=like.dtype).to(like.device)


@checked
def smoothed_predict(net: Net, x: Floats, sigma: PositiveNumber, n: Positive = 100, alpha: Alpha = 0.001, *,
                     seed: Seed = 0, batch_size: Positive = 1000):
    """The class of the smoothed classifier, or ABSTAIN where the votes do not settle it.

    Of the two classes with most votes, k₁ ≥ k₂: the first, if a two-sided test of k₁ of k₁ + k₂ against ½ has p ≤ α.
    Then another class than that of g is returned with a probability of at most α.

    net, x, sigma, n, seed, batch_size, and what stays as it was: as in `noise_votes`.  → int64 tensor (N,).
    Raises TypeError or ValueError naming the argument.  Source: PREDICT of Cohen, Rosenfeld & Kolter (2019).
    """
    votes, classes = noise_votes(net, x, sigma, n, seed=seed, batch_size=batch_size).topk(2, dim=1)
    sure = [binomtest(a, a + b).pvalue <= alpha for a, b in votes.tolist()]
    return torch.where(torch.tensor(sure, device=x.device), classes[:, 0], ABSTAIN)


@checked
def certify(net: Net, x: Floats, sigma: PositiveNumber, n: Positive = 1000, alpha: Alpha = 0.001, *,
            n_select: Positive = 100, seed: Seed = 0, batch_size: Positive = 1000):
    """The class of the smoothed classifier and a radius, in L2, within which no other image has another.

    1. A class A is chosen: that with most of n_select votes.
    2. With n *new* votes, k of them for A, p = `clopper_pearson`(k, n, α) bounds the probability of A from below.
    3. If p > ½, the radius is R = σ Φ⁻¹(p); else the answer is ABSTAIN, of radius 0.

    It is wrong, that is, g has another class at some image nearer than R, with a probability of at most α for each.

    net, x, sigma, batch_size, and what stays as it was: as in `noise_votes`.  seed: of all noise.
    → classes, int64 tensor (N,), and radii, float64 tensor (N,).  Raises TypeError or ValueError naming the argument.
    Source: CERTIFY of Cohen, Rosenfeld & Kolter (2019).
    """
    streams = np.random.SeedSequence(int(seed)).generate_state(2)
    chosen = noise_votes(net, x, sigma, n_select, seed=int(streams[0]), batch_size=batch_size).argmax(1)
    votes = noise_votes(net, x, sigma, n, seed=int(streams[1]), batch_size=batch_size)
    bounds = [clopper_pearson(int(k), n, alpha) for k in votes.gather(1, chosen[:, None])[:, 0]]
    radii = torch.tensor([sigma * max(0.0, float(ndtri(p))) for p in bounds], dtype=torch.float64, device=x.device)
    return torch.where(radii > 0, chosen, ABSTAIN), radii


@checked
def certified_accuracy(classes, radii: Floats, labels, at: NonNegativeNumber = 0.0):
    """The share of all images that have their label and a radius of at least `at`; who abstains is not right.

    classes, radii: (N,) each, of `certify`.  labels: (N,).  at: in units of x.  → float in [0, 1].
    Raises TypeError or ValueError naming the argument.
    """
    classes, labels = (torch.as_tensor(values, device=radii.device) for values in (classes, labels))
    require("certified_accuracy", classes.shape == radii.shape == labels.shape and radii.ndim == 1 and len(radii),
            f"classes, radii and labels must be (N,) with N ≥ 1, got {tuple(classes.shape)}, {tuple(radii.shape)} and "
            f"{tuple(labels.shape)}")
    return float(((classes == labels) & (classes != ABSTAIN) & (radii >= at)).double().mean())


# ---- something to attack ---------------------------------------------------------------------------------------------

@checked
class SmoothedNet(torch.nn.Module):
    """The smoothed classifier as a network with gradients: log of the mean of softmax over n fixed draws of the noise.

    out[i] = log (1/n) Σ_j softmax f(x_i + e_j)      (N, …) → (N, classes)

    It is what an attack on g can climb: g itself counts votes, whose gradient is 0.  The draws are the same for all
    images and all calls, and f runs in the mode it is in.  shape: of one image.
    Raises TypeError or ValueError naming the argument.  Source: Salman et al. (2019).
    """

    def __init__(self, net: Net, shape: tuple, sigma: PositiveNumber, n: Positive = 32, seed: Seed = 0):
        super().__init__()
        self.net = net
        chance = torch.Generator().manual_seed(int(seed))
        self.register_buffer("noise", sigma * torch.randn((n, *shape), generator=chance))

    def forward(self, x):
        n = len(self.noise)
        logits = self.net((x[:, None] + self.noise).flatten(0, 1)).unflatten(0, (len(x), n))
        return logits.log_softmax(2).logsumexp(1) - math.log(n)
