"""Adaptive instance normalisation, forward and backward: the statistics of one image for the features of another."""

from numbers import Real

import numpy as np

from .arguments import check_float, check_grad_output

__all__ = ["adaptive_instance_norm", "adaptive_instance_norm_backward"]


def adaptive_instance_norm(content, style, eps=1e-5):
    """Give each channel of one image the mean and the spread that it has in another: AdaIN (Huang & Belongie 2017).

    out[n, c] = s_style[n, c] · x̂[n, c] + μ_style[n, c]        x̂ = (content − μ_content)/s_content,  s = √(σ² + eps)

    content: (N, C, *)   style: (N, C, *), whose size may be another  →  (N, C, *) as content.
    Raises TypeError or ValueError naming the argument.
    """
    content, style = _check("adaptive_instance_norm", content, style, eps)
    mean, spread = _statistics(content, eps)
    style_mean, style_spread = _statistics(style, eps)
    return style_spread * ((content - mean) / spread) + style_mean


def adaptive_instance_norm_backward(grad_output, content, style, eps=1e-5):
    """For content, with g = s_style · dy, it is instance norm: dx = (g − mean(g) − x̂ · mean(g·x̂))/s_content.

    For style: dμ = Σ dy and ds = Σ dy·x̂; every element moves both, ∂μ/∂y_i = 1/M and ∂s/∂y_i = (y_i − μ)/(M·s):
    dy_i = (dμ + ds·(y_i − μ_style)/s_style)/M        with M elements in each channel of style
    """
    name = "adaptive_instance_norm_backward"
    content, style = _check(name, content, style, eps)
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


def _check(name, content, style, eps):
    content, style = check_float(name, content=content, style=style)
    for argument, array in (("content", content), ("style", style)):
        if array is None:
            raise TypeError(f"{name}: {argument} must be a NumPy array, got None")
        if array.ndim < 3 or 0 in array.shape:
            raise ValueError(f"{name}: {argument} must be (N, C, *) and not empty, got shape {array.shape}")
    if content.shape[:2] != style.shape[:2]:
        raise ValueError(f"{name}: content and style must agree in N and C, got {content.shape} and {style.shape}")
    if isinstance(eps, bool) or not isinstance(eps, Real):
        raise TypeError(f"{name}: eps must be a number, got {eps!r}")
    if not eps >= 0:
        raise ValueError(f"{name}: eps must be at least 0, got {eps}")
    return content, style
