"""Norms whose scale and shift come from elsewhere, and norms of the weights in place of the features."""

import torch
import torch.fx
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize

from ..checks import NonNegative, Positive, check_divisible, checked, is_number, require
from ..tensors import check_input, describe, describe_shape

__all__ = ["AdaptiveInstanceNorm2d", "ConditionalBatchNorm2d", "ConditionalGroupNorm", "SpectralNorm", "WeightNorm",
           "adaptive_instance_norm", "spectral_norm", "weight_norm"]


# ---- scale and shift from elsewhere ----------------------------------------------------------------------------------

def adaptive_instance_norm(content, style, eps=1e-5):
    """Give each channel of one image the mean and the spread that it has in another: AdaIN (Huang & Belongie 2017).

    out[n, c] = σ_style[n, c] · (content[n, c] − μ_content[n, c]) / σ_content[n, c] + μ_style[n, c]     σ = √(var + eps)

    content: (N, C, H, W)   style: (N, C, H', W')  →  (N, C, H, W)
    Raises TypeError or ValueError for other ranks, images or channels that are not as many in both, eps below 0.
    """
    check_input("adaptive_instance_norm", content)
    check_input("adaptive_instance_norm: style", style)
    require("adaptive_instance_norm", is_number(eps) and eps >= 0, f"eps must be a number from 0 on, got {eps!r}")
    if not isinstance(content, torch.fx.Proxy):
        require("adaptive_instance_norm", content.shape[:2] == style.shape[:2], "content and style must agree in N and "
                f"C, got shapes {tuple(content.shape)} and {tuple(style.shape)}")
    mean, std = _mean_and_std(content, eps)
    style_mean, style_std = _mean_and_std(style, eps)
    return style_std * (content - mean) / std + style_mean


def _mean_and_std(x, eps):
    return x.mean((2, 3), keepdim=True), (x.var((2, 3), correction=0, keepdim=True) + eps).sqrt()    # (N, C, 1, 1)


@checked
class AdaptiveInstanceNorm2d(nn.Module):
    """AdaIN as StyleGAN has it: scale and shift are a linear function of a style vector (Karras et al. 2019).

    out[n, c] = (1 + γ(w)[n, c]) · (x[n, c] − μ[n, c]) / √(σ²[n, c] + eps) + β(w)[n, c]       (γ, β) = A w + b

    x: (N, channels, H, W)   w: (N, features)  →  (N, channels, H, W);  μ, σ²: of each channel of each image.
    Raises TypeError or ValueError unless sizes are ints of at least 1 and for inputs of other shapes.
    """

    def __init__(self, channels: Positive, features: Positive):
        super().__init__()
        self.norm = nn.InstanceNorm2d(channels)
        self.affine = nn.Linear(features, 2 * channels)

    def forward(self, x, w):
        check_input(self, x, self.norm.num_features)
        _check_vectors(self, x, w, self.affine.in_features)
        return _modulate(self.norm(x), self.affine(w))


@checked
class ConditionalBatchNorm2d(nn.Module):
    """Batch norm with a scale and a shift for each class (de Vries et al. 2017).

    out[n, c] = (1 + γ[y[n], c]) · (x[n, c] − μ[c]) / √(σ²[c] + eps) + β[y[n], c]

    x: (N, channels, H, W)   y: (N,) ints from 0 to num_classes − 1  →  (N, channels, H, W).  γ, β begin at 0.
    Raises TypeError or ValueError unless sizes are ints of at least 1 and for inputs of other shapes.
    """

    def __init__(self, channels: Positive, num_classes: Positive):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.affine = nn.Embedding(num_classes, 2 * channels)
        nn.init.zeros_(self.affine.weight)

    def forward(self, x, y):
        check_input(self, x, self.norm.num_features)
        _check_classes(self, x, y, self.affine.num_embeddings)
        return _modulate(self.norm(x), self.affine(y.to(torch.int64)))


@checked
class ConditionalGroupNorm(nn.Module):
    """Group norm with scale and shift from a vector, as a diffusion net takes in time (Dhariwal & Nichol 2021).

    out[n, c] = (1 + γ(w)[n, c]) · group_norm(x)[n, c] + β(w)[n, c]       (γ, β) = A w + b: FiLM (Perez et al. 2018)

    x: (N, channels, H, W)   w: (N, features)  →  (N, channels, H, W).  A and b begin at 0, so γ and β do.
    Raises TypeError or ValueError unless sizes are ints of at least 1 and channels divide by groups, and for inputs of
    other shapes.
    """

    def __init__(self, channels, features: Positive, groups=8):
        super().__init__()
        check_divisible(self, channels=channels, groups=groups)
        self.norm = nn.GroupNorm(groups, channels, affine=False)
        self.affine = nn.Linear(features, 2 * channels)
        nn.init.zeros_(self.affine.weight)
        nn.init.zeros_(self.affine.bias)

    def forward(self, x, w):
        check_input(self, x, self.norm.num_channels)
        _check_vectors(self, x, w, self.affine.in_features)
        return _modulate(self.norm(x), self.affine(w))


def _modulate(x, parameters):
    """x: (N, C, H, W)   parameters: (N, 2C), γ then β  →  (1 + γ)·x + β"""
    gamma, beta = parameters[:, :, None, None].chunk(2, 1)
    return (1 + gamma) * x + beta


def _check_vectors(name, x, w, features):
    if not isinstance(x, torch.fx.Proxy):
        require(name, isinstance(w, torch.Tensor) and w.shape == (len(x), features),
                f"w must be a tensor ({len(x)}, {features}), a vector for each image, got {describe_shape(w)}")


def _check_classes(name, x, y, num_classes):
    if isinstance(x, torch.fx.Proxy):
        return
    require(name, isinstance(y, torch.Tensor) and not y.is_floating_point() and y.shape == x.shape[:1],
            f"y must be a tensor of ints ({len(x)},), a class for each image, got {describe(y)}")
    if len(y):
        least, most = int(y.min()), int(y.max())
        fits = 0 <= least and most < num_classes
        require(name, fits, f"y must be from 0 to {num_classes - 1}, got {least} to {most}")


# ---- norms of the weights --------------------------------------------------------------------------------------------
# Written as parametrizations of torch's: whenever layer.weight is read, it is computed from what is trained.

@checked
def weight_norm(layer, dim: NonNegative | None = 0):
    """Train length and direction of a layer's weights apart (Salimans & Kingma 2016); see `WeightNorm`.  → the layer

    layer: a module with a parameter `weight` of at least two axes.  dim: the axis that counts the vectors, 0 unless
    given; None: the weight is one vector.  A negative dim is refused: torch takes −1 for None.
    Raises TypeError for a layer without such a weight and unless dim is an int, ValueError for another dim.
    """
    weight = _weight_of("weight_norm", layer)
    _check_axis("weight_norm", weight, dim or 0)
    parametrize.register_parametrization(layer, "weight", WeightNorm(dim), unsafe=True)       # one tensor → two
    return layer


class WeightNorm(nn.Module):
    """weight = g · v / ‖v‖, a length and a direction for each index of axis dim (Salimans & Kingma 2016).

    g: as v, but of size 1 along the other axes   v: the weight's shape  →  the weight.  The norm is Euclidean, over all
    axes but dim.  `weight_norm` puts it into a layer.  Raises ValueError for a g of another shape.
    """

    def __init__(self, dim=0):
        super().__init__()
        self.dim = dim

    def forward(self, g, v):
        norm = self._norm(v)
        if not isinstance(g, torch.fx.Proxy):
            require(self, g.shape == norm.shape, f"g must have shape {tuple(norm.shape)}, got {tuple(g.shape)}")
        return g * (v / norm)

    def right_inverse(self, weight):
        """weight → g, v: what training begins with."""
        return self._norm(weight), weight

    def _norm(self, v):
        axes = [axis for axis in range(v.ndim) if axis != self.dim]              # None: all
        norm = v.square().sum(axes, keepdim=True).sqrt()
        return norm.reshape(()) if self.dim is None else norm


def spectral_norm(layer, n_power_iterations=1, eps=1e-12):
    """Divide a layer's weight by its largest singular value (Miyato et al. 2018); see `SpectralNorm`.  → the layer

    layer: a module with a parameter `weight` of at least two axes. As in torch the rows of the matrix are the output
    channels, which a transposed convolution has at axis 1.
    Raises TypeError for a layer without such a weight, TypeError or ValueError unless n_power_iterations is an int of
    at least 1.
    """
    weight = _weight_of("spectral_norm", layer)
    transposed = isinstance(layer, (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d))
    parametrize.register_parametrization(
        layer, "weight", SpectralNorm(weight, n_power_iterations, dim=int(transposed), eps=eps))
    return layer


@checked
class SpectralNorm(nn.Module):
    """weight / σ with σ ≈ its largest singular value, found by power iteration (Miyato et al. 2018).

    M: the weight (O, I, …) as a matrix (O, I·…)        u ← M v / ‖M v‖,  v ← Mᵀ u / ‖Mᵀ u‖,  σ = uᵀ M v

    In training each call iterates n_power_iterations times from where the last one stopped: weights move little between
    two steps. In eval mode u and v stay. To the gradient they are constants.  dim: the axis that becomes the rows of M.
    eps: the smallest norm to divide by in the iteration.  `spectral_norm` puts it into a layer.
    Raises TypeError or ValueError for a weight of fewer than two axes, another dim, and unless n_power_iterations is an
    int of at least 1.
    """

    def __init__(self, weight, n_power_iterations: Positive = 1, dim: NonNegative = 0, eps=1e-12):
        super().__init__()
        require(self, isinstance(weight, torch.Tensor) and weight.ndim >= 2,
                f"weight must be a tensor of at least two axes, got {describe_shape(weight)}")
        _check_axis(self, weight, dim)
        self.n_power_iterations, self.dim, self.eps = n_power_iterations, dim, eps
        with torch.no_grad():
            matrix = self._matrix(weight)
            self.register_buffer("u", F.normalize(torch.randn_like(matrix[:, 0]), dim=0, eps=eps))
            self.register_buffer("v", F.normalize(torch.randn_like(matrix[0]), dim=0, eps=eps))
            self._iterate(matrix, 15)                                    # so many are torch's begin too

    def forward(self, weight):
        matrix = self._matrix(weight)
        if self.training:
            with torch.no_grad():
                self._iterate(matrix, self.n_power_iterations)
        return weight / (self.u @ matrix @ self.v)

    def _matrix(self, weight):
        return weight.movedim(self.dim, 0).flatten(1)

    def _iterate(self, matrix, times):
        for _ in range(times):
            self.u = F.normalize(matrix @ self.v, dim=0, eps=self.eps)
            self.v = F.normalize(matrix.T @ self.u, dim=0, eps=self.eps)


def _check_axis(name, weight, dim):
    require(name, dim < weight.ndim, f"dim must be from 0 to {weight.ndim - 1}, got {dim}")


def _weight_of(name, layer):
    weight = getattr(layer, "weight", None)
    if not isinstance(layer, nn.Module) or not isinstance(weight, torch.Tensor) or weight.ndim < 2:
        raise TypeError(f"{name}: layer must be a module with a weight of at least two axes, got {layer!r}")
    return weight
