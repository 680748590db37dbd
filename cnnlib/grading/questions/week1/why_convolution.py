"""Week 1: the questions of the notebook `why_convolution`."""

import numpy as np

from cnnlib.scratch import functional as F
from cnnlib.scratch import signal

from ...question import Question
from ..cases import image, kernel, numbers, unequal

weights = Question(
    "count_weights", title="Dense against convolutional", points=1,
    asks="The numbers of weights, without biases, of a dense layer and of one convolution kernel, as (dense, kernel).",
    reference=lambda height, width, kernel_height, kernel_width: np.array(
        [(height * width) ** 2, kernel_height * kernel_width]),
    cases=lambda rng: (*unequal(rng, 5, 60), *unequal(rng, 1, 8)),
    minutes=5, level=1,
    text=r"""
        How many weights, without biases, has a dense layer from an image of `height` × `width` pixels to an image of the same size?
        And one convolution kernel? Return the two numbers: `(dense, kernel)`.
    """,
    hints={
        'The dense layer comes out far too small':
            'Every one of the H·W outputs is connected to every one of the H·W inputs.',
    },
)


@weights.solution
def count_weights(height, width, kernel_height, kernel_width):
    """(weights of the dense layer, weights of the kernel)"""
    return (height * width) ** 2, kernel_height * kernel_width


@weights.mistake("a bias is counted for each output", hint="Weights only: leave the biases out of both numbers.")
def _(height, width, kernel_height, kernel_width):
    return (height * width) * (height * width + 1), kernel_height * kernel_width + 1


@weights.mistake("each output is connected to its own pixel only",
                 hint="In a dense layer every one of the H·W outputs has a weight for every one of the H·W inputs.")
def _(height, width, kernel_height, kernel_width):
    return height * width, kernel_height * kernel_width


@weights.mistake("the kernel's weights are counted once for each pixel",
                 hint="One kernel slides over all positions: its weights are shared, so they count once.")
def _(height, width, kernel_height, kernel_width):
    return (height * width) ** 2, height * width * kernel_height * kernel_width


@weights.mistake("the image is taken to be square", hint="H and W differ here. Use both.")
def _(height, width, kernel_height, kernel_width):
    return height**4, kernel_height**2


@weights.mistake("the two numbers are exchanged", hint="The dense layer comes first.")
def _(height, width, kernel_height, kernel_width):
    return kernel_height * kernel_width, (height * width) ** 2


@weights.accepted("the matrix and the kernel made and measured")
def _(height, width, kernel_height, kernel_width):
    return np.array([np.broadcast_to(0.0, (height * width,) * 2).size, np.ones((kernel_height, kernel_width)).size])


@weights.accepted("a list of floats")
def _(height, width, kernel_height, kernel_width):
    return [float(height * height * width * width), float(kernel_width * kernel_height)]


correlate_valid = Question(
    "correlate2d_valid", title="Valid cross-correlation", points=2,
    asks="The cross-correlation of an image with a kernel, only where the kernel fits entirely.",
    reference=lambda x, w: F.conv2d(x[None, None], w[None, None])[0, 0],
    cases=lambda rng: (image(rng), kernel(rng)),
    minutes=10, level=1,
    text=r"""
        Lay the kernel on the image at every place where it fits entirely, multiply, add up:

        $$y_{ij} = \sum_{u}\sum_{v} x_{i+u,\,j+v}\, w_{uv}$$

        `x` is an image (H, W) and `w` a kernel (k_h, k_w), neither of them square. Return the (H − k_h + 1, W − k_w + 1) numbers.
        Loops are fine.
    """,
    hints={
        'The shape is right but every number is off':
            'Which entry of the kernel lies on `x[i, j]`? It is `w[0, 0]`, the first one.',
        'The last row and column are missing':
            'A kernel as large as the image fits once, not zero times.',
    },
)


@correlate_valid.solution
def correlate2d_valid(x, w):
    """(H, W), (k_h, k_w)  →  (H − k_h + 1, W − k_w + 1)"""
    height, width = w.shape
    out = np.empty((x.shape[0] - height + 1, x.shape[1] - width + 1))
    for i, j in np.ndindex(*out.shape):
        out[i, j] = np.sum(x[i:i + height, j:j + width] * w)
    return out


@correlate_valid.mistake("the kernel is flipped",
                         hint="This is convolution. Cross-correlation lays the kernel on the image as it stands.")
def _(x, w):
    return correlate_valid.reference(x, w[::-1, ::-1])


@correlate_valid.mistake("the kernel is transposed", hint="Row u of the kernel meets row i + u of the image: w[u, v].")
def _(x, w):
    return correlate_valid.reference(x, w.T)


@correlate_valid.mistake("the last row and column are missing",
                         hint="A kernel of k fits at n − k + 1 places, not n − k. Count them for n = k.")
def _(x, w):
    return correlate_valid.reference(x, w)[:-1, :-1]


@correlate_valid.mistake("the image is padded with zeros", hint="Valid means: no padding, so the output is smaller.")
def _(x, w):
    return signal.correlate(x, w, "same")


@correlate_valid.mistake("the window is averaged", hint="The products are added up; the division is too much.")
def _(x, w):
    return correlate_valid.reference(x, w) / w.size


@correlate_valid.mistake("kernel height and width are exchanged in the output size",
                         hint="The kernel is not square: its height belongs to the rows, its width to the columns.")
def _(x, w):
    out = np.zeros((x.shape[0] - w.shape[1] + 1, x.shape[1] - w.shape[0] + 1))
    right = correlate_valid.reference(x, w)
    height, width = np.minimum(out.shape, right.shape)
    out[:height, :width] = right[:height, :width]
    return out


@correlate_valid.accepted("two loops and a sum")
def _(x, w):
    out = np.empty((x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1))
    for i, j in np.ndindex(*out.shape):
        out[i, j] = np.sum(x[i:i + w.shape[0], j:j + w.shape[1]] * w)
    return out


@correlate_valid.accepted("windows and einsum")
def _(x, w):
    return np.einsum("ijuv,uv->ij", np.lib.stride_tricks.sliding_window_view(x, w.shape), w)


@correlate_valid.accepted("a loop over the kernel, in float32")
def _(x, w):
    height, width = x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1
    return sum(np.float32(w[u, v]) * x[u:u + height, v:v + width].astype(np.float32) for u, v in np.ndindex(*w.shape))


template = Question(
    "match_template", title="Find a picture in a picture", points=3,
    asks="The normalised cross-correlation of an image with a template, wherever the template fits.",
    reference=signal.match_template,
    cases=lambda rng: (image(rng) + 5, numbers(rng, unequal(rng, 2, 5)) + 2),
    minutes=25, level=2,
    text=r"""
        Plain correlation is drawn to bright places. Compare patterns instead: at every place where the template $T$ fits, take the mean
        off the window $I$ and off the template, and divide by both lengths:

        $$r_{ij} = \frac{\sum (I - \bar I)(T - \bar T)}{\sqrt{\sum (I - \bar I)^2 \sum (T - \bar T)^2}}$$

        Return the (H − h + 1, W − w + 1) numbers, all of them between −1 and 1. No window and no template will be flat.
    """,
    hints={
        'A bright corner of the image changes the result everywhere':
            'The mean and the length belong to each window, not to the whole image.',
        'The numbers are right but for a factor':
            'The denominator is the root of a product of two sums.',
    },
)


@template.solution
def match_template(image, template):
    """(H, W), (h, w)  →  (H − h + 1, W − w + 1)"""
    windows = np.lib.stride_tricks.sliding_window_view(image, template.shape)
    windows = windows - windows.mean(axis=(-2, -1), keepdims=True)
    template = template - template.mean()
    lengths = np.sum(windows**2, axis=(-2, -1)) * np.sum(template**2)
    return np.sum(windows * template, axis=(-2, -1)) / np.sqrt(lengths)


@template.mistake("the means are not subtracted",
                  hint="Subtract the mean of the window from the window, and that of the template from the template.")
def _(image, template):
    windows = np.lib.stride_tricks.sliding_window_view(image, template.shape)
    norms = np.sqrt(np.sum(windows**2, axis=(-2, -1)) * np.sum(template**2))
    return np.sum(windows * template, axis=(-2, -1)) / norms


@template.mistake("the result is not divided by the norms",
                  hint="Divide by the square root of both sums of squares, or a bright window always wins.")
def _(image, template):
    return signal.correlate(image, template - template.mean())


@template.mistake("the mean of the whole image is subtracted",
                  hint="The mean and the norm belong to each window: a bright corner must not change the rest.")
def _(image, template):
    image, template = image - image.mean(), template - template.mean()
    windows = np.lib.stride_tricks.sliding_window_view(image, template.shape)
    norms = np.sqrt(np.sum(windows**2, axis=(-2, -1)) * np.sum(template**2))
    return np.sum(windows * template, axis=(-2, -1)) / norms


@template.mistake("the square root is missing",
                  hint="The denominator is the root of the product of the two sums of squares.")
def _(image, template):
    windows = np.lib.stride_tricks.sliding_window_view(image, template.shape)
    windows = windows - windows.mean(axis=(-2, -1), keepdims=True)
    template = template - template.mean()
    return np.sum(windows * template, axis=(-2, -1)) / (np.sum(windows**2, axis=(-2, -1)) * np.sum(template**2))


@template.mistake("the template is flipped",
                  hint="Matching is correlation: lay the template on the image as it stands.")
def _(image, template):
    return signal.match_template(image, template[::-1, ::-1])


@template.accepted("two loops and np.corrcoef")
def _(image, template):
    height, width = template.shape
    out = np.empty((image.shape[0] - height + 1, image.shape[1] - width + 1))
    for i, j in np.ndindex(*out.shape):
        out[i, j] = np.corrcoef(image[i:i + height, j:j + width].ravel(), template.ravel())[0, 1]
    return out


@template.accepted("standard scores of every window")
def _(image, template):
    windows = np.lib.stride_tricks.sliding_window_view(image, template.shape)
    scores = (windows - windows.mean((-2, -1), keepdims=True)) / windows.std((-2, -1), keepdims=True)
    return np.mean(scores * (template - template.mean()) / template.std(), axis=(-2, -1))


QUESTIONS = [weights, correlate_valid, template]
