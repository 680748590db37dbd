"""The look of every figure: set once here, readable on a light and on a dark page and for colour-blind eyes."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

INTENSITY = "gray"           # photographs, feature maps: dark is little
DIVERGING = "PuOr_r"         # weights, gradients, differences: centred on zero, purple below, orange above
# Okabe & Ito's colours without black and yellow, which vanish on a dark or a light page.
COLORS = ["#0f7fc4", "#e07b00", "#00966c", "#c7609a", "#7a8a00", "#d1495b"]
_TEXT = "#7d7d7d"            # grey of 4.1 : 1 on white and 4.3 : 1 on the dark page, at sizes that ask for 3 : 1


def use_style():
    """Set matplotlib's defaults: transparent ground, mid-tone text and axes, the colours above."""
    mpl.rcParams.update({
        "figure.figsize": (7, 3.2), "figure.dpi": 120, "figure.constrained_layout.use": True,
        "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none", "legend.facecolor": "none",
        "text.color": _TEXT, "axes.labelcolor": _TEXT, "axes.titlecolor": _TEXT, "axes.edgecolor": _TEXT,
        "xtick.color": _TEXT, "ytick.color": _TEXT, "legend.edgecolor": "none", "legend.labelcolor": _TEXT,
        "grid.color": _TEXT, "grid.alpha": 0.25, "axes.grid": False,
        "font.size": 12, "axes.titlesize": 12, "axes.labelsize": 12, "legend.fontsize": 11,
        "axes.spines.top": False, "axes.spines.right": False, "lines.linewidth": 2,
        "axes.prop_cycle": mpl.cycler(color=COLORS), "image.cmap": INTENSITY, "image.interpolation": "nearest",
    })


def draw_image(ax, image, title=None, vmin=None, vmax=None):
    """Draw a picture without axes.

    image: (H, W) in grey, from vmin to vmax (default: its own range), or (H, W, 3) colours in [0, 1].
    Returns the AxesImage. Raises ValueError for another shape.
    """
    image = np.asarray(image)
    if image.ndim != 2 and not (image.ndim == 3 and image.shape[2] == 3):
        raise ValueError(f"draw_image: image must be (H, W) or (H, W, 3), got shape {image.shape}")
    ax.set_axis_off()
    if title is not None:
        ax.set_title(title)
    return ax.imshow(image, vmin=vmin, vmax=vmax)


def draw_weights(ax, weights, title=None, values=False, limit=None, fmt="{:.3g}"):
    """Draw a matrix of weights, gradients or differences in two colours around zero.

    weights: (H, W).  limit: the largest modulus of the colours (default: that of weights).
    values: write each number into its cell, in the format fmt.
    Returns the AxesImage. Raises ValueError for other ranks.
    """
    weights = np.asarray(weights)
    if weights.ndim != 2:
        raise ValueError(f"draw_weights: weights must be (H, W), got shape {weights.shape}")
    limit = limit or np.abs(weights).max() or 1
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    if title is not None:
        ax.set_title(title)
    drawn = ax.imshow(weights, cmap=DIVERGING, vmin=-limit, vmax=limit)
    if values:
        annotate_values(ax, drawn, fmt)
    return drawn


def mark_window(ax, row, column, height, width):
    """Draw a box round the pixels [row, row + height) × [column, column + width) of a picture."""
    ax.add_patch(plt.Rectangle((column - 0.5, row - 0.5), width, height, fill=False, linewidth=2.5, color=COLORS[1]))


def annotate_values(ax, drawn, fmt="{:g}", fontsize=9):
    """Write the number of each cell of an AxesImage of a matrix into it, dark on light and light on dark."""
    matrix = drawn.get_array()
    for i, j in np.ndindex(*matrix.shape):
        red, green, blue, _ = drawn.cmap(drawn.norm(matrix[i, j]))
        dark = 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.45
        ax.text(j, i, fmt.format(matrix[i, j]).replace("-", "−"), ha="center", va="center", fontsize=fontsize,
                color="white" if dark else "black")


def image_row(images, titles, vmin=None, vmax=None, height=2.4):
    """A row of pictures under their titles.

    images: a list of (H, W) or (H, W, 3); titles: as many strings.  height: of the row, in inches.
    Returns (figure, axes). Raises ValueError when there are not as many titles as images.
    """
    if len(images) != len(titles) or not images:
        raise ValueError(
            f"image_row: needs as many titles as images and at least one, got {len(images)} and {len(titles)}"
        )
    fig, axes = plt.subplots(1, len(images), figsize=(7, height), squeeze=False)
    for ax, image, title in zip(axes[0], images, titles, strict=True):
        draw_image(ax, image, title, vmin, vmax)
    return fig, axes[0]
