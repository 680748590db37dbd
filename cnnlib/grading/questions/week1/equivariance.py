"""Week 1: the questions of the notebook `equivariance`."""

import numpy as np

from cnnlib.scratch import groups, signal
from cnnlib.scratch.signal import shift

from ...question import Question
from ..cases import image, kernel, numbers, unequal

# ---- circular_correlate2d --------------------------------------------------------------------------------------------

def _circular_cases(rng):
    """Every third kernel goes round the image at least three times, every sixth is larger in one direction or both."""
    kind = rng.integers(6)
    if kind < 2:
        return numbers(rng, unequal(rng, 2, 4)), numbers(rng, unequal(rng, 8, 11))
    if kind == 2:
        return numbers(rng, unequal(rng, 2, 5)), numbers(rng, unequal(rng, 3, 8))
    return image(rng), kernel(rng)


circular = Question(
    "circular_correlate2d", title="A layer that commutes with every shift", points=2,
    asks="Write `circular_correlate2d(x, w)`: the cross-correlation of an image with a kernel on a torus, where what "
         "leaves on one side comes in on the other.",
    reference=lambda x, w: signal.correlate(np.pad(x, [(0, k - 1) for k in w.shape], "wrap"), w),
    cases=_circular_cases,
    minutes=15, level=1, practice=True,
    text=r"""
        $$y_{ij} = \sum_{u}\sum_{v} x_{i'j'}\, w_{uv}$$

        with $i' = (i + u) \bmod H$ and $j' = (j + v) \bmod W$. `x` is an image (H, W) and `w` a kernel (k_h, k_w),
        neither of them square. The output is as large as the image. The formula also holds
        for a kernel that is larger than the image: its window then goes round more than once.
    """,
    hints={
        "Only the last rows and columns are wrong":
            "There the window leaves the image. It goes on at the first row or the first column, not with zeros.",
        "The numbers are right but stand at other places":
            "The formula puts `w[0, 0]` on `x[i, j]`, not the middle of the kernel; `np.roll(x, -u, axis=0)` brings "
            "`x[i + u]` to place `i`.",
        "It works until the kernel is larger than the image":
            "Count each index modulo H or W, however large it gets. A sum of rolled images does so by itself.",
    },
)


@circular.solution
def circular_correlate2d(x, w):
    """(H, W), (k_h, k_w)  →  (H, W)"""
    out = np.zeros(x.shape)
    for u, v in np.ndindex(*w.shape):
        out += w[u, v] * np.roll(x, (-u, -v), axis=(0, 1))
    return out


@circular.mistake("the border is filled with zeros",
                  hint="Outside of the image the image begins again: index modulo H and W.")
def _(x, w):
    return signal.correlate(np.pad(x, [(0, k - 1) for k in w.shape]), w)


@circular.mistake("the kernel is flipped", hint="That is circular convolution, x[i − u]. Correlation has x[i + u].")
def _(x, w):
    return circular.reference(x, w[::-1, ::-1])


@circular.mistake("the kernel is flipped upside down", hint="Row u of the kernel meets row i + u of the image.")
def _(x, w):
    return circular.reference(x, w[::-1])


@circular.mistake("the kernel is flipped left to right", hint="Column v of the kernel meets column j + v of the image.")
def _(x, w):
    return circular.reference(x, w[:, ::-1])


@circular.mistake("rolled the wrong way",
                  hint="np.roll(x, −u) brings x[i + u] to place i; np.roll(x, u) brings x[i − u].")
def _(x, w):
    return sum(w[u, v] * np.roll(x, (u, v), (0, 1)) for u, v in np.ndindex(*w.shape))


@circular.mistake("the rows are rolled the wrong way",
                  hint="Both signs are minus: np.roll(x, −u, axis=0) brings x[i + u] to place i.")
def _(x, w):
    return sum(w[u, v] * np.roll(x, (u, -v), (0, 1)) for u, v in np.ndindex(*w.shape))


@circular.mistake("the columns are rolled the wrong way",
                  hint="Both signs are minus: np.roll(x, −v, axis=1) brings x[:, j + v] to place j.")
def _(x, w):
    return sum(w[u, v] * np.roll(x, (-u, v), (0, 1)) for u, v in np.ndindex(*w.shape))


@circular.mistake("rolled without axes",
                  hint="np.roll without axis rolls the image as one long row. Give a shift and an axis for each of the "
                       "two directions.")
def _(x, w):
    return sum(w[u, v] * np.roll(x, (-u, -v)) for u, v in np.ndindex(*w.shape))


@circular.mistake("rows are rolled by v and columns by u",
                  hint="u counts the kernel's rows and moves the image's rows (axis 0); v belongs to the columns.")
def _(x, w):
    return sum(w[u, v] * np.roll(x, (-v, -u), (0, 1)) for u, v in np.ndindex(*w.shape))


@circular.mistake("only the inside",
                  hint="The output has the size of the input: every pixel has a full window on a torus.")
def _(x, w):
    return signal.correlate(x, w)


@circular.mistake("the kernel is centred on the pixel",
                  hint="The formula puts w[0, 0] on the pixel itself: out[i, j] starts with x[i, j]·w[0, 0].")
def _(x, w):
    return signal.correlate(x, w, "same", "circular")


@circular.mistake("the kernel is centred on the pixel, the larger half before it",
                  hint="The formula puts w[0, 0] on the pixel itself: out[i, j] starts with x[i, j]·w[0, 0].")
def _(x, w):
    return signal.correlate(np.pad(x, [(k // 2, (k - 1) // 2) for k in w.shape], "wrap"), w)


@circular.mistake("the window begins one row and one column too late",
                  hint="u and v count from 0: w[0, 0] lies on x[i, j], and its image is not rolled at all.")
def _(x, w):
    return np.roll(circular.reference(x, w), (-1, -1), (0, 1))


@circular.mistake("the window begins before the pixel",
                  hint="All k − 1 rows and columns that are missing lie behind the image, none before it: the window "
                       "of out[i, j] begins at x[i, j].")
def _(x, w):
    return signal.correlate(np.pad(x, [(k - 1, 0) for k in w.shape], "wrap"), w)


@circular.mistake("rows and columns wrap at the other's size", hint="Rows are counted modulo H, columns modulo W.")
def _(x, w):
    height, width = x.shape
    out = np.zeros_like(x)
    for i, j, u, v in np.ndindex(*x.shape, *w.shape):
        a, b = (i + u) % width, (j + v) % height
        out[i, j] += x[a % height, b % width] * w[u, v]
    return out


@circular.mistake("a kernel that is larger than the image is cut",
                  hint="It is right where the kernel fits into the image. fft2(w, x.shape) drops the rest of a larger "
                       "kernel: add what lies beyond to the taps at the same place modulo H and W.")
def _(x, w):
    return np.fft.ifft2(np.fft.fft2(x) * np.conj(np.fft.fft2(w, x.shape))).real


@circular.mistake("the window wraps only once",
                  hint="It is right where the kernel fits into the image. A larger kernel goes round more than once: "
                       "subtracting H once is not the remainder, `%` is.")
def _(x, w):
    return _tiled(x, w, 2)


@circular.mistake("the window wraps only twice",
                  hint="It is right where the kernel fits into the image. A larger kernel may go round three times "
                       "and more: count modulo H and W, however large the index is.")
def _(x, w):
    return _tiled(x, w, 3)


def _tiled(x, w, times):
    """The image so many times below and beside itself, and zeros behind."""
    height, width = x.shape
    large = np.zeros([times * n + k for n, k in zip(x.shape, w.shape, strict=True)])
    large[:times * height, :times * width] = np.tile(x, (times, times))
    return signal.correlate(large, w)[:height, :width]


@circular.mistake("pixel and tap are added",
                  hint="The rolled image is multiplied by its tap, w[u, v]; the products are added up.")
def _(x, w):
    return sum(w[u, v] + np.roll(x, (-u, -v), (0, 1)) for u, v in np.ndindex(*w.shape))


@circular.mistake("only the last tap counts", hint="Each turn of the loop adds to the sum: `+=`, not `=`.")
def _(x, w):
    return w[-1, -1] * np.roll(x, (1 - w.shape[0], 1 - w.shape[1]), (0, 1))


@circular.mistake("the products are subtracted", hint="It is a sum: add each product, beginning with zero.")
def _(x, w):
    return -circular.reference(x, w)


@circular.mistake("every tap has the same weight", hint="Each rolled image is multiplied by its own tap, w[u, v].")
def _(x, w):
    return circular.reference(x, np.ones_like(w))


@circular.mistake("the image is not rolled", hint="The pixel of the tap (u, v) lies u rows and v columns further on.")
def _(x, w):
    return w.sum() * x


@circular.mistake("the sum begins with the image", hint="Begin with zeros: the image is the term of w[0, 0] only.")
def _(x, w):
    return x + circular.reference(x, w)


@circular.mistake("the border repeats the outermost pixels",
                  hint='mode="edge" repeats the last pixel. On a torus the first one follows: mode="wrap".')
def _(x, w):
    return signal.correlate(np.pad(x, [(0, k - 1) for k in w.shape], "edge"), w)


@circular.mistake("the spectra are multiplied without a conjugate",
                  hint="The product of two spectra is circular convolution. For correlation one is conjugated; and "
                       "fft2(w, x.shape) cuts a kernel that is larger than the image.")
def _(x, w):
    return np.fft.ifft2(np.fft.fft2(x) * np.fft.fft2(w, x.shape)).real


@circular.accepted("four loops and the remainder")
def _(x, w):
    height, width = x.shape
    out = np.zeros((height, width))
    for i, j, u, v in np.ndindex(*x.shape, *w.shape):
        out[i, j] += x[(i + u) % height, (j + v) % width] * w[u, v]
    return out


@circular.accepted("rows and columns added behind, then a valid correlation")
def _(x, w):
    padded = np.pad(x, [(0, k - 1) for k in w.shape], "wrap")
    return np.einsum("ijuv,uv->ij", np.lib.stride_tricks.sliding_window_view(padded, w.shape), w)


@circular.accepted("spectra, the kernel folded onto the torus")
def _(x, w):
    folded = np.zeros(x.shape)
    for u, v in np.ndindex(*w.shape):
        folded[u % x.shape[0], v % x.shape[1]] += w[u, v]
    return np.fft.ifft2(np.fft.fft2(x) * np.conj(np.fft.fft2(folded))).real


@circular.accepted("np.take with wrap")
def _(x, w):
    rows, columns = np.arange(x.shape[0]), np.arange(x.shape[1])
    return sum(w[u, v] * x.take(rows + u, 0, mode="wrap").take(columns + v, 1, mode="wrap")
               for u, v in np.ndindex(*w.shape))


# ---- equivariance_gap ------------------------------------------------------------------------------------------------

def _moved_before(x, w, dy, dx):
    return signal.correlate(shift(x, dy, dx, "circular"), w, "same")


def _moved_after(x, w, dy, dx):
    return shift(signal.correlate(x, w, "same"), dy, dx, "circular")


def _gap(x, w, dy, dx):
    return np.abs(_moved_before(x, w, dy, dx) - _moved_after(x, w, dy, dx)).max()


gap = Question(
    "equivariance_gap", title="How much a zero border breaks equivariance", points=2,
    asks='Write `equivariance_gap(x, w, dy, dx)`: the largest |f(S x) − S f(x)|, where f is the "same" '
         "cross-correlation with a zero border and S moves an image by dy rows and dx columns on the torus.",
    reference=_gap,
    cases=lambda rng: (image(rng), numbers(rng, [(3, 5), (5, 3), (3, 1), (1, 5), (7, 3)][rng.integers(5)]),
                       *unequal(rng, -3, 4)),
    minutes=15, level=2,
    text=r"""
        For f the image `x` (H, W) is surrounded with zeros, $\lfloor k_h/2 \rfloor$ rows above and below and
        $\lfloor k_w/2 \rfloor$ columns on the left and on the right, and the kernel `w` is laid on every place where it
        fits; its sides are odd, so the output is as large as the image. S is `np.roll`: what goes out comes in on the
        other side. If f were equivariant, $f(S x)$ and $S f(x)$ would be equal. Return one number, the largest absolute
        difference of the two.
    """,
    hints={
        "The gap is always zero":
            "Then the border of your f is circular, or you compare something with itself. Pad with zeros.",
        "The gap is too large":
            "Both sides are moved by the same `(dy, dx)`: rows with rows, columns with columns.",
        "Some cases are right and some too small":
            "The difference that is largest in size may be negative: take its absolute value first.",
    },
)


@gap.solution
def equivariance_gap(x, w, dy, dx):
    """(H, W), (k_h, k_w), int, int  →  a number"""
    def layer(image):
        padded = np.pad(image, [(k // 2, k // 2) for k in w.shape])
        windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape)
        return np.sum(windows * w, axis=(2, 3))

    moved_before = layer(np.roll(x, (dy, dx), axis=(0, 1)))
    moved_after = np.roll(layer(x), (dy, dx), axis=(0, 1))
    return np.abs(moved_before - moved_after).max()


@gap.mistake("the gap is always zero", hint="Is the border circular, or is a picture compared with itself?")
def _(x, w, dy, dx):
    moved_before = signal.correlate(shift(x, dy, dx, "circular"), w, "same", "circular")
    return np.abs(moved_before - shift(signal.correlate(x, w, "same", "circular"), dy, dx, "circular")).max()


@gap.mistake("the mean difference", hint="The gap is the largest absolute difference, not the average: use max.")
def _(x, w, dy, dx):
    return np.abs(_moved_before(x, w, dy, dx) - _moved_after(x, w, dy, dx)).mean()


@gap.mistake("the sum of the differences", hint="The gap is the largest of the absolute differences, not their sum.")
def _(x, w, dy, dx):
    return np.abs(_moved_before(x, w, dy, dx) - _moved_after(x, w, dy, dx)).sum()


@gap.mistake("the length of the difference", hint="Not the root of the sum of squares: the largest absolute entry.")
def _(x, w, dy, dx):
    return np.linalg.norm(_moved_before(x, w, dy, dx) - _moved_after(x, w, dy, dx))


@gap.mistake("the differences are squared",
             hint="Return the largest absolute difference itself, not its square.")
def _(x, w, dy, dx):
    return np.square(_moved_before(x, w, dy, dx) - _moved_after(x, w, dy, dx)).max()


@gap.mistake("the smallest difference", hint="Far from the border the two agree. The gap is the largest difference.")
def _(x, w, dy, dx):
    return np.abs(_moved_before(x, w, dy, dx) - _moved_after(x, w, dy, dx)).min()


@gap.mistake("the absolute value is missing", hint="A negative difference counts as much as a positive one.")
def _(x, w, dy, dx):
    return (_moved_before(x, w, dy, dx) - _moved_after(x, w, dy, dx)).max()


@gap.mistake("the difference of the two maxima",
             hint="Subtract the two pictures pixel by pixel first; the maximum of the absolute values comes after.")
def _(x, w, dy, dx):
    return np.abs(_moved_before(x, w, dy, dx).max() - _moved_after(x, w, dy, dx).max())


@gap.mistake("the two are shifted in opposite directions", hint="Shift the input and the output by the same (dy, dx).")
def _(x, w, dy, dx):
    return np.abs(_moved_before(x, w, dy, dx) - _moved_after(x, w, -dy, -dx)).max()


@gap.mistake("dy and dx are exchanged in the output",
             hint="dy moves rows (axis 0), dx moves columns (axis 1), both times.")
def _(x, w, dy, dx):
    return np.abs(_moved_before(x, w, dy, dx) - _moved_after(x, w, dx, dy)).max()


@gap.mistake("dy and dx are exchanged in the input",
             hint="dy moves rows (axis 0), dx moves columns (axis 1), both times.")
def _(x, w, dy, dx):
    return np.abs(_moved_before(x, w, dx, dy) - _moved_after(x, w, dy, dx)).max()


@gap.mistake("dy and dx are exchanged in both",
             hint="dy moves rows (axis 0), dx moves columns (axis 1): np.roll(x, (dy, dx), axis=(0, 1)).")
def _(x, w, dy, dx):
    return _gap(x, w, dx, dy)


@gap.mistake("the output is not shifted", hint="Compare f(S x) with S f(x), not with f(x).")
def _(x, w, dy, dx):
    return np.abs(_moved_before(x, w, dy, dx) - signal.correlate(x, w, "same")).max()


@gap.mistake("the input is not shifted", hint="Compare S f(x) with f(S x), not with f(x).")
def _(x, w, dy, dx):
    return np.abs(signal.correlate(x, w, "same") - _moved_after(x, w, dy, dx)).max()


@gap.mistake("the image is rolled as one long row",
             hint="np.roll without axis lets the pixels run on into the next row: give axis=(0, 1), both times.")
def _(x, w, dy, dx):
    return np.abs(signal.correlate(np.roll(x, (dy, dx)), w, "same")
                  - np.roll(signal.correlate(x, w, "same"), (dy, dx))).max()


@gap.mistake("the input is rolled as one long row",
             hint="np.roll without axis lets the pixels run on into the next row: give axis=(0, 1).")
def _(x, w, dy, dx):
    return np.abs(signal.correlate(np.roll(x, (dy, dx)), w, "same") - _moved_after(x, w, dy, dx)).max()


@gap.mistake("the output is rolled as one long row",
             hint="np.roll without axis lets the pixels run on into the next row: give axis=(0, 1).")
def _(x, w, dy, dx):
    return np.abs(_moved_before(x, w, dy, dx) - np.roll(signal.correlate(x, w, "same"), (dy, dx))).max()


@gap.mistake("S fills with zeros",
             hint="S is a shift on the torus, as np.roll does it: what goes out on one side comes in on the other.")
def _(x, w, dy, dx):
    return np.abs(signal.correlate(shift(x, dy, dx), w, "same") - shift(signal.correlate(x, w, "same"), dy, dx)).max()


@gap.mistake("the kernel is flipped", hint="f is cross-correlation: lay the kernel on the image as it stands.")
def _(x, w, dy, dx):
    return _gap(x, w[::-1, ::-1], dy, dx)


@gap.mistake("the two are added", hint="The gap is a difference: subtract S f(x) from f(S x).")
def _(x, w, dy, dx):
    return np.abs(_moved_before(x, w, dy, dx) + _moved_after(x, w, dy, dx)).max()


@gap.mistake("f is not applied to the moved image", hint="The first picture is f(S x): roll the image, then apply f.")
def _(x, w, dy, dx):
    return np.abs(shift(x, dy, dx, "circular") - _moved_after(x, w, dy, dx)).max()


@gap.mistake("the image is moved in place of its features", hint="The second picture is S f(x): apply f, then roll.")
def _(x, w, dy, dx):
    return np.abs(_moved_before(x, w, dy, dx) - shift(x, dy, dx, "circular")).max()


@gap.mistake("the largest value of f(S x)", hint="That is one of the two pictures. Subtract S f(x) from it first.")
def _(x, w, dy, dx):
    return np.abs(_moved_before(x, w, dy, dx)).max()


@gap.mistake("the largest value of S f(x)", hint="That is one of the two pictures. Subtract it from f(S x) first.")
def _(x, w, dy, dx):
    return np.abs(_moved_after(x, w, dy, dx)).max()


@gap.mistake("the picture of the differences", hint="One number is asked: the largest of the absolute differences.")
def _(x, w, dy, dx):
    return np.abs(_moved_before(x, w, dy, dx) - _moved_after(x, w, dy, dx))


@gap.mistake("the window is averaged", hint="f adds up the products of a window. It does not divide by their number.")
def _(x, w, dy, dx):
    return _gap(x, w, dy, dx) / w.size


@gap.mistake("the kernel has no effect", hint="Each pixel of the window is multiplied by its tap before the sum.")
def _(x, w, dy, dx):
    return _gap(x, np.ones_like(w), dy, dx)


@gap.mistake("both moves go along the rows' axis", hint="dy belongs to axis 0 and dx to axis 1: axis=(0, 1).")
def _(x, w, dy, dx):
    return _gap(x, w, dy + dx, 0)


@gap.mistake("both moves go along the columns' axis", hint="dy belongs to axis 0 and dx to axis 1: axis=(0, 1).")
def _(x, w, dy, dx):
    return _gap(x, w, 0, dy + dx)


@gap.mistake("the image moves along one axis only",
             hint="When the image is rolled, dy belongs to axis 0 and dx to axis 1: axis=(0, 1).")
def _(x, w, dy, dx):
    return np.abs(_moved_before(x, w, 0, dy + dx) - _moved_after(x, w, dy, dx)).max()


@gap.mistake("the features move along one axis only",
             hint="When the features are rolled, dy belongs to axis 0 and dx to axis 1: axis=(0, 1).")
def _(x, w, dy, dx):
    return np.abs(_moved_before(x, w, dy, dx) - _moved_after(x, w, 0, dy + dx)).max()


def _gap_of(x, w, dy, dx, before, behind, sides=None):
    """The gap of a layer with before(k) and behind(k) zeros per axis; k: the sides of the kernel, or these."""
    def layer(image):
        return signal.correlate(np.pad(image, [(before(k), behind(k)) for k in sides or w.shape]), w)
    return np.abs(layer(np.roll(x, (dy, dx), (0, 1))) - np.roll(layer(x), (dy, dx), (0, 1))).max()


@gap.mistake("all zeros lie behind the image",
             hint="Half of the zeros, ⌊k/2⌋, belong before the image and half behind it.")
def _(x, w, dy, dx):
    return _gap_of(x, w, dy, dx, lambda k: 0, lambda k: k - 1)


@gap.mistake("there are no zeros around the image",
             hint='That is "valid". For "same" pad the image with ⌊k/2⌋ zeros on each side.')
def _(x, w, dy, dx):
    return _gap_of(x, w, dy, dx, lambda k: 0, lambda k: 0)


@gap.mistake("the border repeats the outermost pixels", hint="Pad with zeros: they are what this question is about.")
def _(x, w, dy, dx):
    def layer(image):
        return signal.correlate(np.pad(image, [(k // 2, k // 2) for k in w.shape], "edge"), w)
    return np.abs(layer(np.roll(x, (dy, dx), (0, 1))) - np.roll(layer(x), (dy, dx), (0, 1))).max()


@gap.mistake('the correlation is "full"',
             hint='"Same" needs ⌊k/2⌋ zeros on each side, not k − 1: the output is as large as the image.')
def _(x, w, dy, dx):
    return _gap_of(x, w, dy, dx, lambda k: k - 1, lambda k: k - 1)


@gap.mistake("there are more zeros than needed",
             hint="⌊k/2⌋ zeros on each side, as many as the kernel hangs over: the output is as large as the image.")
def _(x, w, dy, dx):
    return _gap_of(x, w, dy, dx, lambda k: (k + 1) // 2, lambda k: (k + 1) // 2)


@gap.mistake("there is one zero too many behind the image",
             hint="⌊k/2⌋ zeros on each side: the output is as large as the image.")
def _(x, w, dy, dx):
    return _gap_of(x, w, dy, dx, lambda k: k // 2, lambda k: k // 2 + 1)


@gap.mistake("there is one zero too many before the image",
             hint="⌊k/2⌋ zeros on each side: the output is as large as the image.")
def _(x, w, dy, dx):
    return _gap_of(x, w, dy, dx, lambda k: k // 2 + 1, lambda k: k // 2)


@gap.mistake("the height of the kernel pads both axes",
             hint="Each axis has its own ⌊k/2⌋: of k_h above and below, of k_w on the left and on the right.")
def _(x, w, dy, dx):
    return _gap_of(x, w, dy, dx, lambda k: k // 2, lambda k: k // 2, (w.shape[0],) * 2)


@gap.mistake("the width of the kernel pads both axes",
             hint="Each axis has its own ⌊k/2⌋: of k_h above and below, of k_w on the left and on the right.")
def _(x, w, dy, dx):
    return _gap_of(x, w, dy, dx, lambda k: k // 2, lambda k: k // 2, (w.shape[1],) * 2)


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


# ---- p4_lift ---------------------------------------------------------------------------------------------------------

lift = Question(
    "p4_lift", title="A kernel in four orientations", points=3,
    asks="Write `p4_lift(x, w)`: the four valid cross-correlations of an image with a kernel turned counter-clockwise "
         "by 0, 1, 2 and 3 quarters.",
    reference=lambda x, w: groups.p4_lift(x[None, None], w[None, None])[0, 0],
    cases=lambda rng: (image(rng), numbers(rng, (int(rng.integers(2, 5)),) * 2)),
    minutes=20, level=2, practice=True,
    text=r"""
        $$y_r = x \star (R^r w)$$

        for $r = 0, 1, 2, 3$, where $R$ turns a kernel by a quarter, counter-clockwise. The kernel `w` (k, k) is square,
        the image `x` (H, W) is not. "Valid": the kernel is laid only where it fits. Return one array, the orientations
        in front: (4, H − k + 1, W − k + 1).
    """,
    hints={
        "Maps 0 and 2 are right, maps 1 and 3 are exchanged":
            "The kernel turns clockwise. `np.rot90(w, 1)` turns counter-clockwise.",
        "Stacking fails, the shapes differ":
            "It is the kernel that turns, not the image and not the result.",
        "Map 0 is right, the others are mirrored":
            "Reversing rows or columns is no quarter turn. A quarter turn exchanges rows with columns.",
    },
)


@lift.solution
def p4_lift(x, w):
    """(H, W), (k, k)  →  (4, H − k + 1, W − k + 1)"""
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape)
    maps = []
    for r in range(4):
        maps.append(np.sum(windows * np.rot90(w, r), axis=(2, 3)))
    return np.stack(maps)


@lift.mistake("the kernel turns clockwise",
              hint="np.rot90 turns counter-clockwise; with a negative count it turns the other way. Or, if you turn "
                   "the image: by −r, and the result back by r.")
def _(x, w):
    return np.stack([signal.correlate(x, np.rot90(w, -r)) for r in range(4)])


@lift.mistake("the kernel is flipped",
              hint="Each of the four is a cross-correlation: no flip. Flipped, the order starts with two quarters.")
def _(x, w):
    return np.stack([signal.convolve(x, np.rot90(w, r), "valid") for r in range(4)])


@lift.mistake("the kernel is mirrored and not turned",
              hint="Four mirror images are another set. A quarter turn is np.rot90.")
def _(x, w):
    return np.stack([signal.correlate(x, k) for k in (w, w[:, ::-1], w[::-1, ::-1], w[::-1])])


@lift.mistake("a transpose in place of a quarter turn",
              hint="w.T is the mirror image at the diagonal; transposing twice gives w again. Transpose and reverse "
                   "the rows: that is a quarter turn.")
def _(x, w):
    return np.stack([signal.correlate(x, k) for k in (w, w.T, w, w.T)])


@lift.mistake("the result is turned, not the kernel", hint="Turn the kernel and correlate the image as it stands.")
def _(x, w):
    side = min(x.shape) - len(w) + 1
    return np.stack([np.rot90(signal.correlate(x, w)[:side, :side], r) for r in range(4)])


@lift.mistake("the orientations are the last axis", hint="The shape is (4, H', W'): stack along axis 0.")
def _(x, w):
    return np.moveaxis(lift.reference(x, w), 0, -1)


@lift.mistake("the kernel never turns", hint="All four maps are the same: turn the kernel, np.rot90(w, r).")
def _(x, w):
    return np.stack([signal.correlate(x, w)] * 4)


@lift.mistake("the kernel is turned once for all four", hint="The number of quarters is r, not 1.")
def _(x, w):
    return np.stack([signal.correlate(x, np.rot90(w))] * 4)


@lift.mistake("the first orientation is already turned", hint="r counts from 0: the first map has the kernel as it is.")
def _(x, w):
    return np.stack([signal.correlate(x, np.rot90(w, r + 1)) for r in range(4)])


@lift.mistake("the first orientation is already turned, clockwise",
              hint="r counts from 0: the first map has the kernel as it is.")
def _(x, w):
    return np.stack([signal.correlate(x, np.rot90(w, r - 1)) for r in range(4)])


@lift.mistake("the turns add up",
              hint="The kernel that is turned by r is turned already: 0, 1, 3 and 6 quarters in all. Turn the kernel "
                   "that was given by r, or the turned one by one quarter.")
def _(x, w):
    return np.stack([signal.correlate(x, np.rot90(w, r)) for r in (0, 1, 3, 6)])


@lift.mistake("the kernel turns by half a turn each time", hint="R is a quarter: np.rot90(w, r), not 2 * r.")
def _(x, w):
    return np.stack([signal.correlate(x, np.rot90(w, 2 * r)) for r in range(4)])


@lift.mistake("there are three orientations", hint="Four quarters make a full turn: r = 0, 1, 2, 3.")
def _(x, w):
    return lift.reference(x, w)[:3]


@lift.mistake("there are five orientations", hint="Four quarters make a full turn: the fifth is the first again.")
def _(x, w):
    return lift.reference(x, w)[[0, 1, 2, 3, 0]]


@lift.mistake("the four maps are added", hint="Keep the four maps apart, one for each orientation: np.stack.")
def _(x, w):
    return lift.reference(x, w).sum(axis=0)


@lift.mistake("the window is averaged", hint="The products of a window are added up, not averaged.")
def _(x, w):
    return lift.reference(x, w) / w.size


@lift.mistake("kernel and window are added", hint="Multiply each pixel of the window by its tap, then add up.")
def _(x, w):
    window = signal.correlate(x, np.ones_like(w)) + w.sum()
    return np.stack([window] * 4)


@lift.mistake("the image is padded with zeros", hint="Valid means: no padding, so the maps are smaller than the image.")
def _(x, w):
    return np.stack([signal.correlate(x, np.rot90(w, r), "same") for r in range(4)])


@lift.mistake("the windows are multiplied as matrices",
              hint="`@` is the product of matrices. Here each pixel is multiplied by its own tap: `*`.")
def _(x, w):
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape)
    return np.stack([np.sum(windows @ np.rot90(w, r), axis=(2, 3)) for r in range(4)])


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


@lift.accepted("loops")
def _(x, w):
    k = len(w)
    out = np.zeros((4, x.shape[0] - k + 1, x.shape[1] - k + 1))
    for r, i, j in np.ndindex(*out.shape):
        out[r, i, j] = np.sum(x[i:i + k, j:j + k] * np.rot90(w, r))
    return out


# ---- p4_correlate ----------------------------------------------------------------------------------------------------

def _p4(y, w, turn=lambda tap, r: np.rot90(tap, r), which=lambda r, m: m - r, correlate=signal.correlate):
    """The layer with parts that can be got wrong: how a kernel turns, and which of the four meets map m."""
    return np.stack([sum(correlate(y[m], turn(w[which(r, m) % 4], r)) for m in range(4)) for r in range(4)])


later = Question(
    "p4_correlate", title="A layer that commutes with quarter turns", points=4,
    asks="Write `p4_correlate(y, w)`: the p4 layer that makes four orientation maps of four.",
    reference=lambda y, w: groups.p4_conv2d(y[None, None], w[None, None])[0, 0],
    cases=lambda rng: (numbers(rng, (4, *unequal(rng, 4, 8))), numbers(rng, (4,) + (int(rng.integers(2, 4)),) * 2)),
    minutes=35, level=3,
    text=r"""
        After the first layer of a p4 network come four maps $y_0, \dots, y_3$, one for each orientation. The next layer
        has a kernel for each of the four. Output map $r$ turns all of them by $r$ quarters, counter-clockwise, and
        moves them on by $r$ places:

        $$z_r = \sum_{m=0}^{3} y_m \star \bigl(R^r\, w_{m-r}\bigr)$$

        for $r = 0, 1, 2, 3$; the index m − r counts modulo 4. `y` is (4, H, W) and not square, `w` is (4, k, k); each
        $\star$ is a valid cross-correlation. Return (4, H − k + 1, W − k + 1).

        You can test yourself: when all maps turn by a quarter and move on by one place,
        `np.roll(np.rot90(y, axes=(1, 2)), 1, axis=0)`, the result does the same.
    """,
    hints={
        "Map 0 is right, the others are wrong":
            "For r = 0 nothing turns and nothing moves. The others need both: the kernels turn, and each meets the map "
            "r places further on.",
        "Maps 0 and 2 are right, maps 1 and 3 are not":
            "One of the two, or both, goes backwards: `np.rot90` turns counter-clockwise, and the kernel of map m is "
            "m − r.",
        "The shape is (4, 4, H′, W′)":
            "The sum runs over the four maps of the input. Only r is left.",
    },
)


@later.solution
def p4_correlate(y, w):
    """(4, H, W), (4, k, k)  →  (4, H − k + 1, W − k + 1)"""
    windows = np.lib.stride_tricks.sliding_window_view(y, w.shape[1:], (1, 2))
    maps = []
    for r in range(4):
        total = 0
        for m in range(4):
            turned = np.rot90(w[(m - r) % 4], r)
            total = total + np.sum(windows[m] * turned, axis=(2, 3))
        maps.append(total)
    return np.stack(maps)


@later.mistake("the kernels turn but do not move on",
               hint="Turning the kernels is half of it: output map r gives kernel m − r, not kernel m, to map m.")
def _(y, w):
    return _p4(y, w, which=lambda r, m: m)


@later.mistake("the kernels move on but do not turn", hint="Kernel m − r is also turned by r quarters: np.rot90(…, r).")
def _(y, w):
    return _p4(y, w, turn=lambda tap, r: tap)


@later.mistake("the kernels neither turn nor move on",
               hint="All four maps come out the same. For output map r the kernels turn by r quarters and move on by r "
                    "places.")
def _(y, w):
    return _p4(y, w, turn=lambda tap, r: tap, which=lambda r, m: m)


@later.mistake("the kernels move the wrong way round", hint="Map m meets kernel m − r, not kernel m + r.")
def _(y, w):
    return _p4(y, w, which=lambda r, m: m + r)


@later.mistake("the kernels are counted backwards", hint="Map m meets kernel m − r, not kernel r − m.")
def _(y, w):
    return _p4(y, w, which=lambda r, m: r - m)


@later.mistake("the kernels turn clockwise",
               hint="np.rot90(w, r) turns counter-clockwise, np.rot90(w, −r) clockwise. Or, if you turn the maps: by "
                    "−r, and the result back by r.")
def _(y, w):
    return _p4(y, w, turn=lambda tap, r: np.rot90(tap, -r))


@later.mistake("the kernels turn clockwise and move the wrong way round",
               hint="Both go backwards: the turn is np.rot90(…, r), and map m meets kernel m − r.")
def _(y, w):
    return _p4(y, w, turn=lambda tap, r: np.rot90(tap, -r), which=lambda r, m: m + r)


@later.mistake("the turns add up",
               hint="The kernels that are turned by r are turned already: 0, 1, 3 and 6 quarters in all. Turn the "
                    "kernels that were given by r, or the turned ones by one quarter.")
def _(y, w):
    return _p4(y, w, turn=lambda tap, r: np.rot90(tap, r * (r + 1) // 2))


@later.mistake("the turns and the places add up",
               hint="The kernels that are turned and moved by r are so already: 0, 1, 3 and 6 steps in all. Begin with "
                    "the kernels that were given for each r.")
def _(y, w):
    return later.reference(y, w)[[0, 1, 3, 2]]


@later.mistake("the sum goes on from map to map",
               hint="Each map contains the maps before it. The sum begins with zero for each r.")
def _(y, w):
    return np.cumsum(later.reference(y, w), axis=0)


@later.mistake("each map is the sum of all four",
               hint="One array, filled by `+=` for all r, is four times the same. Begin with new zeros for each r.")
def _(y, w):
    return np.stack([later.reference(y, w).sum(axis=0)] * 4)


@later.mistake("each kernel is turned by its own number",
               hint="All kernels of one output map turn by the same r quarters.")
def _(y, w):
    return np.stack([sum(signal.correlate(y[m], np.rot90(w[(m - r) % 4], m)) for m in range(4)) for r in range(4)])


@later.mistake("each kernel is turned by m − r", hint="All kernels of output map r turn by r quarters, whatever m is.")
def _(y, w):
    return np.stack([sum(signal.correlate(y[m], np.rot90(w[(m - r) % 4], m - r)) for m in range(4)) for r in range(4)])


@later.mistake("the kernels turn by one quarter for every map", hint="Output map r turns its kernels by r quarters.")
def _(y, w):
    return _p4(y, w, turn=lambda tap, r: np.rot90(tap))


@later.mistake("the turn and the places start at one", hint="r counts from 0: map 0 has the kernels as they are.")
def _(y, w):
    return np.roll(later.reference(y, w), -1, axis=0)


@later.mistake("the kernels of the neighbouring orientation",
               hint="The kernels are one place off: map m meets kernel m − r, so map 0 meets kernel 0 for r = 0.")
def _(y, w):
    return _p4(y, w, which=lambda r, m: m - r + 1)


@later.mistake("the kernels of the neighbouring orientation, on the other side",
               hint="The kernels are one place off: map m meets kernel m − r, so map 0 meets kernel 0 for r = 0.")
def _(y, w):
    return _p4(y, w, which=lambda r, m: m - r - 1)


@later.mistake("only one map of the input is read", hint="Each output map is a sum over all four maps of the input.")
def _(y, w):
    return np.stack([signal.correlate(y[r], np.rot90(w[0], r)) for r in range(4)])


@later.mistake("only the last map of the input counts", hint="Add to the sum in the inner loop, do not replace it.")
def _(y, w):
    return np.stack([signal.correlate(y[3], np.rot90(w[(3 - r) % 4], r)) for r in range(4)])


@later.mistake("three of the four maps of the input", hint="m runs from 0 to 3, all four maps of the input.")
def _(y, w):
    return np.stack([sum(signal.correlate(y[m], np.rot90(w[(m - r) % 4], r)) for m in range(3)) for r in range(4)])


@later.mistake("three orientations come out", hint="r runs from 0 to 3: four maps come in, four go out.")
def _(y, w):
    return later.reference(y, w)[:3]


@later.mistake("five orientations come out", hint="r runs from 0 to 3: the fifth map is the first again.")
def _(y, w):
    return later.reference(y, w)[[0, 1, 2, 3, 0]]


@later.mistake("the maps of the input are not added", hint="z_r is the sum over m: four maps come out, not sixteen.")
def _(y, w):
    return np.stack([[signal.correlate(y[m], np.rot90(w[(m - r) % 4], r)) for m in range(4)] for r in range(4)])


@later.mistake("the maps of the input turn as well", hint="The maps stay as they are; it is the kernels that turn.")
def _(y, w):
    side = min(y.shape[1:]) - w.shape[-1] + 1
    return np.stack([sum(signal.correlate(np.rot90(y[m], r), np.rot90(w[(m - r) % 4], r))[:side, :side]
                         for m in range(4)) for r in range(4)])


@later.mistake("the kernels are flipped", hint="Each of the sixteen is a cross-correlation: no flip.")
def _(y, w):
    return _p4(y, w, correlate=lambda x, tap: signal.convolve(x, tap, "valid"))


@later.mistake("the windows are averaged", hint="The products of a window are added up, not averaged.")
def _(y, w):
    return later.reference(y, w) / w[0].size


@later.mistake("the maps of the input are averaged", hint="z_r is the sum over the four maps, not their mean.")
def _(y, w):
    return later.reference(y, w) / 4


@later.mistake("the maps of the input are subtracted", hint="z_r is a sum: each of the four correlations is added.")
def _(y, w):
    return -later.reference(y, w)


@later.mistake("kernel and window are added", hint="Multiply each pixel of the window by its tap, then add up.")
def _(y, w):
    return _p4(y, w, correlate=lambda x, tap: signal.correlate(x, np.ones_like(tap)) + tap.sum())


@later.mistake("the windows are multiplied as matrices",
               hint="`@` is the product of matrices. Here each pixel is multiplied by its own tap: `*`.")
def _(y, w):
    return _p4(y, w, correlate=lambda x, tap: np.sum(
        np.lib.stride_tricks.sliding_window_view(x, tap.shape) @ tap, axis=(2, 3)))


@later.accepted("the whole set of kernels rolled, and einsum")
def _(y, w):
    windows = np.lib.stride_tricks.sliding_window_view(y, w.shape[1:], (1, 2))
    kernels = np.stack([np.roll(np.rot90(w, r, axes=(1, 2)), r, axis=0) for r in range(4)])
    return np.einsum("mijuv,rmuv->rij", windows, kernels)


@later.accepted("loops over everything")
def _(y, w):
    k = w.shape[1]
    out = np.zeros((4, y.shape[1] - k + 1, y.shape[2] - k + 1))
    for r, i, j in np.ndindex(*out.shape):
        for m in range(4):
            out[r, i, j] += np.sum(y[m, i:i + k, j:j + k] * np.rot90(w[m - r], r))
    return out


@later.accepted("the maps turned back, the first orientation, and forth again")
def _(y, w):
    maps = []
    for r in range(4):
        back = np.roll(np.rot90(y, -r, axes=(1, 2)), -r, axis=0)
        maps.append(np.rot90(sum(signal.correlate(back[m], w[m]) for m in range(4)), r))
    return np.stack(maps)


# ---- blur_subsample --------------------------------------------------------------------------------------------------

def _blur(x, taps=(1 / 4, 1 / 2, 1 / 4), before=1, mode="wrap"):
    """Rows and columns blurred with three taps; what is outside of the image is padded in this mode."""
    padded = np.pad(x, (before, len(taps) - 1 - before), mode)
    return signal.correlate(padded, np.outer(taps, taps))


subsample = Question(
    "blur_subsample", title="Blur, then subsample", points=2, kind="mend",
    asks="Mend `blur_subsample(x, s)`: the image blurred with [1, 2, 1]/4 in each axis on a torus, and of the result "
         "every s-th row and column.",
    reference=lambda x, s: _blur(x)[::s, ::s],
    cases=lambda rng: (numbers(rng, unequal(rng, 3, 9)), int(rng.integers(2, 4))),
    minutes=15, level=2,
    text=r"""
        A shift of the image by one pixel should change the kept pixels little. Two things are wrong with the function.
        Of the three taps the middle one lies on the pixel that is blurred, and row 0 and column 0 are kept.
    """,
    hints={
        "Where to begin":
            "Which pixels does the blur see in the function that is given? Which should it see?",
        "Only the border is wrong":
            "On a torus the neighbour above row 0 is the last row, not a row of zeros.",
        "Everything is moved by one pixel":
            "The padding has one row and one column on each side, so that the middle tap lies on the pixel itself.",
    },
)


@subsample.given("the blur comes after the subsampling",
                 hint="What aliasing has mixed up no blur can separate again: blur all pixels of the image first, keep "
                      "every s-th afterwards. And on a torus the border is not filled with zeros.")
def _(x, s):
    """(H, W), int  →  (⌈H/s⌉, ⌈W/s⌉)"""
    taps = np.array([1, 2, 1]) / 4
    padded = np.pad(x[::s, ::s], 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    return np.sum(windows * np.outer(taps, taps), axis=(2, 3))


@subsample.solution
def blur_subsample(x, s):
    """(H, W), int  →  (⌈H/s⌉, ⌈W/s⌉)"""
    taps = np.array([1, 2, 1]) / 4
    padded = np.pad(x, 1, mode="wrap")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    return np.sum(windows * np.outer(taps, taps), axis=(2, 3))[::s, ::s]


@subsample.mistake("the order is still wrong",
                   hint="The border is mended. But the blur sees only the pixels that are kept: blur first, keep every "
                        "s-th pixel of the result.")
def _(x, s):
    return _blur(x[::s, ::s])


@subsample.mistake("the border is still filled with zeros",
                   hint='The order is mended. On a torus the image begins again beyond its border: mode="wrap".')
def _(x, s):
    return _blur(x, mode="constant")[::s, ::s]


@subsample.mistake("the border repeats the outermost pixels",
                   hint='mode="edge" repeats the last pixel. On a torus the other side comes in: mode="wrap".')
def _(x, s):
    return _blur(x, mode="edge")[::s, ::s]


@subsample.mistake("the border mirrors the image",
                   hint='That is a mirror. On a torus the other side comes in: mode="wrap".')
def _(x, s):
    return _blur(x, mode="reflect")[::s, ::s]


@subsample.mistake("the border is left out",
                   hint='The output begins at row 0: every pixel has neighbours on a torus. np.pad(x, 1, mode="wrap").')
def _(x, s):
    return signal.correlate(x, np.outer([1, 2, 1], [1, 2, 1]) / 16)[::s, ::s]


@subsample.mistake("rolled as one long row",
                   hint="np.roll without axis lets the pixels run on into the next row. Blur axis 0, then axis 1.")
def _(x, s):
    for _ in range(2):
        x = (np.roll(x, 1) + 2 * x + np.roll(x, -1)) / 4
    return x[::s, ::s]


@subsample.mistake("the neighbours are s pixels away",
                   hint="The blur reads the pixels next to each other, whatever s is: roll by 1 and −1.")
def _(x, s):
    for axis in (0, 1):
        x = (np.roll(x, s, axis) + 2 * x + np.roll(x, -s, axis)) / 4
    return x[::s, ::s]


@subsample.mistake("there is no blur", hint="Every s-th pixel of the image as it is: the blur is missing.")
def _(x, s):
    return x[::s, ::s]


@subsample.mistake("nothing is subsampled", hint="The blur is right. Keep every s-th row and column: [::s, ::s].")
def _(x, s):
    return _blur(x)


@subsample.mistake("only rows are subsampled", hint="Keep every s-th row and every s-th column: [::s, ::s].")
def _(x, s):
    return _blur(x)[::s]


@subsample.mistake("only columns are subsampled", hint="Keep every s-th row and every s-th column: [::s, ::s].")
def _(x, s):
    return _blur(x)[:, ::s]


@subsample.mistake("only one axis is blurred: between rows", hint="Columns are not blurred: both axes.")
def _(x, s):
    return signal.correlate(np.pad(x, 1, "wrap"), np.array([[0, 1, 0], [0, 2, 0], [0, 1, 0]]) / 4)[::s, ::s]


@subsample.mistake("only one axis is blurred: between columns", hint="Rows are not blurred: both axes.")
def _(x, s):
    return signal.correlate(np.pad(x, 1, "wrap"), np.array([[0, 0, 0], [1, 2, 1], [0, 0, 0]]) / 4)[::s, ::s]


@subsample.mistake("the taps are not divided by their sum",
                   hint="[1, 2, 1]/4: each axis divides by 4, or the picture gets 16 times as bright.")
def _(x, s):
    return 16 * subsample.reference(x, s)


@subsample.mistake("only one axis is divided by 4", hint="[1, 2, 1]/4 in each axis: divide by 4 twice.")
def _(x, s):
    return 4 * subsample.reference(x, s)


@subsample.mistake("the average of three", hint="The taps are [1, 2, 1]/4: the middle pixel counts twice.")
def _(x, s):
    return _blur(x, (1 / 3, 1 / 3, 1 / 3))[::s, ::s]


@subsample.mistake("the average of blocks",
                   hint="Averaging s × s blocks is another blur, [1, 1]/2 for s = 2. Here the taps are [1, 2, 1]/4.")
def _(x, s):
    return _blur(x, (1 / s,) * s, before=0)[::s, ::s]


@subsample.mistake("the first row is left out", hint="Row 0 and column 0 are kept: [::s], not [1::s] or [s - 1::s].")
def _(x, s):
    return _blur(x)[1::s, 1::s]


@subsample.mistake("the last of each s is kept", hint="Row 0 and column 0 are kept: [::s], not [1::s] or [s - 1::s].")
def _(x, s):
    return _blur(x)[s - 1::s, s - 1::s]


@subsample.mistake("the blur is moved by a pixel",
                   hint="The middle tap lies on the pixel itself: one row and one column of padding on each side.")
def _(x, s):
    return np.roll(_blur(x), (-1, -1), (0, 1))[::s, ::s]


@subsample.mistake("every second pixel, whatever s is", hint="Keep every s-th pixel; s is not always 2.")
def _(x, s):
    return _blur(x)[::2, ::2]


@subsample.mistake("the left and upper neighbours are missing",
                   hint="Both neighbours count, [1, 2, 1]/4 in each axis.")
def _(x, s):
    return _blur(x, (0, 1 / 2, 1 / 4))[::s, ::s]


@subsample.mistake("the right and lower neighbours are missing",
                   hint="Both neighbours count, [1, 2, 1]/4 in each axis.")
def _(x, s):
    return _blur(x, (1 / 4, 1 / 2, 0))[::s, ::s]


@subsample.mistake("the middle tap counts once", hint="The taps are [1, 2, 1]/4: the middle one counts twice.")
def _(x, s):
    return _blur(x, (1 / 4, 1 / 4, 1 / 4))[::s, ::s]


@subsample.mistake("there is one blur of two", hint="[1, 2, 1]/4 is [1, 1]/2 applied twice, in each axis.")
def _(x, s):
    return _blur(x, (1 / 2, 1 / 2), before=0)[::s, ::s]


@subsample.mistake("the blur is applied twice", hint="Blur once in each axis, then keep every s-th row and column.")
def _(x, s):
    return _blur(_blur(x))[::s, ::s]


@subsample.mistake("the taps have no effect", hint="Multiply each pixel of the window by its weight before the sum.")
def _(x, s):
    return _blur(x, (1, 1, 1))[::s, ::s]


@subsample.mistake("pixel and weight are added", hint="Each pixel of the window is multiplied by its weight.")
def _(x, s):
    return (_blur(x, (1, 1, 1)) + 1)[::s, ::s]


@subsample.mistake("the windows are multiplied as matrices",
                   hint="`@` is the product of matrices. Here each pixel is multiplied by its own weight: `*`.")
def _(x, s):
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, 1, mode="wrap"), (3, 3))
    return np.sum(windows @ (np.outer([1, 2, 1], [1, 2, 1]) / 16), axis=(2, 3))[::s, ::s]


@subsample.mistake("the window is averaged", hint="The taps already sum to 1: add up the nine products, no mean.")
def _(x, s):
    return subsample.reference(x, s) / 9


@subsample.accepted("a sum of rolled images")
def _(x, s):
    for axis in (0, 1):
        x = (np.roll(x, 1, axis) + 2 * x + np.roll(x, -1, axis)) / 4
    return x[::s, ::s]


@subsample.accepted("rows first, then columns, of a padded image")
def _(x, s):
    padded = np.pad(x, 1, mode="wrap")
    rows = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    return ((rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4)[::s, ::s]


@subsample.accepted("only the windows that are kept")
def _(x, s):
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, 1, mode="wrap"), (3, 3))[::s, ::s]
    return np.einsum("ijuv,uv->ij", windows, np.outer([1, 2, 1], [1, 2, 1]) / 16)


@subsample.accepted("spectra, then every s-th pixel")
def _(x, s):
    rows, columns = ((1 + np.cos(2 * np.pi * np.fft.fftfreq(n))) / 2 for n in x.shape)
    return np.fft.ifft2(np.fft.fft2(x) * np.outer(rows, columns)).real[::s, ::s]


QUESTIONS = [circular, lift, gap, later, subsample]
