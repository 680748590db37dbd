"""Networks that stand attacks, and how they are trained."""

from torch import nn
from torch.nn import functional as F
from torch.optim import Adam

from ..checks import NonNegative, NonNegativeNumber, Positive, PositiveNumber, Seed, Share, checked
from ..tensors import Net, check_input
from ..training import one_cycle, train
from .attacks import pgd

__all__ = ["StridedCNN", "adversarial_fit"]


class StridedCNN(nn.Sequential):
    """Digits (N, 1, 28, 28) in [0, 1] → logits (N, 10): three convolutions of stride 2, one dense layer, no norm.

    width: channels of the first; the others have twice and four times as many.  33,706 parameters at width 16.
    Raises TypeError or ValueError naming the argument.
    """

    @checked
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
            images = pgd(net, images, labels, now, steps=attack_steps, step_size=length, seed=(seed + done) % 2**32)
        return F.cross_entropy(net(images), labels)

    return train(step, (x, y), Adam(net.parameters(), lr), steps=steps, batch_size=batch_size, seed=seed,
                 schedule=one_cycle, after_epoch=after_epoch)
