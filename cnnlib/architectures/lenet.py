"""LeNet-5, the network that read cheques: as it is built today, and as it was in 1998."""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn

from cnnlib.checks import Positive, checked, require
from cnnlib.tensors import check_input, check_shape

__all__ = ["LeNet5", "LeNet5Of1998", "RadialBasis", "ScaledTanh", "SparseC3", "SubSampling", "lenet5", "lenet5_1998",
           "small_lenet"]


@checked
class LeNet5(nn.Module):
    """LeNet-5 (LeCun et al. 1998) with ReLU, max pooling and every map connected to every other: 61,706 parameters.

    (N, in_channels, 28, 28)  →  (N, num_classes) with padding=2;  (N, in_channels, 32, 32) with padding=0.
    Its parts have the names of those of `cnnlib.scratch.lenet.LeNet`.
    Raises TypeError or ValueError unless sizes are ints of at least 1, for another padding and images of another size.
    """

    def __init__(self, num_classes: Positive = 10, in_channels: Positive = 1, padding=2):
        super().__init__()
        self.in_channels, self.image_size = in_channels, _image_size(self, padding)
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 6, 5, padding=padding), nn.ReLU(), nn.MaxPool2d(2),       # (N, 6, 14, 14)
            nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),                                 # (N, 16, 5, 5)
        )
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, num_classes),
        )

    def forward(self, x):
        check_input(self, x, self.in_channels, exactly=self.image_size)
        return self.classifier(self.features(x))


@checked
class LeNet5Of1998(nn.Module):
    """LeNet-5 as LeCun et al. (1998) describe it, layers named as there: 60,000 trainable parameters.

    (N, in_channels, 28, 28)  →  (N, num_classes) with padding=2;  (N, in_channels, 32, 32), as there, with padding=0.
    Outputs are minus the squared distances to the codes of the classes, at most 0: the largest is the best class, and
    their cross-entropy is equation (9) of the paper without its constant for other things than digits.
    Weights start uniform with a standard deviation of 1/√(inputs of the unit) (LeCun et al. 1998b) and coefficients at
    1. The paper has ±2.4/(inputs of the unit) for both; started so and trained by cross-entropy on 4,000 digits, the
    network came no further here than a linear classifier does.
    Raises TypeError or ValueError unless sizes are ints of at least 1, for another padding, more than 127 classes, and
    images of another size.
    """

    def __init__(self, num_classes: Positive = 10, in_channels: Positive = 1, padding=2):
        super().__init__()
        self.in_channels, self.image_size = in_channels, _image_size(self, padding)
        self.layers = nn.Sequential(OrderedDict(
            C1=nn.Conv2d(in_channels, 6, 5, padding=padding), squash1=ScaledTanh(),          # (N, 6, 28, 28)
            S2=SubSampling(6), squash2=ScaledTanh(),                                         # (N, 6, 14, 14)
            C3=SparseC3(), squash3=ScaledTanh(),                                             # (N, 16, 10, 10)
            S4=SubSampling(16), squash4=ScaledTanh(),                                        # (N, 16, 5, 5)
            C5=nn.Conv2d(16, 120, 5), squash5=ScaledTanh(), flatten=nn.Flatten(),            # (N, 120)
            F6=nn.Linear(120, 84), squash6=ScaledTanh(),                                     # (N, 84)
            output=RadialBasis(84, num_classes),                                             # (N, num_classes)
        ))
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                bound = (3 / layer.weight[0].numel()) ** 0.5             # the deviation of a uniform one is bound/√3
                nn.init.uniform_(layer.weight, -bound, bound)
                nn.init.zeros_(layer.bias)

    def forward(self, x):
        check_input(self, x, self.in_channels, exactly=self.image_size)
        return self.layers(x)


@checked
class SubSampling(nn.Module):
    """Add up squares of 2×2 pixels; one coefficient and one bias for each map (LeCun et al. 1998, layers S2 and S4).

    out[n, c, i, j] = a[c] · (x[n, c, 2i, 2j] + x[n, c, 2i, 2j+1] + x[n, c, 2i+1, 2j] + x[n, c, 2i+1, 2j+1]) + b[c]

    (N, channels, H, W)  →  (N, channels, ⌊H/2⌋, ⌊W/2⌋).  a starts at 1, b at 0.
    Raises TypeError or ValueError unless channels is an int of at least 1, for images of other channels or below 2×2.
    """

    def __init__(self, channels: Positive):
        super().__init__()
        self.coefficient = nn.Parameter(torch.ones(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x):
        check_input(self, x, self.coefficient.shape[0], least=(2, 2))
        return self.coefficient * (4 * F.avg_pool2d(x, 2)) + self.bias


class SparseC3(nn.Module):
    """A 5×5 convolution whose 16 maps see 3, 4 or all of the 6 maps before it (LeCun et al. 1998, Table I).

    (N, 6, H, W)  →  (N, 16, H−4, W−4).  1,516 parameters instead of 2,416.
    Maps that see equally many others are one grouped convolution of the maps that they see, laid side by side.
    Raises ValueError for other channels or images below 5×5.
    """

    THREE = [(0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)]               # neighbours, in a ring
    FOUR = [(0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
            (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)]                                        # the last three have gaps

    def __init__(self):
        super().__init__()
        self.three = nn.Conv2d(3 * 6, 6, 5, groups=6)
        self.four = nn.Conv2d(4 * 9, 9, 5, groups=9)
        self.six = nn.Conv2d(6, 1, 5)

    def forward(self, x):
        check_input(self, x, 6, least=(5, 5))
        threes = x[:, [seen for maps in self.THREE for seen in maps]]                        # (N, 18, H, W)
        fours = x[:, [seen for maps in self.FOUR for seen in maps]]                          # (N, 36, H, W)
        return torch.cat([self.three(threes), self.four(fours), self.six(x)], 1)


class ScaledTanh(nn.Module):
    """f(x) = 1.7159 · tanh(2x/3), so that f(±1) = ±1, where it bends most (LeCun et al. 1998).  Any shape → the same.

    Raises TypeError for anything but a tensor of floats.
    """

    def forward(self, x):
        check_shape(self, x, "*")
        return 1.7159 * torch.tanh(2 / 3 * x)


@checked
class RadialBasis(nn.Module):
    """Minus the squared distance to a fixed code of ±1 for each class (LeCun et al. 1998).

    out[n, k] = −Σ_j (x[n, j] − code[k, j])²                    (N, features)  →  (N, num_classes)

    The paper's codes are pictures of the characters, 7×12 pixels drawn by hand, which we do not have. Ours are Walsh
    functions: code[k, j] is −1 where k + 1 and j, written in binary, have an odd number of ones in common, else +1.
    With 84 features any two of ten classes differ in 40 or 42 places. The codes are a buffer: they are not trained.
    Raises TypeError or ValueError unless sizes are ints of at least 1, for more classes than there are such codes (127
    with 84 features), and another number of features.
    """

    def __init__(self, features: Positive, num_classes: Positive):
        super().__init__()
        most = 2 ** (features - 1).bit_length() - 1
        require(self, num_classes <= most,
                f"num_classes must be at most {most} with {features} features, got {num_classes}")
        self.register_buffer("codes", torch.tensor([[(-1.0) ** (k & j).bit_count() for j in range(features)]
                                                    for k in range(1, num_classes + 1)]))

    def forward(self, x):
        check_shape(self, x, "N", self.codes.shape[1])
        return -((x.unsqueeze(1) - self.codes) ** 2).sum(2)


def lenet5(num_classes=10, in_channels=1, padding=2):
    """LeNet-5 of today, 61,706 parameters: (N, 1, 28, 28) → (N, 10), or 32×32 with padding=0.  Raises: see `LeNet5`."""
    return LeNet5(num_classes, in_channels, padding)


def lenet5_1998(num_classes=10, in_channels=1, padding=2):
    """LeNet-5 of 1998, 60,000 trainable parameters: (N, 1, 28, 28) → (N, 10), or 32×32 with padding=0.

    Raises: see `LeNet5Of1998`.
    """
    return LeNet5Of1998(num_classes, in_channels, padding)


def small_lenet(num_classes=10, in_channels=1):
    """`lenet5` for 28×28 digits: it was small from the start.  (N, 1, 28, 28) → (N, 10).  Raises: see `LeNet5`."""
    return LeNet5(num_classes, in_channels)


def _image_size(name, padding):
    """28×28 padded to the paper's 32×32, or that itself: what leaves 5×5 for the dense layers."""
    require(name, padding in (0, 2), f"padding must be 2, for images of 28×28, or 0, for 32×32; got {padding!r}")
    return (32 - 2 * padding, 32 - 2 * padding)
