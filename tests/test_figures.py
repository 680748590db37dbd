"""A figure with controls: its two faces, its frames, and what it refuses."""

import base64
import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from cnnlib import figures
from cnnlib.figures import Span, sweep


def draw_line(slope, kind):
    fig, ax = plt.subplots(figsize=(3, 2))
    ax.plot([0, 1], [0, slope])
    ax.set_title(kind)
    return fig, f"A {kind} line of slope {slope:g} & more <b>."


@pytest.fixture
def line():
    return sweep(draw_line, caption="A line.", slope=Span(1, 2, frames=3, step=0.1), kind=["thick", "it's \"thin\""])


def frames(html):
    return re.findall(r'<img[^>]*src="data:image/webp;base64,([^"]+)"[^>]*?( hidden)?>', html)


def test_the_html_face_holds_all_frames_and_shows_the_first(line):
    html = line.to_html()
    pictures = frames(html)
    assert len(pictures) == 6 and [hidden for _, hidden in pictures] == [""] + [" hidden"] * 5
    decoded = [np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA")) for data, _ in pictures]
    assert len({picture.tobytes() for picture in decoded}) == 6
    assert (decoded[0][0, 0, 3] == 0), "the ground is not transparent"


def test_the_html_face_needs_nothing_from_outside_and_is_escaped(line):
    html = line.to_html()
    assert "<script" not in html and " id=" not in html and "http" not in html
    assert "slope 1.5 &amp; more &lt;b&gt;" in html and "<b>" not in html
    assert 'data-lm-suppress-shortcuts="true"' in html and 'autocomplete="off"' in html and 'aria-valuetext="1"' in html


def test_each_frame_has_its_own_alt_text(line):
    alts = re.findall(r'<img[^>]*alt="([^"]+)"', line.to_html())
    assert len(set(alts)) == 6


def test_the_bundle_has_both_faces_and_text(line):
    bundle = line._repr_mimebundle_()
    assert {"text/html", "text/plain", "application/vnd.jupyter.widget-view+json"} <= set(bundle)
    assert "slope (3)" in bundle["text/plain"]


def test_the_live_face_draws_values_between_the_frames(line):
    slider, menu, picture, caption = line.to_widget().children
    assert "slope 1 &amp; more" in picture.value
    slider.value = 1.3
    assert "thick line of slope 1.3 " in picture.value
    menu.index = 1
    assert "thin" in picture.value and "slope 1.3 " in picture.value
    assert "A line." in caption.value


def test_the_live_face_takes_frames_that_are_there():
    calls = []

    def draw(row):
        calls.append(row)
        return draw_line(row, "thick")
    figure = sweep(draw, caption="Rows.", row=range(4))
    box = figure.to_widget().children[0]
    box.index = 2
    assert calls == [0, 1, 2, 3]


def test_a_span_may_begin_in_the_middle():
    figure = sweep(lambda x: draw_line(x, "thick"), caption="A line.", x=Span(0, 4, frames=5, start=3))
    assert [hidden for _, hidden in frames(figure.to_html())] == [" hidden"] * 3 + [""] + [" hidden"]
    assert 'value="3"' in figure.to_html() and figure.to_widget().children[0].value == 3


def test_a_slider_grows_and_begins_at_the_first_value_given():
    figure = sweep(lambda x: draw_line(x, "thick"), caption="A line.", x=[2, 0, 3])
    assert [float(frame[1].split("slope ")[1].split()[0]) for frame in figure.frames.values()] == [0, 2, 3]
    assert [hidden for _, hidden in frames(figure.to_html())] == [" hidden", "", " hidden"]
    assert figure.to_widget().children[0].value == 1 and figure.to_widget().children[0].label == "2"


def test_a_dict_gives_labels_to_values():
    figure = sweep(lambda x: draw_line(x, "thick"), caption="A line.", x={"one half": 0.5, "two": 2})
    assert "<option value=\"0\" selected>one half</option>" in figure.to_html()
    assert [frame[1] for frame in figure.frames.values()][0].startswith("A thick line of slope 0.5")


def test_values_may_be_arrays():
    kernels = {"box": np.ones((2, 2)), "edge": np.array([[1, -1], [1, -1]])}
    figure = sweep(lambda kernel, x: draw_line(kernel.sum() + x, "thick"), caption="A line.", kernel=kernels,
                   x=Span(0, 1, frames=2, step=0.5))
    menu, slider, picture, _ = figure.to_widget().children
    menu.index, slider.value = 1, 0.5
    assert "slope 0.5 " in picture.value


def test_photographs_are_smaller_with_a_quality():
    from cnnlib import data

    photo = data.photo("china", size=(200, 300))

    def draw(x):
        return figures.image_row([photo], ["china"])[0], f"The photograph china, number {x}."
    lossless = sweep(draw, caption="A photograph.", x=[1]).to_html()
    lossy = sweep(draw, caption="A photograph.", x=[1], quality=85).to_html()
    assert len(lossy) < 0.6 * len(lossless)


def test_drawing_leaves_no_figure_open(line):
    plt.close("all")                                                     # what other tests left
    assert not plt.get_fignums()


@pytest.mark.parametrize(("image", "shape"), [(np.zeros((4, 5)), (4, 5)), (np.zeros((4, 5, 3)), (4, 5, 3))])
def test_draw_image_takes_grey_and_colour(image, shape):
    fig, ax = plt.subplots()
    assert figures.draw_image(ax, image, "title").get_array().shape == shape
    plt.close(fig)


def test_weights_are_centred_on_zero_and_numbers_are_written():
    fig, ax = plt.subplots()
    drawn = figures.draw_weights(ax, np.array([[1.0, -3.0, 0.5]]), values=True)
    assert drawn.get_clim() == (-3, 3)
    assert [text.get_text() for text in ax.texts] == ["1", "−3", "0.5"]
    plt.close(fig)
