"""Plotting in the style of the course, and figures that move with and without a kernel.

Importing this module sets the style of matplotlib once; a notebook sets none of its own.
"""

from .plots import (
    COLORS,
    DIVERGING,
    INTENSITY,
    annotate_values,
    draw_image,
    draw_weights,
    image_row,
    mark_window,
    use_style,
)
from .sweep import Span, sweep

use_style()

__all__ = ["COLORS", "DIVERGING", "INTENSITY", "Span", "annotate_values", "draw_image", "draw_weights", "image_row",
           "mark_window", "sweep", "use_style"]
