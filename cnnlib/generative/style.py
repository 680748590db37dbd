"""Pictures judged by a network that knows pictures: a distance, and images made to have another's content or texture.

Colours are in [0, 1] everywhere; a function that got anything else would return a number all the same, so it refuses.
"""

import torch

from ..checks import NonNegativeNumber, Positive, PositiveNumber, Seed, check_int, check_type, checked, require
from ..interpret.visualization import FourierImage
from ..losses import feature_maps, gram_matrix
from ..modes import in_mode
from ..tensors import Floats, Net, check_range

__all__ = ["CONTENT_LAYERS", "PERCEPTUAL_LAYERS", "STYLE_LAYERS", "fourier_image", "perceptual_distance",
           "style_transfer", "texture_synthesis"]

# Of `efficientnet_lite0`, whose blocks 0, 2, 4, 10, 15 end the stages at 1/2, 1/4, 1/8, 1/16, 1/32 of the image's side.
PERCEPTUAL_LAYERS = ("blocks.0", "blocks.2", "blocks.4", "blocks.7", "blocks.10", "blocks.15")
STYLE_LAYERS = ("stem", "blocks.0", "blocks.2", "blocks.4", "blocks.7")
CONTENT_LAYERS = ("blocks.10",)


def _colors(name, argument, x):
    """Raises unless x is (N, 3, H, W) with values in [0, 1]."""
    require(name, x.ndim == 4 and x.shape[1] == 3 and x.numel(), f"{argument} must be (N, 3, H, W), got shape "
                                                                 f"{tuple(x.shape)}")
    check_range(name, 0, 1, **{argument: x})


@checked
def perceptual_distance(net: Net, x: Floats, y: Floats, layers=PERCEPTUAL_LAYERS, *, prepare=None):
    """How different two pictures are to a network: LPIPS without its learned weights (Zhang et al. 2018).

    d[n] = Σ_l 1/(H_l W_l) Σ_{h, w} ‖u_l(x) − u_l(y)‖²       u_l: the features of layer l at a place, divided by their
    length there, so that it lies between 0 and 4 for each layer, and between 0 and 2 behind a ReLU.

    x, y: (N, 3, H, W), colours in [0, 1]: for [−1, 1], which LPIPS takes, pass (x + 1) / 2.  net: trained, in
    evaluation mode.  layers: names, as in `losses.feature_maps`.  prepare: from colours to the input of net, such as
    `architectures.normalize_lite0`.  → (N,), gradients reach x and y.
    Raises TypeError or ValueError naming the argument, also for values outside of [0, 1].
    """
    name, prepare = "perceptual_distance", _prepare("perceptual_distance", prepare)
    require(name, x.shape == y.shape, f"x and y must have one shape, got {tuple(x.shape)} and {tuple(y.shape)}")
    _colors(name, "x", x)
    _colors(name, "y", y)
    ours, theirs = (feature_maps(net, prepare(image), layers) for image in (x, y))
    return sum((_unit(ours[layer]) - _unit(theirs[layer])).square().sum(1).mean((1, 2)) for layer in ours)


def _unit(f):
    """(N, C, H, W) with length 1 along C; where all channels are 0 they stay 0."""
    return f * f.square().sum(1, keepdim=True).clamp(min=1e-12).rsqrt()


@checked
def fourier_image(x: Floats):
    """A `FourierImage` that begins as the images x: what an optimisation starts from.

    x: (N, 3, S, S) in [0, 1]; black and white become 0.02 and 0.98, as a sigmoid reaches neither.
    Raises TypeError or ValueError naming the argument.
    """
    _colors("fourier_image", "x", x)
    require("fourier_image", x.shape[2] == x.shape[3], f"x must be square, got shape {tuple(x.shape)}")
    picture = FourierImage(x.shape[-1], len(x)).to(x.dtype)
    waves = torch.einsum("ij,njhw->nihw", torch.linalg.inv(picture.colors), x.detach().clamp(0.02, 0.98).logit())
    with torch.no_grad():
        picture.weight.copy_(torch.view_as_real(torch.fft.rfft2(waves) / picture.scale))
    return picture


@checked
def style_transfer(net: Net, content: Floats, style: Floats, steps: Positive = 100, lr: PositiveNumber = 0.03, *,
                   style_layers=STYLE_LAYERS, content_layers=CONTENT_LAYERS, content_weight: NonNegativeNumber = 0.05,
                   shift: int = 16, prepare=None, seed: Seed = 0, after_step=None):
    """One picture's content with another's textures (Gatys et al. 2016).

    min over x of  mean_l ‖G_l(x) − G_l(style)‖² / ‖G_l(style)‖²
                   + content_weight · mean_l ‖φ_l(x) − φ_l(content)‖² / ‖φ_l(content)‖²

    φ_l: what layer l gives; G_l: its `gram_matrix`.  The image is a `FourierImage` that begins as the content; Adam's
    step falls to a tenth on a line.  content: (1, 3, S, S), style: (1, 3, H, W), in [0, 1].  shift: in each step image
    and content are rolled alike, by up to so many pixels, so that no grid of strides shows.  prepare: as in
    `perceptual_distance`.  after_step: called as after_step(step, image, style's loss, content's loss).
    → tensor (1, 3, S, S), in (0, 1).  net stays as it was.  Raises TypeError or ValueError naming the argument.
    """
    _one("style_transfer", content=content, style=style)
    return _made("style_transfer", net, fourier_image(content), content, style, steps, lr, style_layers,
                 content_layers, content_weight, shift, prepare, seed, after_step)


@checked
def texture_synthesis(net: Net, texture: Floats, size: Positive = 129, steps: Positive = 150, lr: PositiveNumber = 0.05,
                      *, layers=STYLE_LAYERS, shift: int = 16, prepare=None, seed: Seed = 0, after_step=None):
    """A new piece of a texture, from noise: an image of the same Gram matrices (Gatys, Ecker & Bethge 2015).

    min over x of  mean_l ‖G_l(x) − G_l(texture)‖² / ‖G_l(texture)‖²

    texture: (1, 3, H, W), colours in [0, 1].  size: of the image's sides.  What else: as in `style_transfer`; the loss
    of the content is 0.  → tensor (1, 3, size, size), in (0, 1).  Raises TypeError or ValueError naming the argument.
    """
    _one("texture_synthesis", texture=texture)
    return _made("texture_synthesis", net, FourierImage(size, 1, seed), None, texture, steps, lr, layers, (), 0.0,
                 shift, prepare, seed, after_step)


# ---- shared ----------------------------------------------------------------------------------------------------------

def _one(name, **images):
    for argument, x in images.items():
        _colors(name, argument, x)
        require(name, len(x) == 1, f"{argument} must be one image (1, 3, H, W), got shape {tuple(x.shape)}")


def _prepare(name, prepare):
    require(name, prepare is None or callable(prepare), f"prepare must be None or a function, got {prepare!r}")
    return prepare or (lambda x: x)


def _made(name, net, picture, content, style, steps, lr, style_layers, content_layers, content_weight, shift, prepare,
          seed, after_step):
    """The loop of both: the picture, whose parameters are changed, after the steps."""
    check_int(name, 0, shift=shift)
    for argument, layers in (("style_layers", style_layers), ("content_layers", content_layers)):
        check_type(name, (list, tuple), "a list of names", **{argument: layers})
    prepare, names = _prepare(name, prepare), list(dict.fromkeys([*style_layers, *content_layers]))

    def maps_of(x, layers):
        return feature_maps(net, prepare(x).contiguous(memory_format=torch.channels_last), layers)   # twice as fast

    chance = torch.Generator().manual_seed(int(seed))
    optimizer = torch.optim.Adam(picture.parameters(), lr=float(lr), betas=(0.9, 0.99))
    with in_mode(net, training=False), torch.enable_grad():
        with torch.no_grad():
            wanted = {layer: gram_matrix(f) for layer, f in maps_of(style, style_layers).items()}
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = lr * (1 - 0.9 * step / steps)
            image = picture()
            rolls = tuple(torch.randint(-shift, shift + 1, (2,), generator=chance).tolist())
            maps = maps_of(image.roll(rolls, (2, 3)), names)
            textures = sum(_relative(gram_matrix(maps[layer]), g) for layer, g in wanted.items()) / len(wanted)
            things = image.new_zeros(())
            if content_weight:
                with torch.no_grad():
                    there = maps_of(content.roll(rolls, (2, 3)), content_layers)
                things = sum(_relative(maps[layer], f) for layer, f in there.items()) / len(there)
            picture.weight.grad, = torch.autograd.grad(textures + content_weight * things, picture.weight)
            optimizer.step()
            if after_step is not None:
                after_step(step + 1, picture().detach(), float(textures.detach()), float(things.detach()))
    return picture().detach()


def _relative(a, b):
    return (a - b).square().sum() / b.square().sum().clamp(min=1e-12)
