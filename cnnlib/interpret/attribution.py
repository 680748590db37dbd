"""Which pixels make the logit of a class: maps by gradients, by activations, and by covering the image.

z_c(x) is the logit of class c of an image x, before softmax: a probability near 1 has a gradient near 0.
"""

import torch
from torch import nn

from ..checks import Positive, Seed, checked, require
from ..modes import in_mode
from ..tensors import Floats, Net, NonNegativeScalar, Scalar
from .probing import check_images, logits_of, only, output_of

__all__ = ["grad_cam", "guided_backprop", "integrated_gradients", "occlusion", "saliency", "smooth_grad"]

RECTIFIERS = (nn.ReLU, nn.ReLU6)


# ---- gradients of the logit with respect to the pixels ---------------------------------------------------------------

def _gradient(name, net, x, target):
    """∂z_target / ∂x, the shape of x; nothing is added to the gradients of net."""
    x = x.detach().clone().requires_grad_()
    with torch.enable_grad():
        slope, = torch.autograd.grad(logits_of(name, net, x, target).sum(), x)
    return slope


@checked
def saliency(net: Net, x: Floats, target):
    """How much the logit moves with each number of the image.

    S = |∂z_c(x) / ∂x|

    net: (N, C, H, W) → logits (N, classes).  x: (N, C, H, W) floats.  target: the class c, an int, or (N,) of them.
    → tensor (N, C, H, W), ≥ 0; `.amax(1)` is the map of the paper.  net runs in eval mode, and its mode, its gradients
    and its hooks stay as they were.  Raises TypeError or ValueError naming the argument.
    Source: Simonyan, Vedaldi & Zisserman (2014).
    """
    target = check_images("saliency", net, x, target)
    with in_mode(net, training=False):
        return _gradient("saliency", net, x, target).abs()


@checked
def smooth_grad(net: Net, x: Floats, target, samples: Positive = 25, noise: NonNegativeScalar = 0.15, seed: Seed = 0):
    """The gradient, averaged over noisy copies of the image.

    G = 1/n Σ_k ∂z_c(x + ε_k) / ∂x,    ε_k ~ N(0, σ²),    σ = noise · (max x − min x), of each image by itself

    samples: n.  noise: σ in ranges of the image, 0.1 to 0.2 in the paper.  seed: of the noise.
    net, x, target and what stays as it was: as in `saliency`.  → tensor (N, C, H, W), with signs.
    Raises TypeError or ValueError naming the argument.  Source: Smilkov et al. (2017).
    """
    target = check_images("smooth_grad", net, x, target)
    x, generator = x.detach(), torch.Generator().manual_seed(int(seed))
    sigma = noise * (x.amax((1, 2, 3), keepdim=True) - x.amin((1, 2, 3), keepdim=True))
    total = torch.zeros_like(x)
    with in_mode(net, training=False):
        for _ in range(samples):
            epsilon = torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x.device)
            total += _gradient("smooth_grad", net, x + sigma * epsilon, target)
    return total / samples


@checked
def integrated_gradients(net: Net, x: Floats, target, baseline=0.0, steps: Positive = 50):
    """What each number of the image adds to the logit on the straight way from a baseline b to the image.

    I = (x − b) ∫₀¹ ∂z_c(b + t (x − b)) / ∂x dt,    Σ I = z_c(x) − z_c(b)    (completeness)

    baseline: b, a number or a tensor that fits x: black where nothing is 0.  steps: of the midpoint rule; the sum
    above misses by what the rule misses.
    net, x, target and what stays as it was: as in `saliency`.  → tensor (N, C, H, W), with signs.
    Raises TypeError or ValueError naming the argument.  Source: Sundararajan, Taly & Yan (2017).
    """
    name = "integrated_gradients"
    target, x = check_images(name, net, x, target), x.detach()
    baseline = torch.as_tensor(baseline, dtype=x.dtype, device=x.device)
    try:
        way = x - baseline.expand(x.shape)
    except RuntimeError:
        raise ValueError(f"{name}: baseline must be a number or fit x {tuple(x.shape)}, got shape "
                         f"{tuple(baseline.shape)}") from None
    total = torch.zeros_like(x)
    with in_mode(net, training=False):
        for step in range(steps):
            total += _gradient(name, net, baseline + (step + 0.5) / steps * way, target)
    return way * total / steps


@checked
def guided_backprop(net: Net, x: Floats, target):
    """The gradient, where each ReLU sends back positive gradients only: sharp, and nearly the same for any weights.

    R = (f > 0) (g > 0) g        f: what came into the ReLU, g: the gradient that comes back to it

    The layers are those of the classes nn.ReLU and nn.ReLU6; F.relu within a forward is not seen.
    net, x, target and what stays as it was: as in `saliency`.  → tensor (N, C, H, W), with signs.
    Raises ValueError too when net has no such layer.  Source: Springenberg et al. (2015).
    """
    name = "guided_backprop"
    target = check_images(name, net, x, target)
    layers = [module for module in net.modules() if isinstance(module, RECTIFIERS)]
    require(name, layers, "net must have layers nn.ReLU or nn.ReLU6, it has none")

    def clamp(module, inputs, output):
        # autograd itself multiplies by (f > 0); on the output, since layers in place or used twice break module hooks
        output.register_hook(lambda g: g.clamp(min=0))

    handles = [layer.register_forward_hook(clamp) for layer in layers]
    try:
        with in_mode(net, training=False):
            return _gradient(name, net, x, target)
    finally:
        for handle in handles:
            handle.remove()


# ---- activations, and covering ---------------------------------------------------------------------------------------

@checked
def grad_cam(net: Net, x: Floats, target, layer: Net):
    """Where in a layer is the evidence for a class.

    L = ReLU(Σ_k α_k A_k),    α_k = mean over places of ∂z_c / ∂A_k        A: what the layer gives, (N, K, h, w)

    layer: a module of net that runs once, as a rule the last before the pooling.
    net, x, target and what stays as it was: as in `saliency`.  → tensor (N, 1, h, w), ≥ 0, as coarse as the layer;
    `F.interpolate(L, x.shape[2:], mode="bilinear")` lays it over the image.
    Raises TypeError or ValueError naming the argument.  Source: Selvaraju et al. (2017).
    """
    name = "grad_cam"
    target = check_images(name, net, x, target)
    with in_mode(net, training=False), output_of(name, net, layer) as kept, torch.enable_grad():
        z = logits_of(name, net, x.detach().clone().requires_grad_(), target).sum()
        activation = only(name, kept)
        slope, = torch.autograd.grad(z, activation)
    weights = slope.mean((2, 3), keepdim=True)
    return (weights * activation.detach()).sum(1, keepdim=True).relu()


@checked
def occlusion(net: Net, x: Floats, target, size: Positive, stride: Positive | None = None, value: Scalar = 0.0):
    """By how much the logit falls when a square covers the image there.

    O[i, j] = mean over the squares that cover pixel i, j of z_c(x) − z_c(x, covered)

    size: side of the square.  stride: from square to square, size unless given; the last one is cut at the border.
    value: what covers, in the numbers of the input.
    net, x, target and what stays as it was: as in `saliency`.  → tensor (N, 1, H, W); a pixel that no square covers
    (stride > size) has 0.  Raises TypeError or ValueError naming the argument.  Source: Zeiler & Fergus (2014).
    """
    name = "occlusion"
    target, x = check_images(name, net, x, target), x.detach()
    height, width = x.shape[2:]
    require(name, size <= min(height, width), f"size must fit into {height} × {width}, got {size}")
    stride = stride or size
    total, covered = x.new_zeros(len(x), 1, height, width), x.new_zeros(height, width)
    with in_mode(net, training=False), torch.no_grad():
        whole = logits_of(name, net, x, target)
        for top in _starts(height, size, stride):
            for left in _starts(width, size, stride):
                square = ..., slice(top, top + size), slice(left, left + size)
                hidden = x.clone()
                hidden[square] = value
                total[square] += (whole - logits_of(name, net, hidden, target))[:, None, None, None]
                covered[square] += 1
    return total / covered.clamp(min=1)


def _starts(length, size, stride):
    """Where squares begin: as many as cover the side, the last one cut where it ends."""
    return range(0, stride * -(-(length - size) // stride) + 1, stride)
