"""Week 1: the questions of the notebook `equivariance`."""

import numpy as np

from cnnlib.scratch import groups, signal
from cnnlib.scratch.signal import shift

from ...question import Question
from ..cases import image, kernel, numbers, unequal

circular = Question(
    "circular_correlate2d", title="A layer that commutes with every shift", points=2,
    asks="The cross-correlation of an image with a kernel on a torus: what leaves on one side comes in on the other.",
    reference=lambda x, w: signal.correlate(np.pad(x, [(0, k - 1) for k in w.shape], "wrap"), w),
    cases=lambda rng: (image(rng), kernel(rng)),
    minutes=15, level=2,
    text=r"""
        On a torus nothing leaves the image: what goes out on one side comes in on the other, and a layer commutes with every shift exactly. Write

        $$y_{ij} = \sum_{u}\sum_{v} x_{(i+u) \bmod H,\,(j+v) \bmod W}\, w_{uv},$$

        with an output of the size of the image.
    """,
    hints={
        'Only the last rows and columns are wrong':
            'There the window hangs over the edge. It goes on at the other side, not in zeros.',
        'Everything is shifted':
            'The formula puts `w[0, 0]` on `x[i, j]`, not the middle of the kernel.',
    },
)


@circular.solution
def circular_correlate2d(x, w):
    """(H, W), (k_h, k_w)  →  (H, W)"""
    behind = [(0, k - 1) for k in w.shape]
    return correlate2d_valid(np.pad(x, behind, "wrap"), w)


@circular.mistake("the border is filled with zeros",
                  hint="Outside of the image the image begins again: index modulo H and W.")
def _(x, w):
    return signal.correlate(np.pad(x, [(0, k - 1) for k in w.shape]), w)


@circular.mistake("the kernel is flipped", hint="That is circular convolution, x[i − u]. Correlation has x[i + u].")
def _(x, w):
    return circular.reference(x, w[::-1, ::-1])


@circular.mistake("rolled the wrong way",
                  hint="np.roll(x, −u) brings x[i + u] to place i; np.roll(x, u) brings x[i − u].")
def _(x, w):
    return sum(w[u, v] * np.roll(x, (u, v), (0, 1)) for u, v in np.ndindex(*w.shape))


@circular.mistake("only the inside",
                  hint="The output has the size of the input: every pixel has a full window on a torus.")
def _(x, w):
    return signal.correlate(x, w)


@circular.mistake("the kernel is centred on the pixel",
                  hint="The formula puts w[0, 0] on the pixel itself: out[i, j] starts with x[i, j]·w[0, 0].")
def _(x, w):
    return signal.correlate(x, w, "same", "circular")


@circular.mistake("rows and columns wrap at the other's size", hint="Rows are counted modulo H, columns modulo W.")
def _(x, w):
    height, width = x.shape
    out = np.zeros_like(x)
    for i, j, u, v in np.ndindex(*x.shape, *w.shape):
        a, b = (i + u) % width, (j + v) % height
        out[i, j] += x[a % height, b % width] * w[u, v]
    return out


@circular.accepted("a sum of rolled images")
def _(x, w):
    return sum(w[u, v] * np.roll(x, (-u, -v), (0, 1)) for u, v in np.ndindex(*w.shape))


@circular.accepted("a product of spectra, one of them conjugated")
def _(x, w):
    return np.fft.ifft2(np.fft.fft2(x) * np.conj(np.fft.fft2(w, x.shape))).real


def _gap(x, w, dy, dx):
    moved_first = signal.correlate(shift(x, dy, dx, "circular"), w, "same")
    moved_after = shift(signal.correlate(x, w, "same"), dy, dx, "circular")
    return np.abs(moved_first - moved_after).max()


gap = Question(
    "equivariance_gap", title="How much a zero border breaks equivariance", points=2,
    asks='The largest |f(S x) − S f(x)|, where f is "same" correlation with a zero border and S rolls by (dy, dx).',
    reference=_gap,
    cases=lambda rng: (image(rng), numbers(rng, [(3, 5), (5, 3), (3, 1)][rng.integers(3)]), *unequal(rng, -3, 4)),
    minutes=15, level=2,
    text=r"""
        Let $f$ be your `correlate2d(…, "same")` with its zero border, and let $S$ roll an image by `dy` rows and `dx` columns
        (`np.roll`, what goes out comes in again). If $f$ were equivariant, $f(Sx)$ and $S f(x)$ would be equal. Return the
        largest absolute difference. The kernels have odd sides.
    """,
    hints={
        'The gap is zero':
            'Is the border of f really filled with zeros?',
        'The gap is too large':
            'Both sides are rolled by the same (dy, dx), rows with rows, columns with columns.',
    },
)


@gap.solution
def equivariance_gap(x, w, dy, dx):
    """(H, W), (k_h, k_w), int, int  →  a number"""
    moved_before = correlate2d(np.roll(x, (dy, dx), axis=(0, 1)), w, "same")
    moved_after = np.roll(correlate2d(x, w, "same"), (dy, dx), axis=(0, 1))
    return np.abs(moved_before - moved_after).max()


@gap.mistake("the mean difference", hint="The gap is the largest absolute difference, not the average: use max.")
def _(x, w, dy, dx):
    moved_first = signal.correlate(shift(x, dy, dx, "circular"), w, "same")
    return np.abs(moved_first - shift(signal.correlate(x, w, "same"), dy, dx, "circular")).mean()


@gap.mistake("the absolute value is missing", hint="A negative difference counts as much as a positive one.")
def _(x, w, dy, dx):
    moved_first = signal.correlate(shift(x, dy, dx, "circular"), w, "same")
    return (moved_first - shift(signal.correlate(x, w, "same"), dy, dx, "circular")).max()


@gap.mistake("the two are shifted in opposite directions", hint="Shift the input and the output by the same (dy, dx).")
def _(x, w, dy, dx):
    moved_first = signal.correlate(shift(x, dy, dx, "circular"), w, "same")
    return np.abs(moved_first - shift(signal.correlate(x, w, "same"), -dy, -dx, "circular")).max()


@gap.mistake("dy and dx are exchanged in one of the two",
             hint="dy moves rows (axis 0), dx moves columns (axis 1), both times.")
def _(x, w, dy, dx):
    moved_first = signal.correlate(shift(x, dy, dx, "circular"), w, "same")
    return np.abs(moved_first - shift(signal.correlate(x, w, "same"), dx, dy, "circular")).max()


@gap.mistake("the output is not shifted", hint="Compare f(S x) with S f(x), not with f(x).")
def _(x, w, dy, dx):
    return np.abs(signal.correlate(shift(x, dy, dx, "circular"), w, "same") - signal.correlate(x, w, "same")).max()


@gap.mistake("the border is circular",
             hint="With a circular border the gap is zero up to rounding. Here f pads with zeros.")
def _(x, w, dy, dx):
    moved_first = signal.correlate(shift(x, dy, dx, "circular"), w, "same", "circular")
    return np.abs(moved_first - shift(signal.correlate(x, w, "same", "circular"), dy, dx, "circular")).max()


@gap.accepted("np.roll and loops")
def _(x, w, dy, dx):
    def layer(image):
        padded = np.pad(image, [(k // 2, k // 2) for k in w.shape])
        return np.array([[np.sum(padded[i:i + w.shape[0], j:j + w.shape[1]] * w) for j in range(x.shape[1])]
                         for i in range(x.shape[0])])
    return float(np.max(np.abs(layer(np.roll(x, (dy, dx), (0, 1))) - np.roll(layer(x), (dy, dx), (0, 1)))))


@gap.accepted("undo the shift, then compare")
def _(x, w, dy, dx):
    undone = np.roll(signal.correlate(np.roll(x, (dy, dx), (0, 1)), w, "same"), (-dy, -dx), (0, 1))
    return np.linalg.norm((undone - signal.correlate(x, w, "same")).ravel(), np.inf)


lift = Question(
    "p4_lift", title="A kernel in four orientations", points=3,
    asks="The four valid cross-correlations of an image with a kernel turned counter-clockwise by 0, 1, 2, 3 quarters.",
    reference=lambda x, w: groups.p4_lift(x[None, None], w[None, None])[0, 0],
    cases=lambda rng: (image(rng), numbers(rng, (int(rng.integers(2, 5)),) * 2)),
    minutes=25, level=2,
    text=r"""
        The first layer of a network that knows quarter turns: correlate the image with the kernel turned **counter-clockwise** by 0, 1, 2
        and 3 quarters. The kernel is square, the image is not. Return the four valid cross-correlations as one array.
    """,
    hints={
        'The second and the fourth are exchanged':
            '`np.rot90(w, 1)` turns counter-clockwise.',
        'The shape is (H − k + 1, W − k + 1, 4)':
            'Orientations are the first axis.',
    },
)


@lift.solution
def p4_lift(x, w):
    """(H, W), (k, k)  →  (4, H − k + 1, W − k + 1)"""
    return np.stack([correlate2d_valid(x, np.rot90(w, r)) for r in range(4)])


@lift.mistake("the kernel turns clockwise",
              hint="np.rot90 turns counter-clockwise; with a negative count it turns the other way.")
def _(x, w):
    return np.stack([signal.correlate(x, np.rot90(w, -r)) for r in range(4)])


@lift.mistake("the kernel is flipped",
              hint="Each of the four is a cross-correlation: no flip. As it stands, the order starts with "
                   "two quarters.")
def _(x, w):
    return np.stack([signal.convolve(x, np.rot90(w, r), "valid") for r in range(4)])


@lift.mistake("the kernel is mirrored and not turned",
              hint="Four mirror images are another set. A quarter turn is np.rot90.")
def _(x, w):
    return np.stack([signal.correlate(x, k) for k in (w, w[:, ::-1], w[::-1, ::-1], w[::-1])])


@lift.mistake("the result is turned, not the kernel", hint="Turn the kernel and correlate the image as it stands.")
def _(x, w):
    side = min(x.shape) - len(w) + 1
    return np.stack([np.rot90(signal.correlate(x, w)[:side, :side], r) for r in range(4)])


@lift.mistake("the orientations are the last axis", hint="The shape is (4, H', W'): stack along axis 0.")
def _(x, w):
    return np.moveaxis(lift.reference(x, w), 0, -1)


@lift.accepted("the image turned there and back")
def _(x, w):
    return np.stack([np.rot90(signal.correlate(np.rot90(x, -r), w), r) for r in range(4)])


@lift.accepted("quarter turns by transposing and reversing")
def _(x, w):
    turns = [w]
    for _ in range(3):
        turns.append(turns[-1].T[::-1])
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape)
    return np.einsum("ijuv,ruv->rij", windows, np.stack(turns))


QUESTIONS = [circular, gap, lift]
