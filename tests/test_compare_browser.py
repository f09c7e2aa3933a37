"""The page of a comparison in a real browser: drawn without a complaint, sorted, saved, dark, narrow, printed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from hqml.compare.report import write_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def file(compare_cases: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    for needed in ("pandas", "matplotlib", "jinja2"):
        pytest.importorskip(needed, reason=f"pages need {needed}: pip install 'hqml[compare]'")
    path = tmp_path_factory.mktemp("page") / "page.html"
    write_report(compare_cases.comparison(), path)
    return path


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    """The page, which must not complain nor ask for anything but itself while it is open."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    page = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    yield page
    context.close()
    assert complaints == []
    assert {url for url in asked if not url.startswith(("data:", "blob:"))} == {file.as_uri()}


def column(page: Page, table: str, heading: str) -> list[str]:
    """Texts of a column, from top to bottom."""
    cells: list[str] = page.evaluate(
        """([id, heading]) => {
            const table = document.getElementById(id);
            const place = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent.trim() === heading);
            return [...table.tBodies[0].rows].map((row) => row.cells[place].textContent.trim());
        }""",
        [table, heading],
    )
    return cells


def button(page: Page, table: str, heading: str) -> Any:
    return page.locator(f"#{table} th button", has_text=heading).first


def test_every_figure_is_drawn(page: Page) -> None:
    drawn = page.evaluate(
        """() => [...document.querySelectorAll("figure > svg")].map((svg) => {
            const box = svg.getBoundingClientRect();
            const shapes = [...svg.querySelectorAll("path, use, image")].filter((one) => {
                const { width, height } = one.getBoundingClientRect();
                return width + height > 0;
            });
            return [svg.querySelector("title").textContent, box.width, box.height, shapes.length];
        })"""
    )
    assert len(drawn) == page.locator("figure").count() > 20
    for title, width, height, shapes in drawn:
        assert width > 300, title
        assert height > 80, title
        assert shapes > 10, title


def test_no_text_of_a_figure_is_cut_off(page: Page) -> None:
    cut = page.evaluate(
        """() => [...document.querySelectorAll("figure > svg text")].filter((text) => {
            const [own, all] = [text.getBoundingClientRect(), text.ownerSVGElement.getBoundingClientRect()];
            return own.left < all.left - 2 || own.right > all.right + 2
                || own.top < all.top - 2 || own.bottom > all.bottom + 2;
        }).map((text) => text.textContent)"""
    )
    assert cut == []


def test_a_column_of_numbers_is_sorted_by_click(page: Page) -> None:
    """With bounds as what they bound, and what is missing last either way."""
    table, heading = "table-summary-qubo", "time to target [s]"
    one = button(page, table, heading)
    for state, backwards in (("ascending", False), ("descending", True)):
        one.click()
        assert page.locator(f"#{table} th", has_text=heading).get_attribute("aria-sort") == state
        texts = column(page, table, heading)
        numbers = [float(text.removeprefix("> ").split()[0]) for text in texts if text]
        assert numbers == sorted(numbers, reverse=backwards)
        assert len(numbers) == 12
        assert set(texts[12:]) == {""}
    assert page.locator(f"#{table} th[aria-sort=descending]").count() == 1


def test_a_column_of_texts_is_sorted_by_the_enter_key(page: Page) -> None:
    one = button(page, "table-summary-qubo", "solver")
    one.focus()
    page.keyboard.press("Enter")
    texts = column(page, "table-summary-qubo", "solver")
    assert texts == sorted(texts)
    page.keyboard.press("Space")
    assert column(page, "table-summary-qubo", "solver") == sorted(texts, reverse=True)


def test_a_filter_leaves_the_rows_that_have_all_its_words(page: Page) -> None:
    page.locator("#summary input").first.fill("RING 100 cpu")
    shown = page.locator("#table-summary-qubo tbody tr:visible")
    assert shown.count() == 1
    assert shown.inner_text().startswith("ring 100")


def test_the_data_of_a_figure_is_one_click_away(page: Page) -> None:
    figure = page.locator("figure").first
    assert not figure.locator("table").is_visible()
    figure.locator("summary").click()
    assert figure.locator("table").is_visible()
    assert "ring 100" in figure.locator("table").inner_text()


def saved(page: Page, locator: Any) -> tuple[str, str]:
    """Name and content of what a click saves."""
    with page.expect_download() as download:
        locator.click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes().decode()


def test_a_table_is_saved_with_all_digits_and_the_ends_of_intervals(page: Page, compare_cases: ModuleType) -> None:
    name, text = saved(page, page.locator("#summary .csv").first)
    assert name == "summary-qubo.csv"
    rows = list(csv.DictReader(io.StringIO(text)))
    summary = compare_cases.comparison().summary
    summary = summary[summary["kind"] == "qubo"]
    assert len(rows) == len(summary)
    for row, (_, wanted) in zip(rows, summary.iterrows(), strict=True):
        assert row["problem"] == wanted["problem"]
        for end in ("", " low", " high"):
            value = row[f"success of a read{end}"]
            expected = wanted[f"success{end.replace(' ', '_')}"]
            assert (value == "") if expected != expected else float(value) == pytest.approx(expected, rel=1e-6)


def test_a_hostile_error_is_saved_as_it_is(page: Page, compare_cases: ModuleType) -> None:
    _, text = saved(page, page.locator("#failures .csv"))
    [row] = csv.DictReader(io.StringIO(text))
    assert row["error"] == compare_cases.NASTY


def test_a_text_that_a_spreadsheet_would_run_is_saved_as_text(page: Page) -> None:
    cell = page.locator("#failures tbody td").first
    for text, kept in {"=1+1": "'=1+1", "@sum": "'@sum", "-cmd": "'-cmd", "-2.5": "-2.5", "a=b": "a=b"}.items():
        cell.evaluate("(cell, text) => { cell.textContent = text; }", text)
        row = saved(page, page.locator("#failures .csv"))[1].splitlines()[1]
        assert row.partition(",")[0] == kept


def test_a_figure_is_saved_as_a_drawing_of_its_own(page: Page) -> None:
    name, text = saved(page, page.locator("figure .svg").first)
    drawing = ElementTree.fromstring(text)
    assert name.endswith(".svg")
    assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
    assert "var(" not in text
    assert "#3e81f4" in text  # the first solver's colour in light mode


def colours(page: Page) -> tuple[str, str, str]:
    """Of the ground, of the text of a figure, of its first solver."""
    found: list[str] = page.evaluate(
        """() => [
            getComputedStyle(document.body).backgroundColor,
            getComputedStyle(document.querySelector("figure > svg text")).fill,
            getComputedStyle(document.querySelector('figure > svg path[style*="--s0"]')).stroke,
        ]"""
    )
    return found[0], found[1], found[2]


def test_dark_mode_changes_ground_and_figures(page: Page) -> None:
    light = colours(page)
    page.emulate_media(color_scheme="dark")
    dark = colours(page)
    assert all(a != b for a, b in zip(light, dark, strict=True))
    page.locator("#mode").click()
    assert colours(page) == light
    page.locator("#mode").click()
    page.emulate_media(color_scheme="light")
    assert colours(page) == dark


def test_text_of_figures_stands_on_the_ground_of_the_page(page: Page) -> None:
    """They are no pictures with a ground of their own."""
    painted = page.evaluate(
        """() => [...document.querySelectorAll("figure > svg")].filter((svg) =>
            [...svg.querySelectorAll("path")].some((path) => {
                const box = path.getBoundingClientRect(), all = svg.getBoundingClientRect();
                return box.width > 0.99 * all.width && box.height > 0.99 * all.height
                    && getComputedStyle(path).fill !== "none";
            })).length"""
    )
    assert painted == 0


def test_a_phone_scrolls_tables_but_not_the_page(page: Page) -> None:
    page.set_viewport_size(PHONE)
    page.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    width, wide = page.evaluate(
        "() => [document.documentElement.scrollWidth, document.querySelector('#summary .box').scrollWidth]"
    )
    assert width <= PHONE["width"]
    assert wide > PHONE["width"]
    sizes = page.evaluate(
        """() => [...document.querySelectorAll("figure > svg text")].map((text) =>
            parseFloat(getComputedStyle(text).fontSize) * text.ownerSVGElement.getScreenCTM().a)"""
    )
    assert min(sizes) > 7.5


def test_print_has_all_that_is_read_and_nothing_to_press(page: Page, tmp_path: Path) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    for hidden in ("nav", ".tools", "details", "#mode", "#copy"):
        assert page.locator(f"{hidden}:visible").count() == 0
    assert page.locator("figure svg:visible").count() > 20
    assert page.locator("#table-summary-qubo th:visible").count() > 10
    assert colours(page)[0] == "rgb(255, 255, 255)"
    page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    assert (tmp_path / "page.pdf").stat().st_size > 50_000


def test_the_command_is_copied_or_marked(page: Page) -> None:
    page.locator("#copy").click()
    page.wait_for_function("document.getElementById('copied').textContent !== ''")
    if page.locator("#copied").inner_text() != "copied":
        assert page.evaluate("getSelection().toString()") == "hqml compare study.yaml --report out.html"


def test_without_scripts_everything_can_be_read(browser: Browser, file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator("#summary table").first.is_visible()
    assert page.locator("figure svg").first.is_visible()
    context.close()
