"""Week 3: the questions of the notebook `vision_transformer`."""

import numpy as np

from cnnlib.scratch import functional as F

from ...question import Question
from ..cases import numbers, unequal

# ---- to_patches ------------------------------------------------------------------------------------------------------


def _cut(x, h, w, axes=(1, 3, 0, 2, 4)):
    """Patches of an image; axes: of (channel, row of patches, row, column of patches, column), the first two count."""
    c, height, width = x.shape
    parts = x.reshape(c, height // h, h, width // w, w).transpose(axes)
    return parts.reshape((height // h) * (width // w), c * h * w)


def _patch_cases(rng):
    """Two or three channels, rows and columns of patches that differ, patches that are not square."""
    h, w = unequal(rng, 2, 5)
    rows, columns = unequal(rng, 2, 5)
    return numbers(rng, (int(rng.integers(2, 4)), rows * h, columns * w)), h, w


patches = Question(
    "to_patches", title="An image as a sequence of patches", points=2,
    asks="Write `to_patches(x, h, w)`: the patches of `h` × `w` pixels of an image, one in each row.",
    reference=_cut, cases=_patch_cases,
    minutes=15, level=2, practice=True,
    text=r"""
        `x` is one image (C, H, W); `h` divides H and `w` divides W. Patches do not overlap, and they come row by row,
        as one reads. Return an array (T, C·h·w) with T = H/h · W/w. Within a row of it stand the pixels of one patch as
        `patch.reshape(-1)` of a piece (C, h, w) has them: first all of channel 0, row by row, then channel 1, …
    """,
    hints={
        "The shape is right, and the numbers are those of other patches":
            "`reshape` never moves a number past another: all alone it cuts the image into strips. First split H into "
            "(H/h, h) and W into (W/w, w), which gives five axes. Then bring them into another order. Then join.",
        "Each patch holds the right pixels in a wrong order":
            "Within a patch the channel comes first, then the row, then the column.",
        "The patches are right, but not in this order":
            "The row of patches is the slower index: (H/h, W/w) in front of the rest.",
    },
)


@patches.solution
def to_patches(x, h, w):
    """(C, H, W), int, int  →  (T, C·h·w)"""
    c, height, width = x.shape
    rows, columns = height // h, width // w
    x = x.reshape(c, rows, h, columns, w)
    x = x.transpose(1, 3, 0, 2, 4)        # (rows, columns, C, h, w)
    return x.reshape(rows * columns, c * h * w)


@patches.mistake("a reshape alone",
                 hint="`reshape` only counts on: its first row is the first C·h·w numbers in memory, a strip of the "
                      "image's top. Split both axes first, then transpose.")
def _(x, h, w):
    return x.reshape(-1, len(x) * h * w)


def _other_order(name, axes, hint):
    patches.mistake(name, hint=hint)(lambda x, h, w: _cut(x, h, w, axes))


_WITHIN = "Within a patch: channel, then row, then column."
_FIRST = "Two axes count the patches, and they stand in front: the row of patches, then the column of patches."
_other_order("within a patch the channels come last", (1, 3, 2, 4, 0), _WITHIN)
_other_order("within a patch the rows come first, then the channels", (1, 3, 2, 0, 4), _WITHIN)
_other_order("within a patch columns come before rows", (1, 3, 0, 4, 2), _WITHIN)
_other_order("within a patch columns come before rows, and channels last", (1, 3, 4, 2, 0), _WITHIN)
_other_order("within a patch columns come first, then channels, then rows", (1, 3, 4, 0, 2), _WITHIN)
_other_order("the patches come column by column", (3, 1, 0, 2, 4),
             "As one reads: all patches of the first row of patches, then the second row.")
_other_order("the channel is the first index of the result", (0, 1, 3, 2, 4),
             "A patch holds all channels: the channel stands behind the two axes that count patches.")
_other_order("the place within the patch counts the rows of the result", (2, 4, 0, 1, 3), _FIRST)
_other_order("a row and a column of patches are mixed with places inside of one", (1, 2, 0, 3, 4), _FIRST)
_other_order("the first pixels of all patches come together", (1, 0, 3, 2, 4), _FIRST)
_other_order("the columns of patches stand behind the channel", (1, 0, 2, 3, 4), _FIRST)


@patches.mistake("every patch is turned over its diagonal",
                 hint="A patch keeps its h rows of w pixels. Is `.T` or a transpose of the whole image in it?")
def _(x, h, w):
    return _cut(x.transpose(0, 2, 1), w, h)


@patches.mistake("height and width of a patch are exchanged", hint="h counts rows and divides H; w counts columns.")
def _(x, h, w):
    return _cut(x, w, h)


@patches.mistake("the result is transposed", hint="One patch in each row: (T, C·h·w).")
def _(x, h, w):
    return _cut(x, h, w).T


@patches.mistake("numbers of rows and columns of patches are exchanged in the split",
                 hint="H is split into (H/h, h), W into (W/w, w): the count of patches first, then the place in one.")
def _(x, h, w):
    c, height, width = x.shape
    parts = x.reshape(c, h, height // h, w, width // w).transpose(2, 4, 0, 1, 3)
    return parts.reshape(-1, c * h * w)


@patches.mistake("as many rows as a patch has numbers", hint="T rows of C·h·w numbers, not the other way round.")
def _(x, h, w):
    return _cut(x, h, w).reshape(len(x) * h * w, -1)


@patches.mistake("the five axes are not joined", hint="The last step joins (C, h, w) to one axis, and rows and columns "
                                                      "of patches to another.")
def _(x, h, w):
    c, height, width = x.shape
    return x.reshape(c, height // h, h, width // w, w).transpose(1, 3, 0, 2, 4)


@patches.mistake("rows and columns of patches are two axes", hint="Join them: T = H/h · W/w rows.")
def _(x, h, w):
    return _cut(x, h, w).reshape(x.shape[1] // h, x.shape[2] // w, -1)


@patches.mistake("a patch is still three axes", hint="Lay each patch out in one row of C·h·w numbers.")
def _(x, h, w):
    return _cut(x, h, w).reshape(-1, len(x), h, w)


@patches.accepted("two loops that cut")
def _(x, h, w):
    _, height, width = x.shape
    return np.stack([x[:, a:a + h, c:c + w].reshape(-1) for a in range(0, height, h) for c in range(0, width, w)])


@patches.accepted("windows with a stride of their own size")
def _(x, h, w):
    windows = np.lib.stride_tricks.sliding_window_view(x, (h, w), axis=(1, 2))[:, ::h, ::w]
    return np.moveaxis(windows, 0, 2).reshape(-1, len(x) * h * w)


@patches.accepted("an index for every number")
def _(x, h, w):
    c, height, width = x.shape
    t, place = np.indices(((height // h) * (width // w), c * h * w))
    return x[place // (h * w), t // (width // w) * h + place // w % h, t % (width // w) * w + place % w]


# ---- vit_parameters --------------------------------------------------------------------------------------------------

def _parts(image, patch, channels, d, heads, depth, classes):
    """What the parts have: embedding, its bias, class token, positions, a block's weights and the rest, norm, head."""
    tokens = image[0] // patch[0] * (image[1] // patch[1]) + 1
    return {"embedding": channels * patch[0] * patch[1] * d, "bias": d, "class token": d, "positions": tokens * d,
            "weights": depth * 12 * d * d, "biases": depth * 9 * d, "norms": depth * 4 * d, "norm": 2 * d,
            "head": d * classes, "head bias": classes}


def _without(*names, **more):
    """The sum of all parts but these; more: parts that are other multiples."""
    def count(*arguments):
        parts = {name: 0 if name in names else value for name, value in _parts(*arguments).items()}
        return sum(value * more.get(name.replace(" ", "_"), 1) for name, value in parts.items())
    return count


def _vit_cases(rng):
    patch, grid = unequal(rng, 2, 8), unequal(rng, 2, 9)
    heads = int(rng.integers(2, 5))
    return ((patch[0] * grid[0], patch[1] * grid[1]), patch, int(rng.integers(1, 5)), heads * int(rng.integers(2, 12)),
            heads, int(rng.integers(2, 7)), int(rng.integers(2, 30)))


size = Question(
    "vit_parameters", title="What a vision transformer has to learn", points=1, kind="predict",
    asks="Write `vit_parameters(image, patch, channels, d, heads, depth, classes)`: how many parameters a vision "
         "transformer has.",
    reference=lambda *arguments: sum(_parts(*arguments).values()), cases=_vit_cases,
    minutes=15, level=2, practice=True,
    text=r"""
        `image` is (H, W) and `patch` is (h, w), which divides it. A patch of `channels`·h·w numbers goes through one
        linear map with bias to a token of `d` numbers. A class token, learned, is put in front, and to each token, that
        one too, a learned vector of its place is added. Then there are `depth` blocks, each with

        - a layer norm in front of the attention, with a scale and a shift for each of the d numbers,
        - one linear map with bias from d to 3d for queries, keys and values of all `heads` heads together, and one from
          d to d that joins them,
        - another layer norm, and two linear maps with bias, from d to 4d and back.

        After the last block come one more layer norm, and a linear map with bias to `classes` numbers.
    """,
    hints={
        "It is a little too small":
            "A layer norm has 2d parameters, a linear map from m to n has m·n + n. There are H/h · W/w + 1 places.",
        "It grows with the number of heads":
            "Heads share out the d numbers: d/heads each. The linear maps are as large as without heads.",
    },
)


@size.solution
def vit_parameters(image, patch, channels, d, heads, depth, classes):
    """(H, W), (h, w), five ints  →  int"""
    places = image[0] // patch[0] * (image[1] // patch[1]) + 1
    embedding = channels * patch[0] * patch[1] * d + d
    block = 12 * d**2 + 13 * d            # 4d² + 8d² of weights
    head = d * classes + classes
    return embedding + d + places * d + depth * block + 2 * d + head


def _left_out(name, hint, *parts, **more):
    size.mistake(name, hint=hint)(_without(*parts, **more))


_left_out("the positions are not counted", "To each token a vector of its place is added: d numbers for each of "
          "H/h · W/w + 1 places, and they are learned.", "positions")
_left_out("the biases in the blocks are missing", "Each block has biases of 3d, d, 4d and d numbers.", "biases")
_left_out("the norms in the blocks are missing", "Two layer norms in each block, with scale and shift: 4d.", "norms")
_left_out("there are weights only in the blocks", "Biases (9d) and norms (4d) of each block are learned too.", "biases",
          "norms")
_left_out("the head is missing", "A linear map with bias leads from d to the classes.", "head", "head bias")
_left_out("the head has no bias", "A linear map with bias to `classes` numbers: d·classes + classes.", "head bias")
_left_out("the head has only its bias", "A linear map with bias to `classes` numbers: d·classes + classes.", "head")
_left_out("the patch embedding is missing", "The linear map from channels·h·w numbers to d is learned too.",
          "embedding", "bias")
_left_out("the patch embedding has only its bias", "Its weights are channels·h·w·d.", "embedding")
_left_out("one block only", "All `depth` blocks have parameters of their own.", weights=0, biases=0, norms=0)
_left_out("norms have a scale but no shift", "A layer norm has a scale and a shift for each of the d numbers: 2d.",
          norms=0.5, norm=0.5)


def _vectors(name, more, hint):
    size.mistake(name, hint=hint)(lambda *arguments: _without()(*arguments) + more * arguments[3])


_SMALL = ("Beside the blocks there are as vectors of d numbers: the bias of the patch embedding, the class token, "
          "H/h · W/w + 1 places, and the two of the last norm.")
_vectors("one vector of d numbers is missing", -1, _SMALL)
_vectors("two vectors of d numbers are missing", -2, _SMALL)
_vectors("four vectors of d numbers are missing, as if two were subtracted", -4, _SMALL)
_vectors("one vector of d numbers is too many", 1, _SMALL)
_vectors("two vectors of d numbers are too many", 2, _SMALL)


@size.mistake("a position is one number", hint="The vector of a place is as long as a token, since it is added to it.")
def _(image, patch, channels, d, heads, depth, classes):
    parts = _parts(image, patch, channels, d, heads, depth, classes)
    return sum(parts.values()) - parts["positions"] + parts["positions"] // d


@size.mistake("each head has maps of full width",
              hint="Heads share out the d numbers, d/heads each: all heads together have one map from d to 3d.")
def _(image, patch, channels, d, heads, depth, classes):
    whole = _without()(image, patch, channels, d, heads, depth, classes)
    return whole + depth * (heads - 1) * (3 * d * d + 3 * d)


@size.mistake("the map that joins the heads is missing", hint="Behind the heads stands one more map from d to d.")
def _(image, patch, channels, d, heads, depth, classes):
    return _without()(image, patch, channels, d, heads, depth, classes) - depth * (d * d + d)


@size.mistake("the map of queries, keys and values has no bias", hint="It has one, of 3d numbers.")
def _(image, patch, channels, d, heads, depth, classes):
    return _without()(image, patch, channels, d, heads, depth, classes) - depth * 3 * d


@size.mistake("a map to queries only", hint="Queries, keys and values: from d to 3d.")
def _(image, patch, channels, d, heads, depth, classes):
    return _without()(image, patch, channels, d, heads, depth, classes) - depth * (2 * d * d + 2 * d)


@size.mistake("only one of the two norms of a block", hint="One in front of the attention, one in front of the MLP.")
def _(image, patch, channels, d, heads, depth, classes):
    return _without()(image, patch, channels, d, heads, depth, classes) - depth * 2 * d


@size.mistake("the patches have one channel", hint="A patch holds channels·h·w numbers.")
def _(image, patch, channels, d, heads, depth, classes):
    parts = _parts(image, patch, channels, d, heads, depth, classes)
    return sum(parts.values()) - parts["embedding"] + parts["embedding"] // channels


@size.mistake("the patches are square", hint="A patch has h rows and w columns, patch[0] and patch[1].")
def _(image, patch, channels, d, heads, depth, classes):
    parts = _parts(image, patch, channels, d, heads, depth, classes)
    return sum(parts.values()) + channels * patch[0] * (patch[0] - patch[1]) * d


@size.mistake("the weights of a block are 13d², its other parameters 13d", hint="4d² in attention and 8d² in the MLP.")
def _(image, patch, channels, d, heads, depth, classes):
    return _without()(image, patch, channels, d, heads, depth, classes) + depth * d * d


@size.mistake("the weights of a block are 11d²", hint="4d² in attention (3d² + d²) and 8d² in the MLP (4d² + 4d²).")
def _(image, patch, channels, d, heads, depth, classes):
    return _without()(image, patch, channels, d, heads, depth, classes) - depth * d * d


def _block_of(name, linear, hint):
    size.mistake(name, hint=hint)(
        lambda image, patch, channels, d, heads, depth, classes:
        _without()(image, patch, channels, d, heads, depth, classes) + depth * (linear - 13) * d)


_block_of("a block has 12d beside its weights", 12, "Biases 3d + d + 4d + d, norms 2d + 2d: 13d.")
_block_of("a block has 14d beside its weights", 14, "Biases 3d + d + 4d + d, norms 2d + 2d: 13d.")
_block_of("the biases of the blocks are subtracted", -13, "All are added.")


def _places(name, count, hint):
    """Another number of places."""
    def wrong(image, patch, channels, d, heads, depth, classes):
        parts = _parts(image, patch, channels, d, heads, depth, classes)
        return sum(parts.values()) - parts["positions"] + count(*image, *patch) * d
    size.mistake(name, hint=hint)(wrong)


_GRID = "There are H/h rows of W/w patches, and the class token has a place too: H/h · W/w + 1."
_places("rows and columns of patches are added", lambda height, width, h, w: height // h + width // w + 1, _GRID)
_places("a place for each row of patches", lambda height, width, h, w: height // h + 1, _GRID)
_places("a place for each column of patches", lambda height, width, h, w: width // w + 1, _GRID)
_places("a place for each pixel", lambda height, width, h, w: height * width + 1, _GRID)
_places("a place for each pixel of a patch", lambda height, width, h, w: h * w + 1, _GRID)
_places("one place for all", lambda height, width, h, w: 1, _GRID)
_places("the height is not divided by that of a patch", lambda height, width, h, w: height * (width // w) + 1, _GRID)
_places("the width is not divided by that of a patch", lambda height, width, h, w: height // h * width + 1, _GRID)
_places("height and width of a patch are exchanged in the grid",
        lambda height, width, h, w: height // w * (width // h) + 1, _GRID)
_places("the patches in a column are counted with their width",
        lambda height, width, h, w: height // w * (width // w) + 1, _GRID)
_places("the patches in a row are counted with their height",
        lambda height, width, h, w: height // h * (width // h) + 1, _GRID)
_places("the grid is taken for a square of the width", lambda height, width, h, w: width // h * (width // w) + 1, _GRID)
_places("the grid is taken for a square of the height", lambda height, width, h, w: height // h * (height // w) + 1,
        _GRID)


def _embedding(name, count):
    """Other weights of the patch embedding."""
    def wrong(image, patch, channels, d, heads, depth, classes):
        parts = _parts(image, patch, channels, d, heads, depth, classes)
        return sum(parts.values()) - parts["embedding"] + count(channels, *patch, d)
    size.mistake(name, hint="The patch embedding has channels·h·w·d weights, and d biases.")(wrong)


_embedding("the embedding's inputs and outputs are added", lambda c, h, w, d: c * h * w + d)
_embedding("the embedding has one weight for each number of a patch", lambda c, h, w, d: c * h * w)
_embedding("a patch has no width", lambda c, h, w, d: c * h * d)
_embedding("a patch has no height", lambda c, h, w, d: c * w * d)
_embedding("the width of a patch is squared", lambda c, h, w, d: c * w * w * d)
_embedding("channels and height are added", lambda c, h, w, d: (c + h) * w * d)
_embedding("sides of a patch are added", lambda c, h, w, d: c * (h + w) * d)


def _weights(name, count, hint="A block has 12d² weights: 4d² in attention, 8d² in the MLP; and 13d of other numbers."):
    """Another block: count(d) parameters."""
    def wrong(image, patch, channels, d, heads, depth, classes):
        return _without("weights", "biases", "norms")(image, patch, channels, d, heads, depth, classes) + (
            depth * count(d))
    size.mistake(name, hint=hint)(wrong)


_weights("a block has no weights", lambda d: 13 * d)
_weights("a block has d² weights", lambda d: d * d + 13 * d)
_weights("the weights of a block grow as d, not as d²", lambda d: 25 * d)
_weights("the d² of a block is 2d", lambda d: 37 * d)
_weights("the weights of a block grow as d³", lambda d: 12 * d**3 + 13 * d)
_weights("a block has 13 numbers beside its weights, not 13d", lambda d: 12 * d * d + 13)
_weights("a block has d numbers beside its weights", lambda d: 12 * d * d + d)
_weights("the MLP has 4d² weights", lambda d: 8 * d * d + 13 * d, "Two maps, d → 4d and 4d → d: 8d².")
_weights("the MLP goes from d to d and back", lambda d: 6 * d * d + 10 * d, "Its middle has 4d numbers: 8d² weights.")


@size.mistake("the biases of the head are subtracted", hint="d·classes weights plus `classes` biases.")
def _(image, patch, channels, d, heads, depth, classes):
    return _without()(image, patch, channels, d, heads, depth, classes) - 2 * classes


@size.mistake("inputs and outputs of the head are added", hint="d·classes weights plus `classes` biases.")
def _(image, patch, channels, d, heads, depth, classes):
    return _without("head")(image, patch, channels, d, heads, depth, classes) + d


@size.accepted("layer by layer")
def _(image, patch, channels, d, heads, depth, classes):
    def linear(m, n):
        return m * n + n
    block = 2 * d + linear(d, 3 * d) + linear(d, d) + 2 * d + linear(d, 4 * d) + linear(4 * d, d)
    places = image[0] * image[1] // (patch[0] * patch[1]) + 1
    return linear(channels * patch[0] * patch[1], d) + d + places * d + depth * block + 2 * d + linear(d, classes)


@size.accepted("head by head")
def _(image, patch, channels, d, heads, depth, classes):
    small = d // heads
    attention = heads * 3 * (d * small + small) + d * d + d
    block = attention + 8 * d * d + 5 * d + 4 * d
    return _without("weights", "biases", "norms")(image, patch, channels, d, heads, depth, classes) + depth * block


# ---- resize_positions ------------------------------------------------------------------------------------------------

def _resized(positions, old, new, mode="bilinear", **options):
    grid = positions[1:].reshape(*old, -1).transpose(2, 0, 1)[None]
    grid = F.interpolate(np.ascontiguousarray(grid), new, mode=mode, **options)[0]
    return np.concatenate([positions[:1], grid.reshape(len(grid), -1).T])


def _hats(before, after, place):
    """(after, before): how much each old place counts for each new one."""
    place = place(np.arange(after), before, after)
    return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(before)))


def _by_hats(positions, old, new, place):
    grid = positions[1:].reshape(*old, -1)
    grid = np.einsum("ir,jc,rcd->ijd", *(_hats(b, a, place) for b, a in zip(old, new, strict=True)), grid)
    return np.concatenate([positions[:1], grid.reshape(-1, grid.shape[-1])])


def _centre(i, before, after):
    return np.clip((i + 0.5) * before / after - 0.5, 0, before - 1)


def _resize_cases(rng, turn):
    """Grids that grow, that shrink, and, in every fourth case, others of as many places."""
    if turn % 4 == 2:
        old, new = ((2, 8), (4, 4)) if turn % 8 == 2 else ((3, 4), (2, 6))
    else:
        old = unequal(rng, 2, 6)
        new = unequal(rng, 2, 8)
        while new in (old, old[::-1]):
            new = unequal(rng, 2, 8)
    return numbers(rng, (1 + old[0] * old[1], int(rng.integers(2, 5)))), old, new


resize = Question(
    "resize_positions", title="Positions for an image of another size", points=3,
    asks="Write `resize_positions(positions, old, new)`: the position vectors of a vision transformer, made to fit a "
         "grid of patches of another size.",
    reference=lambda positions, old, new: _resized(positions, old, new), cases=_resize_cases,
    minutes=30, level=3,
    text=r"""
        A transformer was trained on a grid of `old` = (rows, columns) patches and is now to read larger images, or
        smaller ones. `positions` is (1 + rows·columns, D): first the vector of the class token, which has no place and
        stays as it is, then those of the patches, row by row. Treat the patches' vectors as an image with D channels,
        and resize it to `new` = (rows, columns) by bilinear interpolation. Return an array (1 + new rows · new columns,
        D).

        Along an axis of `before` places that becomes one of `after`, the new place $i$ lies at

        $$a = (i + \tfrac12)\, \frac{\text{before}}{\text{after}} - \tfrac12$$

        of the old axis, so that the outer edges of both grids agree; where $a$ lies before the first old place or
        behind the last one, it counts as that place. The value there is the mean of the two old values around it,
        weighted by nearness: $1 - |a - \text{place}|$ each. Nothing more is done where the grid shrinks.
    """,
    hints={
        "The number of rows is off by one":
            "The first row of `positions` is no patch. Take it away before, and put it in front again after.",
        "It is right where rows and columns are alike":
            "`old` and `new` are (rows, columns). The patches come row by row: reshape to (rows, columns, D).",
        "Only the outermost vectors are wrong":
            "There a lies outside of the old places. Which value counts there?",
        "How to begin":
            "One axis at a time. Make a matrix (after, before) that says how much each old place counts for each new "
            "one; its rows sum to 1.",
    },
)


@resize.solution
def resize_positions(positions, old, new):
    """(1 + r·c, D), (r, c), (R, C)  →  (1 + R·C, D)"""
    grid = positions[1:].reshape(old[0], old[1], -1)
    weights = []
    for before, after in zip(old, new, strict=True):
        place = (np.arange(after) + 0.5) * before / after - 0.5
        place = np.clip(place, 0, before - 1)
        apart = np.abs(place[:, None] - np.arange(before))
        weights.append(np.maximum(1 - apart, 0))          # (after, before)
    grid = np.einsum("ir,jc,rcd->ijd", weights[0], weights[1], grid)
    patches = grid.reshape(new[0] * new[1], -1)
    return np.concatenate([positions[:1], patches])


@resize.mistake("what has as many places is left as it is",
                hint="2 × 8 patches are as many as 4 × 4, and they lie elsewhere. Compare the grids, not the counts.")
def _(positions, old, new):
    return positions if old[0] * old[1] == new[0] * new[1] else _resized(positions, old, new)


@resize.mistake("the class token is lost", hint="Put the first row of `positions` in front of the result again.")
def _(positions, old, new):
    return _resized(positions, old, new)[1:]


@resize.mistake("the class token stands at the end", hint="It comes first, as in `positions`.")
def _(positions, old, new):
    return np.roll(_resized(positions, old, new), -1, 0)


@resize.mistake("the last vector is taken for that of the class token",
                hint="The first row of `positions` belongs to the class token, the others to the patches.")
def _(positions, old, new):
    return np.roll(_resized(np.roll(positions, 1, 0), old, new), -1, 0)


@resize.mistake("the last vector is taken for that of the class token, and put in front",
                hint="The first row of `positions` belongs to the class token, the others to the patches.")
def _(positions, old, new):
    return _resized(np.roll(positions, 1, 0), old, new)


@resize.mistake("the first patch's vector is doubled, that of the class token is lost",
                hint="The class token keeps its own vector, positions[:1].")
def _(positions, old, new):
    out = _resized(positions, old, new)
    return np.concatenate([positions[1:2], out[1:]])


@resize.mistake("the vector of the class token is zeros", hint="It stays as it was, positions[:1].")
def _(positions, old, new):
    out = _resized(positions, old, new)
    return np.concatenate([0 * positions[:1], out[1:]])


@resize.mistake("all vectors, the class token's too, are one line that is stretched",
                hint="The patches lie on a grid: the vector below patch t is that of patch t + columns. And the class "
                     "token has no place on it.")
def _(positions, old, new):
    return _line(positions, 1 + new[0] * new[1])


@resize.mistake("the patches are one line that is stretched",
                hint="The patches lie on a grid: the vector below patch t is that of patch t + columns. Reshape to "
                     "(rows, columns, D) first.")
def _(positions, old, new):
    return np.concatenate([positions[:1], _line(positions[1:], new[0] * new[1])])


def _line(x, after):
    return _hats(len(x), after, _centre) @ x


@resize.mistake("rows and columns of the old grid are exchanged", hint="`old` is (rows, columns), rows first.")
def _(positions, old, new):
    return _resized(positions, old[::-1], new)


@resize.mistake("rows and columns of the new grid are exchanged", hint="`new` is (rows, columns), rows first.")
def _(positions, old, new):
    return _resized(positions, old, new[::-1])


@resize.mistake("rows and columns are exchanged in both grids", hint="Both are (rows, columns), rows first.")
def _(positions, old, new):
    return _resized(positions, old[::-1], new[::-1])


@resize.mistake("the new vectors come column by column", hint="Row by row, as the old ones: (rows, columns, D).")
def _(positions, old, new):
    out = _resized(positions, old, new)
    return np.concatenate([out[:1], out[1:].reshape(*new, -1).swapaxes(0, 1).reshape(len(out) - 1, -1)])


@resize.mistake("the vectors are reshaped to (D, rows, columns) without a transpose",
                hint="D is the last axis of `positions`: reshape to (rows, columns, D), then move D to the front.")
def _(positions, old, new):
    grid = positions[1:].reshape(1, -1, *old)
    grid = F.interpolate(grid, new, mode="bilinear")[0]
    return np.concatenate([positions[:1], grid.reshape(len(grid), -1).T])


@resize.mistake("first and last places of both grids agree",
                hint="That is align_corners=True. Here the outer edges agree: the ½ in the formula are the halves of a "
                     "patch.")
def _(positions, old, new):
    return _resized(positions, old, new, align_corners=True)


@resize.mistake("new place i lies at i·before/after", hint="The halves are missing: (i + ½)·before/after − ½.")
def _(positions, old, new):
    return _by_hats(positions, old, new, lambda i, b, a: np.clip(i * b / a, 0, b - 1))


@resize.mistake("the last half is missing", hint="(i + ½)·before/after − ½: from the edge back to the centre.")
def _(positions, old, new):
    return _by_hats(positions, old, new, lambda i, b, a: np.clip((i + 0.5) * b / a, 0, b - 1))


@resize.mistake("the first half is missing", hint="(i + ½)·before/after − ½: from a new centre.")
def _(positions, old, new):
    return _by_hats(positions, old, new, lambda i, b, a: np.clip(i * b / a - 0.5, 0, b - 1))


@resize.mistake("the first half is subtracted", hint="(i + ½)·before/after − ½: from a new centre.")
def _(positions, old, new):
    return _by_hats(positions, old, new, lambda i, b, a: np.clip((i - 0.5) * b / a - 0.5, 0, b - 1))


@resize.mistake("the last half is added", hint="(i + ½)·before/after − ½: from the edge back to the centre.")
def _(positions, old, new):
    return _by_hats(positions, old, new, lambda i, b, a: np.clip((i + 0.5) * b / a + 0.5, 0, b - 1))


@resize.mistake("before and after are exchanged in the formula",
                hint="Of many new places on few old ones, each is a short step: before/after.")
def _(positions, old, new):
    return _by_hats(positions, old, new, lambda i, b, a: np.clip((i + 0.5) * a / b - 0.5, 0, b - 1))


@resize.mistake("places outside of the old grid are not moved to its edge",
                hint="A place before the first old one counts as the first, one behind the last as the last: the two "
                     "weights must sum to 1.")
def _(positions, old, new):
    return _by_hats(positions, old, new, lambda i, b, a: (i + 0.5) * b / a - 0.5)


@resize.mistake("places before the old grid are not moved to its edge",
                hint="A place before the first old one counts as the first one.")
def _(positions, old, new):
    return _by_hats(positions, old, new, lambda i, b, a: np.minimum((i + 0.5) * b / a - 0.5, b - 1))


@resize.mistake("places behind the old grid are not moved to its edge",
                hint="A place behind the last old one counts as the last one, before − 1.")
def _(positions, old, new):
    return _by_hats(positions, old, new, lambda i, b, a: np.maximum((i + 0.5) * b / a - 0.5, 0))


def _at(name, place):
    """Another place in the old row than the right one."""
    hint = "It is (i + ½)·before/after − ½, and then no less than 0 and no more than before − 1."
    resize.mistake(name, hint=hint)(lambda positions, old, new: _by_hats(positions, old, new, place))


_at("the new place is not divided by the new number of places",
    lambda i, b, a: np.clip((i + 0.5) * b - 0.5, 0, b - 1))
_at("the new place is not multiplied by the old number of places",
    lambda i, b, a: np.clip((i + 0.5) / a - 0.5, 0, b - 1))
_at("the new place is multiplied by both numbers", lambda i, b, a: np.clip((i + 0.5) * b * a - 0.5, 0, b - 1))
_at("all places are half an old place too far on", lambda i, b, a: np.clip((i + 1) * b / a - 0.5, 0, b - 1))
_at("all places are one new place too far on", lambda i, b, a: np.clip((i + 1.5) * b / a - 0.5, 0, b - 1))
_at("all places are one old place too early", lambda i, b, a: np.clip((i + 0.5) * b / a - 1.5, 0, b - 1))
_at("the sign of the place is reversed", lambda i, b, a: np.clip(0.5 - (i + 0.5) * b / a, 0, b - 1))
_at("the old number is added, not multiplied", lambda i, b, a: np.clip((i + 0.5 + b) / a - 0.5, 0, b - 1))
_at("no place lies before the second old one", lambda i, b, a: np.clip((i + 0.5) * b / a - 0.5, 1, b - 1))
_at("no place lies behind the second-last old one", lambda i, b, a: np.clip((i + 0.5) * b / a - 0.5, 0, b - 2))
_at("no place lies behind the second old one", lambda i, b, a: np.clip((i + 0.5) * b / a - 0.5, 0, 1))


def _weighted(name, weigh, hint="Each old value counts 1 − |a − place|, and 0 if that is negative."):
    """Other weights: weigh(a − place)."""
    def wrong(positions, old, new):
        grid = positions[1:].reshape(*old, -1)
        rows, columns = (weigh(_centre(np.arange(a), b, a)[:, None] - np.arange(b))
                         for b, a in zip(old, new, strict=True))
        grid = np.einsum("ir,jc,rcd->ijd", rows, columns, grid)
        return np.concatenate([positions[:1], grid.reshape(-1, grid.shape[-1])])
    resize.mistake(name, hint=hint)(wrong)


_weighted("distances behind a place are negative", lambda x: np.maximum(1 - x, 0))
_weighted("the distance is squared", lambda x: np.maximum(1 - x**2, 0))
_weighted("the far ones count more", lambda x: np.maximum(1 + np.abs(x), 0))
_weighted("the distance is the weight", np.abs)
_weighted("the distance less 1 is the weight", lambda x: np.maximum(np.abs(x) - 1, 0))
_weighted("values as far as two places count", lambda x: np.maximum(2 - np.abs(x), 0),
          "Two values count along an axis, those around the place.")
_weighted("all old values count alike", lambda x: np.ones_like(x))
_weighted("negative weights are not set to 0", lambda x: 1 - np.abs(x))
_weighted("nothing counts", lambda x: 0 * x)


@resize.mistake("all old vectors stand in front of the new ones", hint="Only the class token's, positions[:1].")
def _(positions, old, new):
    return np.concatenate([positions, _resized(positions, old, new)[1:]])


@resize.mistake("the line through the last two values goes on beyond the edge",
                hint="Beyond the first and the last old place nothing is guessed: their own values count.")
def _(positions, old, new):
    grid = positions[1:].reshape(*old, -1)
    for axis, after in enumerate(new):
        before = grid.shape[axis]
        place = (np.arange(after) + 0.5) * before / after - 0.5
        low = np.clip(np.floor(place).astype(int), 0, before - 2)
        share = (place - low).reshape([-1 if i == axis else 1 for i in range(3)])
        grid = (1 - share) * grid.take(low, axis) + share * grid.take(low + 1, axis)
    return np.concatenate([positions[:1], grid.reshape(-1, grid.shape[-1])])


@resize.mistake("the nearest vector is copied", hint="Bilinear: the two old values around a place, by nearness.")
def _(positions, old, new):
    return _resized(positions, old, new, "nearest")


@resize.mistake("the nearest vector to each centre is copied",
                hint="Bilinear: the two old values around a place, by nearness.")
def _(positions, old, new):
    return _resized(positions, old, new, "nearest-exact")


@resize.mistake("bicubic in place of bilinear", hint="Two values along each axis, not four.")
def _(positions, old, new):
    return _resized(positions, old, new, "bicubic")


@resize.mistake("where the grid shrinks, all old values are averaged",
                hint="That is antialiasing. Here each new value comes from the two around its place, and no more.")
def _(positions, old, new):
    return _resized(positions, old, new, antialias=True)


@resize.mistake("only the rows are resized, the columns are cut or repeated",
                hint="Both axes are resized, one after the other.")
def _(positions, old, new):
    grid = _resized(positions, old, (new[0], old[1]))[1:].reshape(new[0], old[1], -1)
    grid = grid[:, np.minimum(np.arange(new[1]), old[1] - 1)]
    return np.concatenate([positions[:1], grid.reshape(-1, grid.shape[-1])])


@resize.accepted("each new vector from the four around it")
def _(positions, old, new):
    grid, out = positions[1:].reshape(*old, -1), [positions[0]]
    for i in range(new[0]):
        for j in range(new[1]):
            a = min(max((i + 0.5) * old[0] / new[0] - 0.5, 0), old[0] - 1)
            c = min(max((j + 0.5) * old[1] / new[1] - 0.5, 0), old[1] - 1)
            top, left = min(int(a), old[0] - 2), min(int(c), old[1] - 2)
            u, v = a - top, c - left
            out.append((1 - u) * (1 - v) * grid[top, left] + (1 - u) * v * grid[top, left + 1]
                       + u * (1 - v) * grid[top + 1, left] + u * v * grid[top + 1, left + 1])
    return np.array(out)


@resize.accepted("np.interp along one axis after the other, columns first")
def _(positions, old, new):
    grid = positions[1:].reshape(*old, -1)
    for axis in (1, 0):
        place = (np.arange(new[axis]) + 0.5) * old[axis] / new[axis] - 0.5
        grid = np.apply_along_axis(lambda line, place=place: np.interp(place, np.arange(len(line)), line), axis, grid)
    return np.concatenate([positions[:1], grid.reshape(-1, grid.shape[-1])])


# ---- attention_maps --------------------------------------------------------------------------------------------------

def _split(x, heads):
    """(N, T, C) → (N, heads, T, C/heads): neighbouring channels are a head."""
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def _strips(x, heads):
    return x.reshape(len(x), heads, x.shape[1], -1)


def _dealt(x, heads):
    """Every heads-th channel is a head's."""
    return x.reshape(*x.shape[:2], -1, heads).transpose(0, 3, 1, 2)


def _softmax(scores, axis=-1):
    scores = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return scores / scores.sum(axis=axis, keepdims=True)


def _maps(x, w_q, w_k, heads, split=_split, scale=lambda c, heads: (c // heads) ** -0.5, axis=-1):
    q, k = (split(x @ w.T, heads) for w in (w_q, w_k))
    return _softmax(q @ k.swapaxes(2, 3) * scale(x.shape[2], heads), axis)


def _maps_cases(rng):
    heads, small = unequal(rng, 2, 5)
    n, tokens = unequal(rng, 2, 6)
    c = heads * small
    return (numbers(rng, (n, tokens, c)) / 2, numbers(rng, (c, c)) / 4, numbers(rng, (c, c)) / 4, heads)


maps = Question(
    "attention_maps", title="Heads that see half a token", points=2, kind="mend",
    asks="Mend `attention_maps(x, w_q, w_k, heads)`: the attention weights of every head.",
    reference=lambda x, w_q, w_k, heads: _maps(x, w_q, w_k, heads), cases=_maps_cases,
    minutes=20, level=2,
    text=r"""
        `x` is (N, T, C), a batch of T tokens of C numbers; `w_q` and `w_k` are (C, C) as in PyTorch: queries are
        `x @ w_q.T` and keys `x @ w_k.T`. C divides by `heads`: head 0 has the first C/heads numbers of each query and
        of each key, head 1 the next ones, and so on. Head h of image n has the weights

        $$P_{nh} = \text{softmax}\Big(\frac{Q_{nh} K_{nh}^\top}{\sqrt{D}}\Big) ,$$

        with D the length of its own queries, and softmax over the keys. The result is (N, heads, T, T). Two things are
        wrong with the function. Its result has the right shape, and each of its rows sums to 1.
    """,
    hints={
        "Where to begin":
            "Call it with heads = 1: then only one way of doing it exists. What changes for heads = 2?",
        "The heads are mixed with the tokens":
            "A query of token t must not hold numbers of token t + 1. `reshape` never moves a number past another: in "
            "which order do the axes stand in memory?",
        "All weights are a little too much alike":
            "By the root of which length are the scores divided?",
    },
)


@maps.given("heads are cut across the tokens, and the scores are divided by √C",
            hint="Two things. (N, T, C) reshaped to (N, heads, T, D) gives the first head all numbers of the first "
                 "tokens: split C, then exchange two axes. And D is the length of the queries of one head.")
def _(x, w_q, w_k, heads):
    """(N, T, C), (C, C), (C, C), int  →  (N, heads, T, T)"""
    n, t, c = x.shape
    q = (x @ w_q.T).reshape(n, heads, t, c // heads)
    k = (x @ w_k.T).reshape(n, heads, t, c // heads)
    scores = q @ k.swapaxes(2, 3) / np.sqrt(c)
    weights = np.exp(scores - scores.max(axis=3, keepdims=True))
    return weights / weights.sum(axis=3, keepdims=True)


@maps.solution
def attention_maps(x, w_q, w_k, heads):
    """(N, T, C), (C, C), (C, C), int  →  (N, heads, T, T)"""
    n, t, c = x.shape
    q = (x @ w_q.T).reshape(n, t, heads, c // heads).swapaxes(1, 2)
    k = (x @ w_k.T).reshape(n, t, heads, c // heads).swapaxes(1, 2)
    scores = q @ k.swapaxes(2, 3) / np.sqrt(c // heads)
    weights = np.exp(scores - scores.max(axis=3, keepdims=True))
    return weights / weights.sum(axis=3, keepdims=True)


@maps.mistake("the scores are still divided by √C",
              hint="The heads are mended. Each head has queries of C/heads numbers, and their products vary as "
                   "√(C/heads).")
def _(x, w_q, w_k, heads):
    return _maps(x, w_q, w_k, heads, scale=lambda c, heads: c**-0.5)


@maps.mistake("the heads are still cut across the tokens",
              hint="The scale is mended. Reshape to (N, T, heads, D), for C is what is split, and exchange axes 1 "
                   "and 2 after that.")
def _(x, w_q, w_k, heads):
    return _maps(x, w_q, w_k, heads, _strips)


def _also(name, hint, **how):
    maps.mistake(name, hint=hint)(lambda x, w_q, w_k, heads: _maps(x, w_q, w_k, heads, **how))


_KEYS = "Row i of the weights belongs to query i and sums to 1: softmax runs over the keys, the last axis."
_also("every heads-th number belongs to a head", "Head 0 has the first C/heads numbers: (heads, D), not (D, heads).",
      split=_dealt)
_also("every heads-th number belongs to a head, and the scores are divided by √C",
      "Head 0 has the first C/heads numbers: (heads, D), not (D, heads). And D is the length of one head's queries.",
      split=_dealt, scale=lambda c, heads: c**-0.5)
_also("softmax runs over the queries", _KEYS, axis=2)
_also("softmax runs over the heads", _KEYS, axis=1)
_also("softmax runs over the images", "Images must not know of each other: softmax runs over the keys.", axis=0)
_also("the scores are not divided", "They are divided by √D, D = C/heads.", scale=lambda c, heads: 1.0)
_also("the scores are divided by D, not by its root", "It is the root of C/heads.", scale=lambda c, heads: heads / c)
_also("the scores are multiplied by √D", "They are divided by it.", scale=lambda c, heads: (c // heads) ** 0.5)
_also("the scores are divided by the root of the number of heads", "D is the length of a query of one head, C/heads.",
      scale=lambda c, heads: heads**-0.5)
_also("the scores are divided by √(C · heads)", "D is the length of a query of one head, C/heads.",
      scale=lambda c, heads: (c * heads) ** -0.5)
_also("the sign of the scores is reversed", "A large product is a large weight.",
      scale=lambda c, heads: -((c // heads) ** -0.5))


@maps.mistake("queries and keys are exchanged", hint="Rows belong to queries, columns to keys: Q Kᵀ, not K Qᵀ.")
def _(x, w_q, w_k, heads):
    return _maps(x, w_k, w_q, heads)


@maps.mistake("the weights are transposed", hint="Row i holds the weights of query i: it sums to 1.")
def _(x, w_q, w_k, heads):
    return _maps(x, w_q, w_k, heads).swapaxes(2, 3)


@maps.mistake("the maps w_q and w_k are not transposed", hint="They are stored as (out, in): x @ w.T.")
def _(x, w_q, w_k, heads):
    return _maps(x, w_q.T, w_k.T, heads)


@maps.mistake("w_q is not transposed", hint="It is stored as (out, in): x @ w_q.T.")
def _(x, w_q, w_k, heads):
    return _maps(x, w_q.T, w_k, heads)


@maps.mistake("w_k is not transposed", hint="It is stored as (out, in): x @ w_k.T.")
def _(x, w_q, w_k, heads):
    return _maps(x, w_q, w_k.T, heads)


@maps.mistake("the queries are the tokens themselves", hint="Queries are x @ w_q.T.")
def _(x, w_q, w_k, heads):
    return _maps(x, np.eye(x.shape[2]), w_k, heads)


@maps.mistake("the keys are the tokens themselves", hint="Keys are x @ w_k.T.")
def _(x, w_q, w_k, heads):
    return _maps(x, w_q, np.eye(x.shape[2]), heads)


@maps.mistake("the scores of all heads are averaged", hint="Every head has weights of its own.")
def _(x, w_q, w_k, heads):
    q, k = (_split(x @ w.T, heads) for w in (w_q, w_k))
    scores = (q @ k.swapaxes(2, 3)).mean(1, keepdims=True) / np.sqrt(x.shape[2] // heads)
    return np.repeat(_softmax(scores), heads, 1)


@maps.mistake("exp without the sum", hint="Divide by the sum over the keys, so that each row sums to 1.")
def _(x, w_q, w_k, heads):
    q, k = (_split(x @ w.T, heads) for w in (w_q, w_k))
    scores = q @ k.swapaxes(2, 3) / np.sqrt(x.shape[2] // heads)
    return np.exp(scores - scores.max(axis=3, keepdims=True))


@maps.mistake("the scores without softmax", hint="Softmax over the keys is missing.")
def _(x, w_q, w_k, heads):
    q, k = (_split(x @ w.T, heads) for w in (w_q, w_k))
    return q @ k.swapaxes(2, 3) / np.sqrt(x.shape[2] // heads)


def _scored(name, weigh, hint):
    """Other weights of the right scores."""
    def wrong(x, w_q, w_k, heads):
        q, k = (_split(x @ w.T, heads) for w in (w_q, w_k))
        return weigh(q @ k.swapaxes(2, 3) / np.sqrt(x.shape[2] // heads))
    maps.mistake(name, hint=hint)(wrong)


_scored("softmax is only prepared: the largest score is subtracted", lambda s: s - s.max(-1, keepdims=True),
        "Take exp of that, and divide by the sum over the keys.")
_scored("the weights are multiplied by their sum",
        lambda s: np.exp(s - s.max(-1, keepdims=True)) * np.exp(s - s.max(-1, keepdims=True)).sum(-1, keepdims=True),
        "Divide by the sum over the keys, so that each row sums to 1.")
_scored("all weights of all images together sum to 1",
        lambda s: np.exp(s - s.max(-1, keepdims=True)) / np.exp(s - s.max(-1, keepdims=True)).sum(),
        "Each row sums to 1: sum over the last axis only.")
_scored("the sum runs over the queries, not over the keys",
        lambda s: np.exp(s - s.max(-1, keepdims=True)) / np.exp(s - s.max(-1, keepdims=True)).sum(-2, keepdims=True),
        _KEYS)
_scored("the largest score of each key is subtracted, not that of each query",
        lambda s: np.exp(s - s.max(-2, keepdims=True)) / np.exp(s - s.max(-2, keepdims=True)).sum(-1, keepdims=True),
        "What is subtracted must be the same for all of a row: the largest over the keys.")


@maps.mistake("all weights of an image together sum to 1", hint="Each row sums to 1: sum over the last axis only.")
def _(x, w_q, w_k, heads):
    q, k = (_split(x @ w.T, heads) for w in (w_q, w_k))
    weights = np.exp(q @ k.swapaxes(2, 3) / np.sqrt(x.shape[2] // heads))
    return weights / weights.sum(axis=(2, 3), keepdims=True)


@maps.accepted("einsum, channels split into (heads, D)")
def _(x, w_q, w_k, heads):
    q, k = ((x @ w.T).reshape(*x.shape[:2], heads, -1) for w in (w_q, w_k))
    return _softmax(np.einsum("nthd,nshd->nhts", q, k) / np.sqrt(q.shape[3]))


@maps.accepted("a loop over the heads that slices the channels")
def _(x, w_q, w_k, heads):
    d = x.shape[2] // heads
    found = []
    for h in range(heads):
        rows = slice(h * d, (h + 1) * d)
        q, k = x @ w_q[rows].T, x @ w_k[rows].T
        weights = np.exp(q @ k.swapaxes(1, 2) / d**0.5)
        found.append(weights / weights.sum(-1, keepdims=True))
    return np.stack(found, axis=1)


# ---- shuffle_tiles ---------------------------------------------------------------------------------------------------

def _line_apart(n):
    """0 … n − 1 in an order in which no two that follow each other are neighbours."""
    return np.concatenate([np.arange(1, n, 2), np.arange(0, n, 2)])


def _in_rows(rows, columns):
    """The order made by an order of the rows and one of the columns."""
    return (np.asarray(rows)[:, None] * len(columns) + np.asarray(columns)).ravel()


def _touching(rows, columns):
    """(T, T): whether two places of the grid touch, also at a corner."""
    row, column = np.divmod(np.arange(rows * columns), columns)
    apart = np.stack([np.abs(a[:, None] - a) for a in (row, column)])
    return apart.max(0) == 1


def _tile_properties(order, rows, columns):
    count = rows * columns
    if order.shape != (count,):
        raise ValueError(f"an array ({count},) was asked for, this has shape {order.shape}")
    tiles = np.round(order).astype(int) if np.abs(order).max() < 2**31 else np.full(count, -1)
    missing = count - len(set(tiles[tiles == order]) & set(range(count)))
    inside = np.clip(tiles, 0, count - 1)
    touch = _touching(rows, columns)
    pairs = (touch & touch[np.ix_(inside, inside)]).sum() // 2
    return {"tiles that are missing": missing, "pairs that touched and touch again": pairs}


tiles = Question(
    "shuffle_tiles", title="A shuffle that leaves no neighbours", points=2, kind="design",
    asks="Design `shuffle_tiles(rows, columns)`: an order of the tiles of a picture in which no two tiles touch that "
         "touched before.",
    reference=lambda rows, columns: _in_rows(_line_apart(rows), _line_apart(columns)),
    cases=lambda rng, turn: unequal(rng, 4, 10) if turn % 4 else ((4, 7), (9, 4))[turn % 8 // 4],
    measure=_tile_properties,
    minutes=20, level=2,
    text=r"""
        The random shuffle of the chapter leaves some neighbours together, and those a convolution can still use.
        Here none may stay. The picture has `rows` × `columns` tiles, 4 to 9 each way and not equally many, numbered
        row by row from 0. Return whole numbers (rows·columns,): at place t of the new picture, row by row, stands the
        old tile order[t]. It is required that

        - every tile is used exactly once;
        - no two tiles that touched in the old picture, **at a side or at a corner**, touch in the new one, at a side
          or at a corner.

        There are many such orders, and each of them passes. It must be one for every size, found in a second.
    """,
    hints={
        "Where to begin":
            "One row of tiles first. In which order of 0 … n − 1 is no number beside the one before or after it?",
        "From one row to a picture":
            "Bring the rows into such an order, and the columns too. Two tiles that touch now: how far apart were "
            "their rows, or their columns?",
        "It fails where a side has 4 tiles":
            "0, 2, 1, 3 has 2 beside 1. There are two orders of 4 that do it.",
    },
)


@tiles.solution
def shuffle_tiles(rows, columns):
    """int, int  →  (rows·columns,)"""
    row = np.concatenate([np.arange(1, rows, 2), np.arange(0, rows, 2)])
    column = np.concatenate([np.arange(1, columns, 2),
                             np.arange(0, columns, 2)])
    return np.add.outer(row * columns, column).ravel()


@tiles.mistake("all neighbours are neighbours again",
               hint="Each tile is there, and every pair that touched still touches: the tiles are where they were, or "
                    "the picture is mirrored or turned round.")
def _(rows, columns):
    return np.arange(rows * columns)


@tiles.mistake("only the order of the columns is changed", hint="Tiles above each other stay together: change the rows "
                                                                "too.")
def _(rows, columns):
    return _in_rows(np.arange(rows), _line_apart(columns))


@tiles.mistake("only the order of the rows is changed", hint="Tiles beside each other stay together: change the "
                                                             "columns too.")
def _(rows, columns):
    return _in_rows(_line_apart(rows), np.arange(columns))


@tiles.mistake("rows and columns are the even ones, then the odd ones",
               hint="Where a side has 4 tiles, that is 0, 2, 1, 3, and 2 stands beside 1. Begin with the odd ones.")
def _(rows, columns):
    return _in_rows(*(np.r_[0:n:2, 1:n:2] for n in (rows, columns)))


def _lines(name, row, column, hint):
    tiles.mistake(name, hint=hint)(lambda rows, columns: _in_rows(row(rows), column(columns)))


_FOUR = "Where that side has 4 tiles, the order is 0, 2, 1, 3, and 2 stands beside 1. Begin with the odd ones."
_ONCE = "Every number from 0 to rows·columns − 1 stands in the order exactly once."
_lines("the rows are the even ones, then the odd ones", lambda n: np.r_[0:n:2, 1:n:2], _line_apart, _FOUR)
_lines("the columns are the even ones, then the odd ones", _line_apart, lambda n: np.r_[0:n:2, 1:n:2], _FOUR)
_lines("the even rows are used twice, the odd ones never", lambda n: np.r_[0:n - 1:2, 0:n:2][:n], _line_apart, _ONCE)
_lines("the even columns are used twice, the odd ones never", _line_apart, lambda n: np.r_[0:n - 1:2, 0:n:2][:n],
       _ONCE)
_lines("the odd rows are used twice, the even ones never", lambda n: np.r_[1:n:2, 1:n:2, 1][:n], _line_apart, _ONCE)
_lines("the odd columns are used twice, the even ones never", _line_apart, lambda n: np.r_[1:n:2, 1:n:2, 1][:n], _ONCE)
_lines("the halves of the rows are exchanged", lambda n: np.roll(np.arange(n), n // 2), _line_apart,
       "Within each half all rows stay neighbours.")
_lines("the halves of rows and columns are exchanged", *[lambda n: np.roll(np.arange(n), n // 2)] * 2,
       "Within each half all stay neighbours.")


@tiles.mistake("the picture is transposed", hint="A mirrored picture has the same neighbours.")
def _(rows, columns):
    return np.arange(rows * columns).reshape(rows, columns).T.ravel()


@tiles.mistake("the columns are the outer loop", hint="The new picture is filled row by row: the row is the slower "
                                                      "index.")
def _(rows, columns):
    return _in_rows(_line_apart(rows), _line_apart(columns)).reshape(rows, columns).T.ravel()


@tiles.mistake("row and column are added", hint="A tile has the number row · columns + column.")
def _(rows, columns):
    return np.add.outer(_line_apart(rows), _line_apart(columns)).ravel()


@tiles.mistake("a random shuffle", hint="Chance leaves a few neighbours together, here some pairs among many. Bring "
                                        "the rows, and the columns, into an order of your own making.")
def _(rows, columns):
    return np.random.default_rng(0).permutation(rows * columns)


@tiles.mistake("everything is moved round the edge", hint="Moved on a ring, most neighbours stay neighbours.")
def _(rows, columns):
    return np.roll(np.arange(rows * columns), 1)


@tiles.mistake("the places are written into two axes of the wrong length",
               hint="A tile has the number row · columns + column: columns, not rows, are counted on.")
def _(rows, columns):
    return (_line_apart(rows)[:, None] * rows + _line_apart(columns)).ravel()


@tiles.mistake("some tiles are used twice, others never", hint="Every number from 0 to rows·columns − 1 stands in the "
                                                               "order exactly once.")
def _(rows, columns):
    return _in_rows(_line_apart(rows), _line_apart(columns)) // 2 * 2


@tiles.accepted("the other orders: even ones from the back, then odd ones from the back")
def _(rows, columns):
    return _in_rows(*(_line_apart(n)[::-1] for n in (rows, columns)))


@tiles.accepted("the inverse order")
def _(rows, columns):
    return np.argsort(_in_rows(_line_apart(rows), _line_apart(columns)))


@tiles.accepted("steps of two round a ring where a side is odd, as real numbers")
def _(rows, columns):
    return _in_rows(*(np.arange(n) * 2 % n if n % 2 else _line_apart(n) for n in (rows, columns))).astype(float)


QUESTIONS = [patches, size, resize, maps, tiles]
