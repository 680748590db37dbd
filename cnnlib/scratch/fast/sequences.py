"""The three verbs for sequences (N, C, L): images of one row."""

from . import choose


def forward(x, w, bias, stride, padding, dilation, groups):
    """x (N, C, L) ⋆ w (O, C/G, K) + bias (O,) → (N, O, L_out)."""
    return choose.forward(x[:, :, None], w[:, :, None], bias, *_plane(stride, padding, dilation), groups)[:, :, 0]


def backward_weight(grad_output, x, kernel, stride, padding, dilation, groups):
    """The gradient of the weight.  → (O, C/G, K)"""
    return choose.backward_weight(grad_output[:, :, None], x[:, :, None], (1, *kernel),
                                  *_plane(stride, padding, dilation), groups)[:, :, 0]


def backward_input(grad_output, w, size, stride, padding, dilation, groups):
    """The gradient of the input of size (L,).  → (N, C, L)"""
    return choose.backward_input(grad_output[:, :, None], w[:, :, None], (1, *size),
                                 *_plane(stride, padding, dilation), groups)[:, :, 0]


def _plane(stride, padding, dilation):
    return (1, *stride), ((0, 0), *padding), (1, *dilation)
