"""The gradient of the input as a correlation: turned kernels, and two ways to be rid of a stride."""

import numpy as np


def turn(grad_output, w, size, padding, dilation, groups):
    """With stride 1, a correlation of what came back with the kernels turned by 180°, inputs and outputs exchanged.

    → grad_output, turned kernels (C, O/G, kH, kW), the padding that makes the result as large as size
    """
    kernels = w.reshape(groups, -1, *w.shape[1:])[..., ::-1, ::-1].swapaxes(1, 2)            # (G, C/G, O/G, kH, kW)
    kernels = kernels.reshape(-1, len(w) // groups, *w.shape[2:])
    around = tuple((d * (k - 1) - before, n - have + before) for n, have, k, d, (before, _) in
                   zip(size, grad_output.shape[2:], w.shape[2:], dilation, padding, strict=True))
    return grad_output, kernels, around


def spread(grad_output, stride):
    """With stride − 1 zeros between its pixels, what came back is that of stride 1 (Dumoulin & Visin 2016)."""
    if stride == (1, 1):
        return grad_output
    size = ((n - 1) * s + 1 for n, s in zip(grad_output.shape[2:], stride, strict=True))
    out = np.zeros((*grad_output.shape[:2], *size), grad_output.dtype)
    out[:, :, ::stride[0], ::stride[1]] = grad_output
    return out


def divides(kernel, stride):
    """Whether every phase of the kernels has as many taps. Else some get zeros, and 0 · ∞ is NaN."""
    return all(k % s == 0 for k, s in zip(kernel, stride, strict=True))


def kernel_phases(w, out, stride):
    """The phases of the kernels, every s-th row and column of them, as channels: the sub-pixel convolution.

    A pixel of phase (a, b) of the padded image was seen by the taps of that phase alone. So with the s × s phases of
    image and kernels as channels the stride is 1 (Shi et al. 2016); `depth_to_space` makes an image of them again.
    → kernels (O, C/G·sH·sW, kH/sH, kW/sW); the size of an image's phases
    """
    short = [k // s for k, s in zip(w.shape[2:], stride, strict=True)]
    phases = w.reshape(*w.shape[:2], short[0], stride[0], short[1], stride[1]).transpose(0, 1, 3, 5, 2, 4)
    return phases.reshape(len(w), -1, *short), tuple(n + k - 1 for n, k in zip(out, short, strict=True))


def depth_to_space(x, stride, padding, size):
    """(N, C·sH·sW, h, w) → (N, C, *size) without the padding: row i of phase a is row s·i + a of the padded image."""
    phases = x.reshape(len(x), -1, *stride, *x.shape[2:])
    out = np.zeros((*phases.shape[:2], *size), x.dtype)                  # pixels that no window saw stay zero
    for phase in np.ndindex(*stride):
        inside, pixels = [], []
        for a, n, s, (before, _), count in zip(phase, size, stride, padding, x.shape[2:], strict=True):
            first = max(0, -(-(before - a) // s))                        # what comes earlier is padding
            pixel = first * s + a - before
            end = min(count, first + len(range(pixel, n, s)))
            inside.append(slice(first, end))
            pixels.append(slice(pixel, pixel + (end - first) * s, s))
        out[:, :, *pixels] = phases[:, :, *phase, *inside]
    return out
