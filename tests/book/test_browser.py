"""The built pages in a real Chromium: what a reader sees, with eyes, keyboard and phone."""

import re
from urllib.parse import urlparse

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.paths import page_names

PAGES = page_names()
CHAPTERS = [name for name in PAGES if "/week" in name and name.startswith("chapters")]


# What scrolls sideways, and the keyboard cannot reach it.
UNREACHABLE = """() => [...document.querySelectorAll('.bd-article *')].filter(e =>
    ['auto', 'scroll'].includes(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth && e.tabIndex < 0
).map(e => e.outerHTML.slice(0, 120))"""
# Of each piece of text: its ink, the ground it stands on, whether it is seen, its words, whether it can be folded away.
INKS = """() => {
    const HIDDEN = 'script, style, title, summary, option, mjx-assistive-mml, .headerlink, .copybtn';
    const article = document.querySelector('.bd-article'), found = [];
    const texts = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
    for (let text; (text = texts.nextNode());) {
        const e = text.parentElement;
        if (!text.data.trim() || e.closest(HIDDEN))
            continue;
        let opacity = 1, ground = 'rgb(255, 255, 255)';
        for (let a = e; a; a = a.parentElement) opacity *= +getComputedStyle(a).opacity;
        for (let a = e; a; a = a.parentElement) {
            const colour = getComputedStyle(a).backgroundColor;
            if (!/, 0\\)$|transparent/.test(colour)) { ground = colour; break; }
        }
        const seen = e.checkVisibility({ visibilityProperty: true }) && opacity > 0.4;
        found.push([getComputedStyle(e).color, ground, seen, text.data.trim().slice(0, 40), !!e.closest('details')]);
    }
    return found;
}"""


def open_page(browser, url, width=1280, scheme="light", **options):
    """→ (page, what was wrong while it loaded)."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
    page, wrong = context.new_page(), []
    page.on("console", lambda m: wrong.append(f"console: {m.text}") if m.type == "error" else None)
    page.on("pageerror", lambda e: wrong.append(f"exception: {e}"))
    page.on("requestfailed", lambda r: wrong.append(f"failed: {r.url}"))
    page.on("response", lambda r: wrong.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
    page.on("request", lambda r: wrong.append(f"another host: {r.url}") if other_host(r.url) else None)
    page.goto(url, wait_until="networkidle")
    if options.get("java_script_enabled", True) and page.locator(".math").count():
        page.wait_for_selector("mjx-container", state="attached", timeout=15_000)     # the first may be folded
    return page, wrong


def other_host(url):
    parts = urlparse(url)
    return parts.scheme not in ("data", "blob", "about") and parts.hostname != "127.0.0.1"


@pytest.fixture(scope="module")
def opened(browser, address, request):
    """A page, opened once for all its tests (MathJax and the figures take seconds), and what was wrong with it."""
    page, wrong = open_page(browser, f"{address}/{request.param}")
    yield page, wrong
    page.context.close()


def in_scheme(page, scheme):
    """The page in the light or the dark, as the reader's system changes."""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme=scheme, media="screen", reduced_motion="reduce")
    page.wait_for_function("scheme => document.documentElement.dataset.theme === scheme", arg=scheme)
    page.wait_for_timeout(300)                                           # colours that fade
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("opened", PAGES, indirect=True)
def test_a_page_loads_without_an_error_and_asks_no_other_host(opened, scheme):
    page, wrong = opened
    in_scheme(page, scheme)
    assert page.locator("mjx-merror").count() == 0
    maths = page.locator(".bd-article .math").count()
    assert page.locator(".bd-article mjx-container").count() >= maths, "a formula was not rendered"
    broken = page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth && !i.hidden).length")
    assert broken == 0
    assert not wrong, wrong


@pytest.mark.parametrize("opened", PAGES, indirect=True)
def test_a_page_does_not_scroll_sideways_and_what_does_takes_the_focus(opened):
    page, _ = opened
    for width in (320, 375, 768, 1100, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        stuck = page.evaluate(UNREACHABLE)
        assert not stuck, f"scrolls sideways at {width} pixels, and the keyboard cannot reach it: {stuck}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_opens_in_the_scheme_of_the_system_and_as_wide_as_a_phone(browser, address, scheme):
    page, wrong = open_page(browser, f"{address}/{CHAPTERS[0]}", width=375, scheme=scheme)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    assert page.evaluate("document.documentElement.scrollWidth") <= 375 and not page.evaluate(UNREACHABLE)
    assert not wrong, wrong
    page.context.close()


def test_the_button_of_the_colour_mode_is_called_what_it_shows(browser, address):
    page, _ = open_page(browser, f"{address}/{CHAPTERS[0]}")
    button = page.locator(".theme-switch-button").first
    modes = set()
    for _ in range(3):
        button.click()
        page.wait_for_timeout(100)
        mode = page.evaluate("document.documentElement.dataset.mode")
        shown = button.evaluate("b => [...b.children].find(i => getComputedStyle(i).display !== 'none')"
                                ".querySelector('title').textContent")
        assert button.get_attribute("aria-label") == f"Color mode: {shown}", mode
        modes.add(mode)
    assert modes == {"light", "dark", "auto"}
    page.context.close()


@pytest.mark.parametrize("name", [CHAPTERS[0], "exercises/week1.html"])
def test_a_page_in_dark_mode_is_printed_dark_on_white_and_unfolded(browser, address, name):
    page, _ = open_page(browser, f"{address}/{name}", scheme="dark")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    page.wait_for_timeout(100)
    found = page.evaluate(INKS)
    assert sum(folded for *_, folded in found) > 5, "nothing was folded"
    for ink, ground, seen, text, folded in found:
        if folded:
            assert seen, f"folded on paper: {text}"
        ink, ground = ([int(float(v)) for v in re.findall(r"[\d.]+", colour)[:3]] for colour in (ink, ground))
        assert not seen or contrast(ink, ground) >= 3, f"{text!r}: {ink} on {ground}"
        assert not seen or min(ground) > 200, f"{text!r} stands on {ground}"
    wide = "[...document.querySelectorAll('.bd-article pre')].filter(e => e.scrollWidth > e.clientWidth + 1).length"
    assert page.evaluate(wide) == 0, "code is cut off on paper"
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert page.locator(".bd-article details:not([open])").count() > 0, "what was folded stays open after printing"
    page.context.close()


def serious(page, context):
    """What axe-core finds serious or critical. Preloading, it would ask for style sheets at wrong addresses."""
    options = {"resultTypes": ["violations"], "preload": False}
    violations = Axe().run(page, context=context, options=options).response["violations"]
    return [f"{v['id']}: {node['target']} {node['html'][:200]}"
            for v in violations if v["impact"] in ("serious", "critical") for node in v["nodes"][:3]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("opened", PAGES, indirect=True)
def test_axe_finds_nothing_serious(opened, scheme):
    page = in_scheme(opened[0], scheme)
    # The thousands of coloured words of code take three quarters of the time; the next test looks at one page of them.
    found = serious(page, {"exclude": [["div.highlight"]]})
    assert not found, "\n".join(found)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_code(browser, address, scheme):
    page, _ = open_page(browser, f"{address}/{CHAPTERS[0]}", scheme=scheme)
    found = serious(page, {"include": [["div.highlight"]]})
    assert not found, "\n".join(found)
    page.context.close()


@pytest.mark.parametrize("opened", CHAPTERS, indirect=True)
def test_every_figure_moves_by_keyboard(opened):
    page, wrong = opened
    in_scheme(page, "light")
    figures = page.locator("figure.sweep").all()
    assert figures, "a chapter has a figure to move"
    for figure in figures:
        def shown(figure=figure):
            visible = figure.evaluate(
                "f => [...f.querySelectorAll('img')].filter(i => i.offsetParent).map(i => [i.src, i.alt])")
            assert len(visible) == 1, f"{len(visible)} frames are shown at once"
            return tuple(visible[0])

        frames = figure.locator("img").count()
        reached = {shown()}
        for control in figure.locator("input, select").all():
            before = shown()
            slider = control.evaluate("c => c.type === 'range'")
            told = control.get_attribute("aria-valuetext")
            control.focus()
            at_the_end = slider and control.evaluate("c => c.value === c.max")
            page.keyboard.press(("ArrowLeft" if at_the_end else "ArrowRight") if slider else "ArrowDown")
            after = shown()
            assert after[0] != before[0], f"the picture does not change: {control.evaluate('c => c.outerHTML')[:200]}"
            assert after[1] != before[1], "the alt text does not change with the picture"
            if slider:
                assert control.get_attribute("aria-valuetext") != told
                output = control.evaluate("c => c.closest('span').querySelector('output').textContent")
                assert output == control.get_attribute("aria-valuetext")
            page.keyboard.press("End")
            last = control.evaluate("c => c.type === 'range' ? +c.max : c.options.length - 1")
            assert int(control.input_value()) == last
            reached |= {after, shown()}
            name_of = control.evaluate("c => c.labels[0].innerText.trim()")
            assert name_of, "a control without a visible name"
        assert frames >= len(reached) >= 2
    assert not wrong, wrong


def one_frame_each(page):
    return all(sum(picture.is_visible() for picture in figure.locator("img").all()) == 1
               for figure in page.locator("figure.sweep").all())


@pytest.mark.parametrize("opened", CHAPTERS, indirect=True)
def test_a_figure_has_one_frame_in_print(opened):
    page, _ = opened
    page.emulate_media(media="print")
    assert one_frame_each(page)


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_figure_has_one_frame_without_scripts(browser, address, name):
    page, _ = open_page(browser, f"{address}/{name}", java_script_enabled=False)
    assert one_frame_each(page)
    page.context.close()


def test_week_1_has_at_least_eight_figures_to_move(site):
    count = sum((site / name).read_text().count('<figure class="sweep"') for name in CHAPTERS if "/week1_" in name)
    assert count >= 8


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_text_of_pictures_stands_out_from_the_page(browser, address, scheme):
    """Pictures have no ground of their own, so their one grey must be read on the page's, light and dark."""
    from cnnlib.figures.plots import _TEXT

    page, _ = open_page(browser, f"{address}/{CHAPTERS[0]}", scheme=scheme)
    ground = page.evaluate("""() => {
        let e = document.querySelector('figure.sweep img');
        while (e && getComputedStyle(e).backgroundColor.match(/rgba\\(.*, 0\\)|transparent/)) e = e.parentElement;
        return getComputedStyle(e || document.documentElement).backgroundColor }""")
    filters = page.evaluate("getComputedStyle(document.querySelector('figure.sweep img')).filter")
    assert filters == "none", "the theme dims the pictures"
    text = [int(_TEXT[i:i + 2], 16) for i in (1, 3, 5)]
    assert contrast(text, [int(v) for v in re.findall(r"\d+", ground)[:3]]) >= 4
    page.context.close()


def contrast(first, second):
    """The contrast ratio of WCAG 2.2."""
    def luminance(colour):
        linear = [(v / 255 / 12.92) if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
