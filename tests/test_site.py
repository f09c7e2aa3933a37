"""The documentation's site as `make docs` leaves it: nothing broken, nothing asked of the net, readable everywhere."""

from __future__ import annotations

import html
import re
import threading
import zlib
from collections.abc import Iterator
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urldefrag

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "out" / "docs"
PHONE = {"width": 390, "height": 844}
# One of each kind (the front, text, a long table, signatures, a listing, a page from outside of docs/), all notebooks.
PAGES = [
    "index.html",
    "compare.html",
    "hpc/workflows.html",
    "api/svm.html",
    "examples/svc.html",
    "benchmarks/results/time_to_target.html",
    *(f"notebooks/{path.stem}.html" for path in sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))),
]
# What scikit-learn's own diagram of a fitted pipeline says, in any notebook.
OF_SKLEARN = "Expected copy-paste icon is missing from the DOM structure"
ROOMS = [
    *("boosting", "cluster", "compare", "dl", "dl.exchange", "dl.search", "dl.tracking", "geo", "io", "onnx_model"),
    *("plot", "samples", "selection", "svm", "tables", "testing", "tuning"),
]


@pytest.fixture(scope="module")
def site() -> Path:
    if not (SITE / "index.html").is_file():
        pytest.skip(f"the site is not built: make docs ({SITE})")
    return SITE


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the site is served, on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page that must not complain, nor ask for anything from elsewhere, while it is open."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: message.type in ("error", "warning") and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: request.url.startswith((address, "data:")) or complaints.append(request.url))
    yield page
    context.close()
    assert [one for one in complaints if one != OF_SKLEARN] == []


def pages(site: Path) -> list[Path]:
    return sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)


@cache
def links(path: Path) -> frozenset[str]:
    """What a page refers to, but for other sites."""
    found = re.findall(r'(?:href|src)="([^"]*)"', path.read_text(encoding="utf-8"))
    return frozenset(html.unescape(one) for one in found if not re.match(r"(https?|mailto|data):", one))


@cache
def anchors(path: Path) -> frozenset[str]:
    return frozenset(re.findall(r'\bid="([^"]*)"', path.read_text(encoding="utf-8")))


def target(path: Path, link: str) -> tuple[Path, str]:
    """The file and the anchor that a link of a page leads to."""
    file, anchor = urldefrag(link)
    return ((path.parent / unquote(file.partition("?")[0])).resolve() if file else path), unquote(anchor)


def test_every_link_of_every_page_leads_somewhere(site: Path) -> None:
    broken = []
    for path in pages(site):
        for link in links(path):
            file, anchor = target(path, link)
            if not file.is_file() or (anchor and file.suffix == ".html" and anchor not in anchors(file)):
                broken.append(f"{path.relative_to(site)}: {link}")
    assert broken == []


def test_every_page_is_reached_from_the_front(site: Path) -> None:
    found = [site / "index.html"]
    for path in found:  # which grows
        leads = (target(path, link)[0] for link in links(path))
        found += {one for one in leads if one.suffix == ".html"} - {*found}
    assert {*pages(site)} - {*found} == set()


def test_no_page_has_a_script_or_a_style_of_another_site(site: Path) -> None:
    pattern = re.compile(r"<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=\"(https?:)?//[^>]*>")
    assert [path.name for path in pages(site) if pattern.search(path.read_text(encoding="utf-8"))] == []


def documented(site: Path) -> set[str]:
    """Names that the API's pages describe, of the inventory that Sphinx writes."""
    packed = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    lines = zlib.decompress(packed).decode().splitlines()
    return {line.split()[0] for line in lines if line.split()[1].startswith("py:")}


@pytest.mark.parametrize("room", ["", "errors", *ROOMS])
def test_every_public_name_is_in_the_api(site: Path, room: str) -> None:
    module = import_module(f"hqml.{room}".rstrip("."))
    names = [name for name in getattr(module, "__all__", vars(module)) if not name.startswith("_")]
    known = documented(site)
    missing = []
    for name in names:
        value = getattr(module, name)
        # A name of several rooms is described in one of them, or in a room around it.
        rooms = {*accumulate(module.__name__.split("."), "{}.{}".format), getattr(value, "__module__", "")}
        if callable(value) and not {f"{one}.{name}" for one in rooms} & known:
            missing.append(name)
    assert names
    assert missing == []


def test_docstrings_are_read_as_they_are_meant(site: Path) -> None:
    tuning, backend = (
        html.unescape(re.sub("<[^>]*>", "", (site / "api" / f"{name}.html").read_text(encoding="utf-8")))
        for name in ("tuning", "backend")
    )
    assert "refit_time_, multimetric_, classes_" in tuning  # names of one item, in two lines
    assert "class hqml.Backend¶" in backend  # a protocol, which has no signature


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_a_complaint(page: Page, address: str, name: str) -> None:
    page.goto(address + name)
    assert page.locator("article h1").count() == 1


def test_search_finds_an_estimator_and_leads_to_its_page(page: Page, address: str) -> None:
    page.goto(address)
    page.locator(".sidebar-search").fill("QuboSVC")
    page.keyboard.press("Enter")
    page.locator("#search-results a", has_text="QuboSVC").first.wait_for()
    leads = page.locator("#search-results a").evaluate_all("all => all.map((one) => one.getAttribute('href'))")
    assert any(re.match(r"api/svm\.html.*#hqml\.svm\.QuboSVC$", one) for one in leads)
    page.locator("#search-results a[href*='estimators/qubo_svc.html']").first.click()
    page.wait_for_load_state()
    assert page.locator("article h1").inner_text().startswith("QuboSVC")


# (colour, ground) of what is read, each as (red, green, blue) in 0..255: the ground is that of the nearest element that
# has one.
COLOURS = """() => {
    const parsed = (text) => text.match(/[\\d.]+/g).map(Number);
    const ground = (one) => {
        for (; one; one = one.parentElement) {
            const colour = parsed(getComputedStyle(one).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) return colour.slice(0, 3);
        }
        return [255, 255, 255];
    };
    const read = "article p, article li, article td, article th, article h1, article h2, article code, article a, "
        + "article pre span, article .sig span, .sidebar-tree a, .toc-tree a";
    return [...document.querySelectorAll(read)]
        .filter((one) => one.textContent.trim() && one.getBoundingClientRect().width > 0)
        .map((one) => [one.textContent.trim().slice(0, 40), parsed(getComputedStyle(one).color), ground(one)]);
}"""


def luminance(colour: list[float]) -> float:
    """Relative luminance of WCAG 2.2."""
    parts = [one / 255 for one in colour]
    red, green, blue, *_ = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(colour: list[float], ground: list[float]) -> float:
    dark, light = sorted((luminance(colour), luminance(ground)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast([0, 0, 0], [255, 255, 255]) == pytest.approx(21)
    assert contrast([119, 119, 119], [255, 255, 255]) == pytest.approx(4.48, abs=0.005)  # the known near miss, #777


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("name", ["index.html", "api/svm.html", "examples/svc.html", "hpc/workflows.html"])
def test_text_and_code_are_readable_in_both_modes(page: Page, address: str, name: str, mode: Any) -> None:
    page.emulate_media(color_scheme=mode)
    page.goto(address + name)
    found = page.evaluate(COLOURS)
    assert len(found) > 100
    ground = found[0][2]
    assert (luminance(ground) > 0.5) == (mode == "light")
    assert [(text, colour, under) for text, colour, under in found if contrast(colour, under) < 4.5] == []


def test_a_button_changes_the_mode(page: Page, address: str) -> None:
    page.goto(address)
    ground = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(ground)
    for _ in range(3):  # automatic, light, dark
        page.locator(".theme-toggle:visible").first.click()
        if page.evaluate(ground) != before:
            return
    pytest.fail("the ground is the same in all modes")


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_scrolls_tables_and_listings_but_not_the_page(page: Page, address: str, name: str) -> None:
    page.set_viewport_size(PHONE)
    page.goto(address + name)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_phone_opens_the_menu(page: Page, address: str) -> None:
    page.set_viewport_size(PHONE)
    page.goto(address)
    first = page.locator(".sidebar-tree a").first
    assert first.bounding_box()["x"] < 0  # type: ignore[index]
    page.locator("label[for=__navigation]:visible").first.click()
    page.wait_for_function("document.querySelector('.sidebar-tree a').getBoundingClientRect().x >= 0")
    first.click()
    page.wait_for_load_state()
    assert "tutorial" in page.url
