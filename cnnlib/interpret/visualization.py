"""Images made for a network: what a channel or a class wants to see, and what a layer still knows of a photograph."""

import torch
from torch import nn

from ..checks import Positive, PositiveNumber, Seed, check_choice, check_int, checked, require
from ..modes import in_mode
from ..tensors import Floats, Net
from ..training.augmentation import affine
from .probing import logits_of, only, output_of

__all__ = ["FourierImage", "PixelImage", "invert", "visualize"]

# The colours of the photographs of `cnnlib.data`: brightness first, blue against yellow, green against magenta last,
# each as long as it varies in them (a test computes it again).  (3 colours, 3 axes)
COLORS = [[0.66, -0.31, 0.03], [0.56, 0.10, -0.09], [0.51, 0.29, 0.06]]


# ---- the numbers an image is made of ---------------------------------------------------------------------------------

@checked
class PixelImage(nn.Module):
    """An image whose parameters are its pixels: x = sigmoid(w).

    () → (count, 3, size, size), in (0, 1).  It begins as grey, w of deviation 0.01 around 0.
    """

    def __init__(self, size: Positive, count: Positive = 1, seed: Seed = 0):
        super().__init__()
        generator = torch.Generator().manual_seed(int(seed))
        self.weight = nn.Parameter(0.01 * torch.randn(count, 3, size, size, generator=generator))

    def forward(self):
        return self.weight.sigmoid()


@checked
class FourierImage(nn.Module):
    """An image whose parameters are frequencies and colours that vary independently in photographs.

    x = sigmoid(M F⁻¹(s w)),    s(f) = size / (4 max(|f|, 1/size)),  f in cycles per pixel;  M: `COLORS`

    A step of equal size for every w changes low frequencies most, as 1/f is the spectrum of photographs. In pixels
    every frequency has the same step, and what attacks a network is mostly high ones.
    () → (count, 3, size, size), in (0, 1).  Source: Olah, Mordvintsev & Schubert (2017).
    """

    def __init__(self, size: Positive, count: Positive = 1, seed: Seed = 0):
        super().__init__()
        generator = torch.Generator().manual_seed(int(seed))
        rows, columns = torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)[None]
        self.size = size
        self.register_buffer("scale", size / 4 / (rows**2 + columns**2).sqrt().clamp(min=1 / size))
        self.register_buffer("colors", torch.tensor(COLORS))
        self.weight = nn.Parameter(0.01 * torch.randn(count, 3, *self.scale.shape, 2, generator=generator))

    def forward(self):
        spectrum = torch.view_as_complex(self.weight) * self.scale
        waves = torch.fft.irfft2(spectrum, s=(self.size, self.size))
        return torch.einsum("ij,njhw->nihw", self.colors, waves).sigmoid()


IMAGES = {"fourier": FourierImage, "pixels": PixelImage}


# ---- what a part of the network wants to see -------------------------------------------------------------------------

@checked
def visualize(net: Net, target, layer: Net | None = None, size: Positive = 129, steps: Positive = 128,
              lr: PositiveNumber = 0.05, *, image="fourier", move=True, prepare=None, seed: Seed = 0):
    """Images that a class, or a channel of a layer, answers most to: gradient ascent on the image.

    max over x of z_c(T x), or of the mean over places of A_c(T x), the channel of `layer`

    target: c, an int, or several: one image each.  layer: None for the logits of net, or a module of net; take what
    comes before a ReLU, since a channel that is 0 everywhere has no gradient.  image: "fourier" or "pixels", how the
    image is written.  move: whether T turns (±10°), scales (.85 to 1.2) and shifts (±5 %) the image by chance in each
    step, or leaves it.  prepare: from colours in [0, 1] to the input of net.  steps, lr: of Adam.
    → tensor (len(target), 3, size, size), in (0, 1).  net stays as it was: mode, gradients, hooks.
    Raises TypeError or ValueError naming the argument.  Source: Olah, Mordvintsev & Schubert (2017).
    """
    name = "visualize"
    targets = torch.as_tensor(target).reshape(-1)
    check_int(name, 0, **{"target": min(targets.tolist(), default=-1)})
    targets = targets.long()
    check_choice(name, "image", image, IMAGES)
    picture = IMAGES[image](size, len(targets), seed)
    chance, prepare = torch.Generator().manual_seed(int(seed) + 1), _function(name, prepare)

    def answer(x):
        if layer is None:
            return logits_of(name, net, x, targets)
        with output_of(name, net, layer) as kept:
            net(x)
        output = only(name, kept)
        require(name, int(targets.max()) < output.shape[1],
                f"target must be from 0 to {output.shape[1] - 1}, got {int(targets.max())}")
        return output[range(len(targets)), targets].mean((1, 2))

    def loss(x):
        return -answer(prepare(_moved(x, chance) if move else x)).sum()

    return _optimized(net, picture, loss, steps, lr)


def _moved(x, chance):
    """All images turned, scaled and shifted alike, by chance; what comes in at the border is mirrored."""
    angle, grow, down, right = (torch.rand(4, generator=chance) * 2 - 1).tolist()
    shift = 0.05 * x.shape[-1]
    return affine(x, 10 * angle, shift * down, shift * right, 1.025 + 0.175 * grow, padding_mode="reflection")


# ---- what a layer still knows ----------------------------------------------------------------------------------------

@checked
def invert(net: Net, x: Floats, layer: Net, steps: Positive = 120, lr: PositiveNumber = 0.05, *, prepare=None,
           seed: Seed = 0):
    """An image that a layer cannot tell from x: what it still knows of it.

    min over x̂ of ‖A(x̂) − A(x)‖² / ‖A(x)‖²        A: what the layer gives

    x: one image (1, 3, S, S), colours in [0, 1].  layer: a module of net.  prepare, steps, lr and what stays as it was:
    as in `visualize`; the image is written as a `FourierImage`.  → tensor (1, 3, S, S), in (0, 1).
    Raises TypeError or ValueError naming the argument.  Source: Mahendran & Vedaldi (2015).
    """
    name, prepare = "invert", _function("invert", prepare)
    require(name, x.ndim == 4 and x.shape[:2] == (1, 3) and x.shape[2] == x.shape[3],
            f"x must be (1, 3, S, S), got shape {tuple(x.shape)}")

    def features(image):
        with output_of(name, net, layer) as kept:
            net(prepare(image))
        return only(name, kept)

    with in_mode(net, training=False), torch.no_grad():
        wanted = features(x)
    norm = wanted.square().sum().clamp(min=1e-12)
    picture = FourierImage(x.shape[-1], 1, seed)
    return _optimized(net, picture, lambda image: (features(image) - wanted).square().sum() / norm, steps, lr)


# ---- shared ----------------------------------------------------------------------------------------------------------

def _function(name, prepare):
    """prepare, or what leaves the image as it is."""
    require(name, prepare is None or callable(prepare), f"prepare must be None or a function, got {prepare!r}")
    return prepare or (lambda image: image)


def _optimized(net, picture, loss, steps, lr):
    """The picture after `steps` of Adam on the loss of what it shows; the gradients of net are left alone."""
    optimizer = torch.optim.Adam(picture.parameters(), lr=float(lr))
    with in_mode(net, training=False), torch.enable_grad():
        for _ in range(steps):
            picture.weight.grad, = torch.autograd.grad(loss(picture()), picture.weight)
            optimizer.step()
    return picture().detach()
