"""A real Chromium, and the built book on a server of this machine."""

import functools
import http.server
import shutil
import threading

import pytest
from playwright.sync_api import Error, sync_playwright

from tests.paths import ROOT

SITE = ROOT / "_build" / "html"
CHROMIUM = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--no-first-run", "--disable-gpu"]


@pytest.fixture(scope="session")
def browser():
    executable = next(filter(None, map(shutil.which, [*CHROMIUM, MAC])), None)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        except Error as error:
            pytest.skip(f"no Chromium here: sudo apt-get install chromium ({error.message.splitlines()[0]})")
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site():
    """The folder of the built book."""
    if not (SITE / "index.html").exists():
        pytest.skip("the book is not built: make book")
    return SITE


@pytest.fixture(scope="session")
def address(site):
    """The built book, served."""
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
