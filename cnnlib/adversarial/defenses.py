"""Networks that stand attacks, how they are trained, and how one notices that a defence only hides the gradient."""

import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import Adam

from ..checks import NonNegative, NonNegativeNumber, Positive, PositiveNumber, Seed, Share, checked, require
from ..modes import in_mode
from ..tensors import Floats, Net, check_floats, check_input, check_range, describe
from ..training import one_cycle, train
from ..training.loop import Function
from .attacks import fgsm, margin, pgd
from .black_box import square_attack

__all__ = ["BPDA", "EOT", "StridedCNN", "adversarial_fit", "masking_symptoms"]


# ---- adversarial training --------------------------------------------------------------------------------------------

@checked
class StridedCNN(nn.Sequential):
    """Digits (N, 1, 28, 28) in [0, 1] → logits (N, 10): three convolutions of stride 2, one dense layer, no norm.

    width: channels of the first; the others have twice and four times as many.  33,546 parameters at width 16.
    Raises TypeError or ValueError naming the argument.
    """

    def __init__(self, width: Positive = 16):
        layers, before = [], 1
        for channels in (width, 2 * width, 4 * width):
            layers += [nn.Conv2d(before, channels, 3, stride=2, padding=1), nn.ReLU()]
            before = channels
        super().__init__(*layers, nn.Flatten(), nn.Linear(before * 4 * 4, 10))

    def forward(self, x):
        check_input(self, x, 1, exactly=(28, 28))
        return super().forward(x)


@checked
def adversarial_fit(net: Net, x, y, eps: NonNegativeNumber, *, steps: Positive = 900, attack_steps: NonNegative = 5,
                    step_size: PositiveNumber | None = None, warmup: Share = 0.3, lr: PositiveNumber = 3e-3,
                    batch_size: Positive = 64, seed: Seed = 0, after_epoch=None):
    """Train a network in place on what attacks make of its images: adversarial training.  → its history, a table.

    min_θ  E  max_{‖δ‖∞ ≤ ε}  L(x + δ, y; θ),    the inner maximum by `pgd` on the network as it is at this step

    net: (N, …) → logits.  x: (N, …) in [0, 1], y: (N,), arrays or tensors.  eps: of the attack in units of x, reached
    on a line over the first share `warmup` of the steps, without which training may never begin.
    attack_steps: of the inner attack, from a random start; 1 is fast training, of which step_size is 1.25 ε in the
    paper; 0: plain training.  step_size: in units of the ε of the step; None: 2.5 / attack_steps.
    lr, batch_size, seed, after_epoch: as in `training.train`, with Adam and one cycle.
    Raises TypeError or ValueError naming the argument.
    Source: Madry et al. (2018); for one step, Wong, Rice & Kolter (2020).
    """
    done = 0

    def step(batch):
        nonlocal done
        done += 1
        images, labels = batch
        now = eps * min(1.0, done / (warmup * steps)) if warmup else eps
        if attack_steps and now:
            length = now * (2.5 / attack_steps if step_size is None else step_size)
            images = pgd(net, images, labels, now, steps=attack_steps, step_size=length, keep="last",
                         seed=(seed + done) % 2**32)
        return F.cross_entropy(net(images), labels)

    return train(step, (x, y), Adam(net.parameters(), lr), steps=steps, batch_size=batch_size, seed=seed,
                 schedule=one_cycle, after_epoch=after_epoch)


# ---- attacks through what stands before a network --------------------------------------------------------------------

class _Through(torch.autograd.Function):
    """Give the second argument, and send the gradient to the first as it comes."""

    @staticmethod
    def forward(ctx, x, instead):
        return instead.clone()

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output, None


@checked
class BPDA(nn.Module):
    """A transform of images whose backward pass is the identity: backward pass differentiable approximation.

    forward: transform(x);    backward: ∂L/∂x = ∂L/∂transform(x), as if transform(x) were x

    For what has no gradient or a useless one, as rounding or JPEG, and changes an image little.
    transform: transform(x) → a tensor of the shape of x.  (N, …) → (N, …)
    Raises TypeError or ValueError naming the argument.  Source: Athalye, Carlini & Wagner (2018).
    """

    def __init__(self, transform: Function):
        super().__init__()
        self.transform = transform

    def forward(self, x):
        check_floats(self, x=x)
        with torch.no_grad():
            new = self.transform(x)
        require(self, isinstance(new, torch.Tensor) and new.shape == x.shape,
                f"transform must give a tensor of shape {tuple(x.shape)}, got {describe(new)}")
        return _Through.apply(x, new)


@checked
class EOT(nn.Module):
    """A network behind a random transform, by its mean over several draws: expectation over transformation.

    logits(x) = 1/n Σ_i net(t_i(x)),  t_1 … t_n drawn anew at each call;  the gradient goes through every t_i

    For a loss that is linear in the logits, as the margin where the runner-up is fixed, its gradient is the mean of the
    gradients; for cross-entropy, the loss of the mean logits is another objective than the mean loss.

    net: (N, …) → logits.  transform: transform(x, chance) → images, where chance is a torch.Generator.
    draws: n; with 1 it is the defence itself, which draws once.  seed: of the draws.
    Raises TypeError or ValueError naming the argument.  Source: Athalye, Engstrom, Ilyas & Kwok (2018).
    """

    def __init__(self, net: Net, transform: Function, draws: Positive = 16, seed: Seed = 0):
        super().__init__()
        self.net, self.transform, self.draws = net, transform, draws
        self.chance = torch.Generator().manual_seed(int(seed))

    def forward(self, x):
        return sum(self.net(self.transform(x, self.chance)) for _ in range(self.draws)) / self.draws


# ---- symptoms --------------------------------------------------------------------------------------------------------

@checked
def masking_symptoms(net: Net, x: Floats, labels, eps: PositiveNumber, *, surrogate: Net | None = None,
                     steps: Positive = 20, queries: Positive = 200, tolerance: Share = 0.05, seed: Seed = 0):
    """What tells that a network hides its gradient and does not stand attacks: a table, symptom by symptom.

    logits change            the share of images whose logits differ when they are asked for twice
    gradient is zero         … for which each ∂(cross-entropy)/∂x is exactly 0
    stands ε = 0.5           … that PGD leaves right there, where all could become one grey image; limit: the share of
                             the most frequent label, plus tolerance
    and the share of images that are right, that PGD by cross-entropy leaves right, and that are fooled within this ε
    by one step              a weaker attack: `fgsm`
    by random squares        one without gradients: `square_attack` with so many queries
    by the margin            PGD by the `margin` of the logits
    by transfer              PGD's images of the network `surrogate`; left out if that is None

    x: (N, C, H, W) in [0, 1].  labels: (N,).  steps: of PGD, from a random start;
    for ε = 0.5 from the image, since a random start so far out is an attack itself.
    → pandas.DataFrame with the index symptom and the columns share, limit, found: share > limit, limit = tolerance but
    for ε = 0.5.  An honest network shows none; showing none does not prove that it is one.
    net runs in eval mode, and its mode and its gradients stay as they were, as those of surrogate.
    Raises TypeError or ValueError naming the argument.  Source: after Athalye, Carlini & Wagner (2018), section 3.
    """
    require("masking_symptoms", x.ndim == 4 and len(x), f"x must be (N, C, H, W) with N ≥ 1, got {tuple(x.shape)}")
    check_range("masking_symptoms", 0, 1, x=x)
    labels, x = torch.as_tensor(labels, device=x.device), x.detach()
    with in_mode(net, training=False), torch.no_grad():
        first, again = net(x), net(x)
        right = margin(first, labels) > 0

    def fooled(images):
        with in_mode(net, training=False), torch.no_grad():
            return margin(net(images), labels) <= 0

    attack = {"steps": steps, "seed": seed}
    stands = right & ~fooled(pgd(net, x, labels, eps, **attack))
    shares = {
        "logits change": (first != again).any(1),
        "gradient is zero": _no_gradient(net, x, labels),
        "stands ε = 0.5": right & ~fooled(pgd(net, x, labels, 0.5, start="image", **attack)),
        "by one step": stands & fooled(fgsm(net, x, labels, eps)),
        "by random squares": stands & fooled(square_attack(net, x, labels, eps, queries=queries, seed=seed)[0]),
        "by the margin": stands & fooled(pgd(net, x, labels, eps, loss="margin", **attack)),
    }
    if surrogate is not None:
        shares["by transfer"] = stands & fooled(pgd(surrogate, x, labels, eps, **attack))
    commonest = labels.unique(return_counts=True)[1].max().item() / len(labels)
    table = pd.DataFrame({"share": {name: value.double().mean().item() for name, value in shares.items()}})
    table["limit"] = [min(1.0, commonest + tolerance) if "0.5" in name else tolerance for name in table.index]
    table["found"] = table.share > table.limit
    return table.rename_axis("symptom")


def _no_gradient(net, x, labels):
    """Of which images no pixel moves the cross-entropy, (N,)."""
    x = x.clone().requires_grad_()
    with in_mode(net, training=False), torch.enable_grad():
        loss = F.cross_entropy(net(x), labels.long(), reduction="sum")
        if not loss.requires_grad:                                       # the net cuts the graph itself
            return torch.ones(len(x), dtype=torch.bool)
        slope, = torch.autograd.grad(loss, x, allow_unused=True)
    return torch.ones(len(x), dtype=torch.bool) if slope is None else (slope == 0).flatten(1).all(1)
