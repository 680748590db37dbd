"""A figure to move: one object that is live in JupyterLab and needs no kernel on a built page.

`sweep(draw, …)` draws a frame for each setting of its controls when the notebook runs. Its MIME bundle has two faces:
ipywidgets, which JupyterLab prefers and which call `draw` for any value; and plain HTML with native controls over the
frames, which the book prefers and which needs no kernel, no network and no library. Without scripts, and in print, the
first frame shows.
"""

import base64
import io
import itertools
import math
from dataclasses import dataclass
from pathlib import Path

import jinja2
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from ..checks import is_number

MAX_FRAMES = 60              # beyond this a page grows too heavy
_TEMPLATE = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    (Path(__file__).parent / "sweep.html.jinja").read_text(encoding="utf-8")
)


@dataclass(frozen=True)
class Span:
    """A control for any number between low and high: `frames` values on the built page, steps of `step` in JupyterLab.

    start: where it begins (default low; on the page, the nearest frame). Raises ValueError for an empty span.
    """

    low: float
    high: float
    frames: int = 9
    step: float | None = None
    start: float | None = None

    def __post_init__(self):
        if not self.low < self.high:
            raise ValueError(f"Span: low must be below high, got {self.low} and {self.high}")
        if self.frames < 2:
            raise ValueError(f"Span: frames must be at least 2, got {self.frames}")
        if self.step is not None and self.step <= 0:
            raise ValueError(f"Span: step must be positive, got {self.step}")
        if self.start is not None and not self.low <= self.start <= self.high:
            raise ValueError(f"Span: start must lie in [{self.low}, {self.high}], got {self.start}")

    def values(self):
        return [float(v) for v in np.linspace(self.low, self.high, self.frames)]


def sweep(draw, *, caption, quality=None, **controls):
    """A figure with controls.

    draw(**values): returns (matplotlib figure, alt text), called once for each setting and again for live values.
    caption: one sentence under the figure.
    controls: name=what it can be; the name, with spaces for underscores, is the label.
        range(0, 10), or a list of numbers: a slider        a list of strings: a menu
        dict {"label": value}: a menu of labels             Span(0.5, 3.0): a slider, any value when live
    A slider grows from left to right, a menu has the order given; both begin at the first value that is given.
    quality: None for lossless frames, 1 … 100 for photographs (85 is good).
    Returns an object that displays itself.
    Raises TypeError or ValueError for no or empty controls, more than 60 frames, and a draw that returns no figure or
    no alt text.
    """
    if not callable(draw):
        raise TypeError(f"sweep: draw must be a function, got {draw!r}")
    if not isinstance(caption, str) or not caption.strip():
        raise ValueError(f"sweep: caption must be a sentence, got {caption!r}")
    if quality is not None and not 1 <= quality <= 100:
        raise ValueError(f"sweep: quality must be None or from 1 to 100, got {quality}")
    if not controls:
        raise ValueError("sweep: needs at least one control, such as row=range(5)")
    controls = [_Control.make(name, choices) for name, choices in controls.items()]
    count = math.prod(len(control.values) for control in controls)
    if count > MAX_FRAMES:
        raise ValueError(f"sweep: {count} frames are more than {MAX_FRAMES}; give the controls fewer values")
    return Sweep(draw, caption, quality, controls)


@dataclass
class _Control:
    name: str
    label: str
    kind: str                # "slider" or "menu"
    values: list             # what draw gets, one a frame
    texts: list              # what the reader sees
    start: int               # index of the first frame shown
    span: Span | None

    @classmethod
    def make(cls, name, choices):
        label = name.replace("_", " ")
        if isinstance(choices, Span):
            values = choices.values()
            first = choices.low if choices.start is None else choices.start
            start = int(np.argmin([abs(v - first) for v in values]))
            return cls(name, label, "slider", values, [f"{v:.3g}" for v in values], start, choices)
        if isinstance(choices, dict):
            values, texts, kind = list(choices.values()), [str(key) for key in choices], "menu"
        else:
            try:
                values = list(choices)
            except TypeError:
                raise TypeError(f"sweep: {name} must be a list, range, dict or Span, got {choices!r}") from None
            kind, texts = ("slider" if all(map(is_number, values)) else "menu"), [str(value) for value in values]
        if not values:
            raise ValueError(f"sweep: {name} has no values")
        start = 0
        if kind == "slider":                 # it grows from left to right, and begins at the first one given
            first, values = values[0], sorted(values)
            start, texts = values.index(first), [f"{value:.6g}" for value in values]
        return cls(name, label, kind, values, texts, start, None)


class Sweep:
    """What `sweep` returns; it displays itself in JupyterLab, on a built page, and as text."""

    def __init__(self, draw, caption, quality, controls):
        self.draw, self.caption, self.quality, self.controls = draw, caption, quality, controls
        settings = itertools.product(*[range(len(control.values)) for control in controls])
        self.frames = {index: self._frame([c.values[i] for c, i in zip(controls, index, strict=True)])
                       for index in settings}
        self._live = None

    def _frame(self, values):
        """(data URI, alt text, width, height) of the picture for these values."""
        drawn = self.draw(**{control.name: value for control, value in zip(self.controls, values, strict=True)})
        if not isinstance(drawn, tuple) or len(drawn) != 2 or not isinstance(drawn[0], plt.Figure):
            raise TypeError(f"sweep: draw must return (figure, alt text), got {drawn!r}")
        figure, alt = drawn
        if not isinstance(alt, str) or not alt.strip():
            raise ValueError(f"sweep: draw must describe the picture in its alt text, got {alt!r}")
        canvas, buffer = FigureCanvasAgg(figure), io.BytesIO()
        canvas.draw()                        # once; savefig would draw twice
        # method 2 in place of 4 halves the time and costs no byte (measured); a lossless "quality" is effort
        options = {"lossless": True, "quality": 50} if self.quality is None else {"quality": self.quality}
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba()))
        picture.save(buffer, "WEBP", method=2, **options)
        width, height = picture.size
        plt.close(figure)
        return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}", alt, width, height

    def to_html(self):
        """The face that needs no kernel: native controls over the frames, inline handlers, no script element."""
        start = tuple(control.start for control in self.controls)
        strides = [math.prod(len(c.values) for c in self.controls[i + 1:]) for i in range(len(self.controls))]
        frames = [(uri, alt, width, height, index == start)
                  for index, (uri, alt, width, height) in self.frames.items()]
        return _TEMPLATE.render(controls=list(zip(self.controls, strides, strict=True)), frames=frames,
                                caption=self.caption)

    def to_widget(self):
        """The face with a kernel behind it: ipywidgets that call draw."""
        import ipywidgets as widgets

        if self._live is None:
            inputs = [self._input(widgets, control) for control in self.controls]
            picture = widgets.HTML()

            def show(_change=None):
                key = tuple(self._index(control, box) for control, box in zip(self.controls, inputs, strict=True))
                frame = self.frames.get(key) or self._frame([
                    box.value if control.span else control.values[box.index]
                    for control, box in zip(self.controls, inputs, strict=True)
                ])
                picture.value = _picture(*frame)

            for box in inputs:
                box.observe(show, "value")
            show()
            caption = widgets.HTML(_picture_caption(self.caption))
            self._live = widgets.VBox([*inputs, picture, caption])
        return self._live

    @staticmethod
    def _input(widgets, control):
        style, layout = {"description_width": "initial"}, widgets.Layout(width="32em")
        if control.span is not None:
            span = control.span
            step = span.step or (span.high - span.low) / 100
            return widgets.FloatSlider(min=span.low, max=span.high, step=step, style=style, layout=layout,
                                       value=span.low if span.start is None else span.start,
                                       description=control.label, continuous_update=False, readout_format=".3g")
        # A menu is a slider too: JupyterLab's notebook takes the arrow keys from a drop-down list, not from a slider.
        options = [(text, i) for i, text in enumerate(control.texts)]
        return widgets.SelectionSlider(options=options, index=control.start, description=control.label, style=style,
                                       layout=layout)

    @staticmethod
    def _index(control, box):
        """Which frame holds the widget's value: None when it lies between frames."""
        if control.span is None:
            return box.index
        near = [i for i, v in enumerate(control.values) if math.isclose(v, box.value, abs_tol=1e-12)]
        return near[0] if near else None

    def _repr_mimebundle_(self, **_options):
        bundle = {"text/plain": repr(self), "text/html": self.to_html()}
        bundle.update(self.to_widget()._repr_mimebundle_())               # application/vnd.jupyter.widget-view+json
        bundle["text/plain"] = repr(self)
        return bundle

    def __repr__(self):
        names = " × ".join(f"{control.label} ({len(control.values)})" for control in self.controls)
        return f"Figure with controls: {names}. {self.caption}"


_PICTURE = jinja2.Environment(autoescape=True).from_string(
    '<img src="{{ uri }}" alt="{{ alt }}" width="{{ width }}" height="{{ height }}" style="max-width:100%;height:auto">'
)
_CAPTION = jinja2.Environment(autoescape=True).from_string('<div style="line-height:1.4">{{ caption }}</div>')


def _picture(uri, alt, width, height):
    return _PICTURE.render(uri=uri, alt=alt, width=width, height=height)


def _picture_caption(caption):
    return _CAPTION.render(caption=caption)
