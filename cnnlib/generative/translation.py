"""From one kind of images to another: PatchGAN, pix2pix for pairs, CycleGAN without pairs (Isola and Zhu et al. 2017).

Images are in [0, 1], generators end with a sigmoid; discriminators give logits, one for each window.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from ..architectures import UNet
from ..blocks.normalization import spectral_norm
from ..blocks.residual import PreActBlock
from ..blocks.upsampling import SubpixelUpsample
from ..checks import NonNegative, NonNegativeNumber, Positive, PositiveNumber, Seed, checked, require
from ..tensors import Floats, Net, check_input
from ..training import History
from .gan import Loss, descend, discriminator_loss, generator_loss

__all__ = ["CycleGenerator", "PatchDiscriminator", "Pix2PixGenerator", "cycle_loss", "identity_loss", "train_cyclegan",
           "train_pix2pix"]


# ---- networks --------------------------------------------------------------------------------------------------------

@checked
class PatchDiscriminator(nn.Sequential):
    """A logit for each window: 4×4 convolutions only (Isola et al. 2017).  (N, channels, H, W) → (N, 1, H', W')

    `strided` convolutions of stride 2, whose widths double from `width` on, to 8 · width at most, then one of stride 1,
    then one of stride 1 to a single channel; LeakyReLU of slope .2 between. An output sees 9 · 2^strided − 2 pixels
    along each axis: 7, 16, 34, 70, 142, 286 for 0 to 5.
    padding: of every layer, 1 in the paper; it changes H' and W', not what an output sees.
    norm: "spectral" on all layers; "batch" or "instance" on all but the first and the last (in training mode a batch
    norm, and always an instance norm, lets every output see the whole image); None.
    Raises TypeError or ValueError naming the argument.
    """

    def __init__(self, channels: Positive = 1, width: Positive = 16, strided: NonNegative = 1, padding: NonNegative = 1,
                 norm: Literal["spectral", "batch", "instance"] | None = "spectral"):
        self.channels = int(channels)
        between = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d}.get(norm)
        bound = spectral_norm if norm == "spectral" else lambda layer: layer
        layers, before = [], channels
        for number in range(strided + 1):
            after, normed = width * 2 ** min(number, 3), between is not None and number > 0
            conv = nn.Conv2d(before, after, 4, 2 if number < strided else 1, padding, bias=not normed)
            layers += [bound(conv), *([between(after)] if normed else []), nn.LeakyReLU(0.2)]
            before = after
        super().__init__(*layers, bound(nn.Conv2d(before, 1, 4, 1, padding)))

    def forward(self, x):
        check_input(self, x, self.channels)
        return super().forward(x)


@checked
class Pix2PixGenerator(nn.Module):
    """A U-Net as the generator of pix2pix, small.  (N, channels, H, W) → (N, 1, H, W)

    2×2 pixels become channels, a padded U-Net with one pooling and `width` channels follows, then its channels become
    pixels again, and a sigmoid. H and W must be multiples of 4. The paper's noise is dropout in the U-Net, also when
    images are made; here there is none, and an input has one answer.
    Raises TypeError or ValueError naming the argument.  After Isola et al. (2017).
    """

    def __init__(self, channels: Positive = 1, width: Positive = 24):
        super().__init__()
        self.channels = int(channels)
        self.net = nn.Sequential(nn.PixelUnshuffle(2),
                                 UNet(4 * channels, 4, (width, 2 * width), padded=True, norm=nn.BatchNorm2d),
                                 nn.PixelShuffle(2), nn.Sigmoid())

    def forward(self, x):
        check_input(self, x, self.channels, least=(4, 4), multiple_of=4)
        return self.net(x)


@checked
class CycleGenerator(nn.Sequential):
    """A small generator of CycleGAN's kind: down, residual blocks, up.  (N, channels, H, W) → the same shape

    2×2 pixels become channels, a 3×3 convolution, `blocks` residual blocks of pre-activation with instance norm, and a
    sub-pixel convolution back up; then a sigmoid. No skip leads around the blocks. H and W must be even.
    Raises TypeError or ValueError naming the argument.  After Zhu et al. (2017), with other layers down and up.
    """

    def __init__(self, channels: Positive = 1, width: Positive = 24, blocks: NonNegative = 2):
        self.channels = int(channels)
        super().__init__(nn.PixelUnshuffle(2), nn.Conv2d(4 * channels, width, 3, padding=1),
                         *[PreActBlock(width, width, norm=nn.InstanceNorm2d) for _ in range(blocks)],
                         nn.ReLU(), SubpixelUpsample(width, channels), nn.Sigmoid())

    def forward(self, x):
        check_input(self, x, self.channels, least=(2, 2), multiple_of=2)
        return super().forward(x)


# ---- losses ----------------------------------------------------------------------------------------------------------

@checked
def cycle_loss(forth: Net, back: Net, images: Floats):
    """Mean of |back(forth(x)) − x| over all numbers: the way there and back should end where it began.

    forth: from the kind of `images` to the other.  back: from the other to theirs.  images: (N, C, H, W).
    → a scalar tensor.  Raises TypeError or ValueError naming the argument.  Source: Zhu et al. (2017), equation 2.
    """
    return F.l1_loss(back(forth(images)), images)


@checked
def identity_loss(net: Net, images: Floats):
    """Mean of |net(x) − x| over all numbers, for images that are of the kind that net makes already.

    net: to the kind of `images`.  images: (N, C, H, W).  → a scalar tensor.
    Raises TypeError or ValueError naming the argument.  Source: Taigman et al. (2017); Zhu et al. (2017), section 5.2.
    """
    return F.l1_loss(net(images), images)


# ---- the loops -------------------------------------------------------------------------------------------------------

def _adam(nets, lr, steps):
    optimizer = torch.optim.Adam([p for net in nets for p in net.parameters()], lr, (0.5, 0.999), fused=True)
    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, 2 * (1 - step / steps)))


def _move(optimizer, schedule, loss):
    descend(optimizer, loss)
    schedule.step()


@checked
def train_pix2pix(generator: Net, discriminator: Net, inputs: Floats, targets: Floats, steps: Positive, *,
                  l1: NonNegativeNumber = 20.0, adversarial: NonNegativeNumber = 1.0, conditional=True,
                  batch_size: Positive = 32, lr: PositiveNumber = 1e-3, loss: Loss = "hinge", seed: Seed = 0,
                  after_step=None):
    """Train a translation on pairs, in place (Isola et al. 2017).  → the history, a table

    generator's loss = adversarial · (loss of D's logits for x, G(x)) + l1 · mean |G(x) − y|

    generator: inputs → as targets.  discriminator: (N, channels of inputs + targets, H, W) → logits of any shape, shown
    the input and below it the real or the made output; with conditional=False the output alone.
    inputs, targets: (n, …), pairs row by row; rows are drawn with replacement.  loss: as in `generator_loss`.
    With adversarial 0 the discriminator is left out.  lr: of two Adams, falls on a line to 0 in the second half.
    The columns: step, generator (the loss of D's logits), discriminator, l1, all before the step.
    Both networks are in training mode, before and after.  Raises TypeError or ValueError naming the argument.
    """
    require("train_pix2pix", len(inputs) == len(targets) > 0,
            f"inputs and targets must be pairs, got {len(inputs)} and {len(targets)}")
    chance = torch.Generator().manual_seed(int(seed))
    (g, g_schedule), (d, d_schedule) = _adam([generator], lr, steps), _adam([discriminator], lr, steps)
    generator.train()
    discriminator.train()

    def shown(x, y):
        return torch.cat([x, y], 1) if conditional else y

    with History(steps) as history:
        for _ in range(steps):
            rows = torch.randint(len(inputs), (int(batch_size),), generator=chance)
            x, y = inputs[rows], targets[rows]
            made = generator(x)
            near = F.l1_loss(made, y)
            loss_d = loss_g = torch.zeros(())
            if adversarial:
                loss_d = discriminator_loss(discriminator(shown(x, y)), discriminator(shown(x, made.detach())), loss)
                _move(d, d_schedule, loss_d)
                discriminator.requires_grad_(False)
                loss_g = generator_loss(discriminator(shown(x, made)), loss)
                discriminator.requires_grad_(True)
            _move(g, g_schedule, adversarial * loss_g + l1 * near)
            row = history.add(generator=loss_g, discriminator=loss_d, l1=near)
            if after_step is not None:
                after_step(row)
    return history.table()


@checked
def train_cyclegan(to_b: Net, to_a: Net, judge_a: Net, judge_b: Net, a: Floats, b: Floats, steps: Positive, *,
                   cycle: NonNegativeNumber = 10.0, identity: NonNegativeNumber = 0.0, batch_size: Positive = 32,
                   lr: PositiveNumber = 1e-3, loss: Loss = "hinge", seed: Seed = 0, after_step=None):
    """Train a translation forth and one back without pairs, in place (Zhu et al. 2017).  → the history, a table

    loss = G(judge_b(to_b(a))) + G(judge_a(to_a(b))) + cycle · (|to_a(to_b(a)) − a| + |to_b(to_a(b)) − b|)
         + identity · (|to_b(b) − b| + |to_a(a) − a|)

    with G = `generator_loss` and means over all numbers.  to_b, to_a: the two generators.  judge_a, judge_b: the two
    discriminators, each shown images of one kind, real and made.  a, b: (n, …) and (m, …), of no order in common; rows
    are drawn with replacement.  lr: of two Adams, falls on a line to 0 in the second half.
    The columns: step, generator and discriminator (sums over both directions), cycle (without its weight).
    All networks are in training mode, before and after.  Raises TypeError or ValueError naming the argument.
    """
    require("train_cyclegan", len(a) and len(b), f"a and b must have images, got {len(a)} and {len(b)}")
    chance = torch.Generator().manual_seed(int(seed))
    (g, g_schedule), (d, d_schedule) = _adam([to_b, to_a], lr, steps), _adam([judge_a, judge_b], lr, steps)
    judges = nn.ModuleList([judge_a, judge_b])
    for net in (to_b, to_a, judges):
        net.train()
    with History(steps) as history:
        for _ in range(steps):
            x, y = (images[torch.randint(len(images), (int(batch_size),), generator=chance)] for images in (a, b))
            made_b, made_a = to_b(x), to_a(y)
            loss_d = (discriminator_loss(judge_b(y), judge_b(made_b.detach()), loss)
                      + discriminator_loss(judge_a(x), judge_a(made_a.detach()), loss))
            _move(d, d_schedule, loss_d)
            judges.requires_grad_(False)
            loss_g = generator_loss(judge_b(made_b), loss) + generator_loss(judge_a(made_a), loss)
            judges.requires_grad_(True)
            with torch.set_grad_enabled(cycle > 0):
                around = F.l1_loss(to_a(made_b), x) + F.l1_loss(to_b(made_a), y)
            total = loss_g + cycle * around
            if identity:
                total = total + identity * (identity_loss(to_b, y) + identity_loss(to_a, x))
            _move(g, g_schedule, total)
            row = history.add(generator=loss_g, discriminator=loss_d, cycle=around)
            if after_step is not None:
                after_step(row)
    return history.table()
