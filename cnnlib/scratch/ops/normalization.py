"""Norms that `torch.nn.functional` does not have, forward and backward.

Adaptive instance normalisation gives the features of one image the statistics of another; of weights, weight norm sets
length apart from direction, and spectral norm sets the largest singular value to 1.
"""


import numpy as np

from cnnlib.checks import check_float, check_grad_output, check_number, is_int

__all__ = [
    "adaptive_instance_norm", "adaptive_instance_norm_backward", "power_iteration", "spectral_norm",
    "spectral_norm_backward", "weight_norm", "weight_norm_backward",
]


def adaptive_instance_norm(content, style, eps=1e-5):
    """Give each channel of one image the mean and the spread that it has in another: AdaIN (Huang & Belongie 2017).

    out[n, c] = s_style[n, c] · x̂[n, c] + μ_style[n, c]        x̂ = (content − μ_content)/s_content,  s = √(σ² + eps)

    content: (N, C, *)   style: (N, C, *), whose size may be another  →  (N, C, *) as content.
    Raises TypeError or ValueError naming the argument.
    """
    content, style = _check_images("adaptive_instance_norm", content, style, eps)
    mean, spread = _statistics(content, eps)
    style_mean, style_spread = _statistics(style, eps)
    return style_spread * ((content - mean) / spread) + style_mean


def adaptive_instance_norm_backward(grad_output, content, style, eps=1e-5):
    """For content, with g = s_style · dy, it is instance norm: dx = (g − mean(g) − x̂ · mean(g·x̂))/s_content.

    For style: dμ = Σ dy and ds = Σ dy·x̂; every element moves both, ∂μ/∂y_i = 1/M and ∂s/∂y_i = (y_i − μ)/(M·s):
    dy_i = (dμ + ds·(y_i − μ_style)/s_style)/M        with M elements in each channel of style
    """
    name = "adaptive_instance_norm_backward"
    content, style = _check_images(name, content, style, eps)
    grad_output = check_grad_output(name, grad_output, content.shape, content.dtype)
    mean, spread = _statistics(content, eps)
    style_mean, style_spread = _statistics(style, eps)
    axes = tuple(range(2, content.ndim))
    normal = (content - mean) / spread                                   # x̂

    grad = style_spread * grad_output
    along = (grad * normal).mean(axis=axes, keepdims=True)
    grad_content = (grad - grad.mean(axis=axes, keepdims=True) - normal * along) / spread

    grad_mean = grad_output.sum(axis=axes).reshape(style_mean.shape)
    grad_spread = (grad_output * normal).sum(axis=axes).reshape(style_mean.shape)
    elements = style[0, 0].size
    grad_style = (grad_mean + grad_spread * (style - style_mean) / style_spread) / elements
    return grad_content, grad_style


def _statistics(x, eps):
    """μ and s of each channel of each image: (N, C, 1, …) both."""
    axes = tuple(range(2, x.ndim))
    return x.mean(axis=axes, keepdims=True), np.sqrt(x.var(axis=axes, keepdims=True) + x.dtype.type(eps))


def _check_images(name, content, style, eps):
    content, style = check_float(name, content=content, style=style)
    for argument, array in (("content", content), ("style", style)):
        if array is None:
            raise TypeError(f"{name}: {argument} must be a NumPy array, got None")
        if array.ndim < 3 or 0 in array.shape:
            raise ValueError(f"{name}: {argument} must be (N, C, *) and not empty, got shape {array.shape}")
    if content.shape[:2] != style.shape[:2]:
        raise ValueError(f"{name}: content and style must agree in N and C, got {content.shape} and {style.shape}")
    check_number(name, 0, eps=eps)
    return content, style


# ---- of weights ------------------------------------------------------------------------------------------------------

def power_iteration(weight, v, n=1, dim=0, eps=1e-12):
    """The singular vectors of the largest singular value, better with each step.

    M: weight as a matrix        u ← M v / ‖M v‖,  v ← Mᵀ u / ‖Mᵀ u‖,  n times

    In the basis of singular vectors, one step multiplies coefficient i of v by σ_i², so after n steps what is not along
    the first has shrunk by (σ₂/σ₁)^(2n) beside it. It fails only if v begins at right angles to it, or if σ₁ = σ₂.
    weight: (O, I, …), of which axis dim counts the rows of M (O, I·…)   v: (I·…,)  →  u (O,), v (I·…,)
    eps: the smallest norm to divide by.
    Raises TypeError or ValueError naming the argument.
    """
    weight, v = check_float("power_iteration", weight=weight, v=v)
    matrix = _matrix("power_iteration", weight, dim)
    _check_vector("power_iteration", "v", v, matrix.shape[1])
    if not is_int(n) or n < 1:
        raise ValueError(f"power_iteration: n must be an int of at least 1, got {n!r}")
    for _ in range(n):
        u = matrix @ v
        u /= max(np.linalg.norm(u), eps)
        v = u @ matrix
        v /= max(np.linalg.norm(v), eps)
    return u, v


def spectral_norm(weight, u, v, dim=0):
    """Divide a weight by its largest singular value (Miyato et al. 2018).

    out = weight / σ        σ = uᵀ M v, M: weight as a matrix, u and v from `power_iteration`

    weight: (O, I, …), of which axis dim counts the rows of M (O, I·…)   u: (O,)   v: (I·…,)  →  as weight.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.utils.parametrizations.spectral_norm`.
    """
    weight, u, v, matrix = _check_spectral("spectral_norm", weight, u, v, dim)
    return weight / (u @ matrix @ v)


def spectral_norm_backward(grad_output, weight, u, v, dim=0):
    """dM = (dY − Σ(dY·Y) · u vᵀ)/σ, since ∂σ/∂M = u vᵀ; u and v are constants.  → (dW, None, None)"""
    name = "spectral_norm_backward"
    weight, u, v, matrix = _check_spectral(name, weight, u, v, dim)
    grad_output = check_grad_output(name, grad_output, weight.shape, weight.dtype)
    sigma = u @ matrix @ v
    along = (grad_output * weight).sum() / sigma
    moved = np.moveaxis(weight, dim, 0).shape
    outer = np.moveaxis(np.outer(u, v).reshape(moved), 0, dim)           # u vᵀ in the shape of weight
    return (grad_output - along * outer) / sigma, None, None


def weight_norm(g, v, dim=0):
    """Length times direction (Salimans & Kingma 2016).

    out = g · v / ‖v‖        ‖v‖: the Euclidean norm over all axes but dim

    v: (O, I, …)   g: the same, of size 1 along all axes but dim; without axes for dim None, one norm for all  →  as v.
    Raises TypeError or ValueError naming the argument.  Source: `torch.nn.utils.parametrizations.weight_norm`.
    """
    g, v, norm = _check_weight_norm("weight_norm", g, v, dim)
    return g * (v / norm)


def weight_norm_backward(grad_output, g, v, dim=0):
    """With d = v/‖v‖: dg = Σ dY·d, and dv = g · (dY − d · dg)/‖v‖: what goes along v does not turn it."""
    g, v, norm = _check_weight_norm("weight_norm_backward", g, v, dim)
    grad_output = check_grad_output("weight_norm_backward", grad_output, v.shape, v.dtype)
    direction = v / norm
    grad_g = (grad_output * direction).sum(axis=_others(v, dim), keepdims=dim is not None)
    return np.asarray(grad_g), g * (grad_output - direction * grad_g) / norm


def _matrix(name, weight, dim):
    """(O, I, …) with axis dim in front, as (O, I·…)"""
    if weight is None or weight.ndim < 2:
        raise ValueError(f"{name}: weight must have at least two axes, got {None if weight is None else weight.shape}")
    if not is_int(dim) or not 0 <= dim < weight.ndim:
        raise ValueError(f"{name}: dim must be from 0 to {weight.ndim - 1}, got {dim!r}")
    return np.moveaxis(weight, dim, 0).reshape(weight.shape[dim], -1)


def _check_vector(name, argument, vector, size):
    if vector is None or vector.shape != (size,):
        raise ValueError(f"{name}: {argument} must have shape ({size},), "
                         f"got {None if vector is None else vector.shape}")


def _check_spectral(name, weight, u, v, dim):
    weight, u, v = check_float(name, weight=weight, u=u, v=v)
    matrix = _matrix(name, weight, dim)
    for argument, vector, size in (("u", u, matrix.shape[0]), ("v", v, matrix.shape[1])):
        _check_vector(name, argument, vector, size)
    return weight, u, v, matrix


def _others(v, dim):
    """All axes but dim; all of them for None."""
    return tuple(axis for axis in range(v.ndim) if axis != dim)


def _check_weight_norm(name, g, v, dim):
    g, v = check_float(name, g=g, v=v)
    if g is None or v is None:
        raise TypeError(f"{name}: g and v must be NumPy arrays, got None")
    if dim is not None and (not is_int(dim) or not 0 <= dim < v.ndim):
        raise ValueError(f"{name}: dim must be None or from 0 to {v.ndim - 1}, got {dim!r}")
    norm = np.sqrt(np.square(v).sum(axis=_others(v, dim), keepdims=dim is not None))
    if g.shape != norm.shape:
        raise ValueError(f"{name}: g must have shape {norm.shape}, got {g.shape}")
    return g, v, norm
