"""The page of a comparison: one file, no network, all that was found, and no harm from what a user named."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from hqml.compare.bootstrap import Estimate
from hqml.compare.comparison import Comparison
from hqml.compare.figures import all_pictures, roc
from hqml.compare.figures.canvas import seconds
from hqml.compare.figures.looks import SERIES, VARIABLES, looks
from hqml.compare.figures.picture import Picture
from hqml.compare.outcome import Outcome
from hqml.compare.page.tables import MISSING, data_table, entry, timed
from hqml.compare.report import write_report
from hqml.errors import FormatError, LibraryMissing

for needed in ("pandas", "matplotlib", "jinja2"):
    pytest.importorskip(needed, reason=f"pages need {needed}: pip install 'hqml[compare]'")

SVG = "{http://www.w3.org/2000/svg}"
VOID = {"meta", "link", "input", "br", "img"}
LEFT_OPEN = {"td", "tr"}


@pytest.fixture(scope="module")
def pictures(compare_cases: ModuleType) -> dict[str, list[Picture]]:
    return all_pictures(compare_cases.comparison())


@pytest.fixture(scope="module")
def page(compare_cases: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(compare_cases.comparison(), tmp_path_factory.mktemp("page"))


def written(comparison: Comparison, folder: Path) -> str:
    write_report(comparison, folder / "page.html")
    return (folder / "page.html").read_text()


class Reader(HTMLParser):
    """Collects what the tests ask for, and minds that elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.scripts: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.headings: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.handlers += [name for name in given if name.startswith("on")]
        self.ids += [given["id"]] if "id" in given else []
        self.addresses += [given[name] for name in ("src", "href", "xlink:href", "action") if name in given]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        while self.open[-1] in LEFT_OPEN and self.open[-1] != tag:
            self.open.pop()
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        if self.open and self.open[-1] in ("h2", "h3"):
            self.headings.append(data)


def test_the_page_is_one_file_that_asks_for_nothing(page: str) -> None:
    read = Reader(page)
    assert read.open == []
    assert all(one.startswith(("#", "data:")) for one in read.addresses)
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in page


def test_only_our_own_script_may_run(page: str) -> None:
    [script] = Reader(page).scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert Reader(page).handlers == []


def test_each_id_is_there_once_and_each_link_leads_somewhere(page: str) -> None:
    read = Reader(page)
    assert len(read.ids) == len(set(read.ids))
    assert {one[1:] for one in read.addresses if one.startswith("#")} <= set(read.ids)
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(read.ids)


def test_everything_that_was_found_is_told(page: str, compare_cases: ModuleType) -> None:
    headings = Reader(page).headings
    for heading in (
        *("In words", "Verdicts", "Summary", "Time to solution", "Quality against time", "Energies of the reads"),
        *("Scores", "Paired differences", "ROC", "Decision maps", "Where the time goes", "On the chip"),
        *("Paired tests", "Failures", "All cells", "Method", "Provenance", "Run it again"),
    ):
        assert heading in headings
    for sentence in compare_cases.comparison().words:
        assert escaped(sentence) in page
    assert page.count("<figure ") == page.count("<figcaption>") == page.count("Data of this figure") > 20
    assert "hqml compare study.yaml --report out.html" in page
    assert "AMD EPYC 7402" in page


def escaped(text: str) -> str:
    from markupsafe import escape

    return str(escape(text))


def test_a_hostile_error_is_text(page: str, compare_cases: ModuleType) -> None:
    assert "<script>alert" not in page
    assert page.count(escaped(compare_cases.NASTY)) >= 2


HOSTILE = [
    '<img src=x onerror="alert(1)">',
    '"><script>alert(1)</script>',
    "</title></style></script>",
    "{{ 7 * 7 }}{% raw %}",
    "$\\frac{1}$ & <b>",
    "=HYPERLINK(1)",
    "javascript:alert(1)//]]>-->",
    "\u202eabc \U0001f600 ü",
    "\x1b[31m\x00\x07",
    "no text \udce9",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_do_no_harm(name: str, compare_cases: ModuleType, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    made = [compare_cases.qubo_outcome(rng, "p", 20, 30, "cpu", seed) for seed in (0, 1)]
    made.append(compare_cases.failed_outcome("p", "broken", 0, "qubo", error=name))
    changed = [Outcome(**{**vars(one), "problem": name, "solver": f"{one.solver} {name}"}) for one in made]
    problem = {"kind": "qubo", "name": name, "sign": -1, "variables": 20, "best": 30, "source": name}
    description = {"name": name, "command": name, "problems": [problem], "solvers": [], "seeds": [0, 1], "reads": 5}
    page = written(Comparison(description, changed), tmp_path)
    read = Reader(page)
    assert read.open == []
    assert read.handlers == []
    assert len(read.scripts) == 1
    assert "alert" not in "".join(read.scripts)
    assert f"<title>{escaped(name)}</title>".encode(errors="replace").decode() in page
    assert "<img" not in page


def test_a_name_that_is_a_formula_for_matplotlib_is_drawn_as_it_is(compare_cases: ModuleType) -> None:
    rng = np.random.default_rng(0)
    name = "$x^{$"
    made = [Outcome(**{**vars(compare_cases.qubo_outcome(rng, "p", 20, 30, "cpu", 0)), "solver": name})]
    drawn = all_pictures(Comparison({"problems": [], "solvers": []}, made))
    assert any(name in picture.svg for own in drawn.values() for picture in own)


def test_the_same_comparison_gives_the_same_figures(page: str, pictures: dict[str, list[Picture]]) -> None:
    assert all(picture.svg in page for picture, _ in all_of(pictures))


def all_of(pictures: dict[str, list[Picture]]) -> Iterator[tuple[Picture, ElementTree.Element]]:
    for own in pictures.values():
        for picture in own:
            yield picture, ElementTree.fromstring(picture.svg)


def test_figures_have_the_pages_colours_alone(pictures: dict[str, list[Picture]]) -> None:
    """Each colour is a variable of the style sheet, so that dark mode changes it."""
    for picture, _ in all_of(pictures):
        assert re.findall(r"#[0-9a-f]{6}\b", picture.svg) == []
        assert set(re.findall(r"var\((--\w+)\)", picture.svg)) <= {*VARIABLES.values(), "--font"}


def test_figures_tell_what_they_are_and_have_their_text_as_text(pictures: dict[str, list[Picture]]) -> None:
    for picture, svg in all_of(pictures):
        assert svg.get("role") == "img"
        assert svg.findtext(f"{SVG}title") == picture.title
        assert svg.findtext(f"{SVG}desc") == picture.caption
        assert svg.find(f".//{SVG}style") is None
        if not picture.name.startswith("embedding"):
            assert svg.find(f".//{SVG}text") is not None


def test_axes_have_labels(pictures: dict[str, list[Picture]]) -> None:
    labels = {
        "Time to solution": {"variables", "time"},
        "Quality against time": {"time of a call", "cut weight", "time to train", "balanced accuracy"},
        "Energies of the reads": {"cut weight"},
        "Scores": {"slice_size", "balanced accuracy", "area under the ROC curve"},
        "ROC": {"false positive rate", "true positive rate"},
        "Decision maps": {"red", "infrared"},
        "Where the time goes": {"share of the time [%]"},
    }
    for heading, wanted in labels.items():
        texts = {one.text for _, svg in all_of({heading: pictures[heading]}) for one in svg.iter(f"{SVG}text")}
        assert wanted <= texts


def test_a_solver_keeps_its_colour(pictures: dict[str, list[Picture]]) -> None:
    """neal is the third solver everywhere."""
    found = {}
    for heading in ("Time to solution", "ROC"):
        for picture, svg in all_of({heading: pictures[heading]}):
            [legend] = [group for group in svg.iter(f"{SVG}g") if is_legend(group)]
            place = [one.text for one in legend.iter(f"{SVG}text")].index("neal")
            lines = [one.get("style", "") for one in legend.iter(f"{SVG}path")]
            strokes = [re.findall(r"stroke: var\((--s\d)\)", line)[0] for line in lines if "fill: none" in line]
            found[picture.name] = strokes[place]
    assert set(found.values()) == {"--s2"}


def is_legend(group: ElementTree.Element) -> bool:
    texts = [one.text for child in group for one in child.findall(f"{SVG}text")]
    return {"cpu", "neal"} <= set(texts)


def test_looks_do_not_come_together_again_soon() -> None:
    many = looks(f"solver {n}" for n in range(72))
    assert len({(one.colour, one.marker) for one in many.values()}) == 72


# Machado, Oliveira, Fernandes, IEEE Trans. Vis. Comput. Graph. 15 (2009) 1291, full severity, in linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
}


def palette(style: str, mode: str) -> dict[str, np.ndarray]:
    """Linear RGB of the variables of a mode."""
    block = style[style.index(mode) :]
    block = block[: block.index("}")]
    found = dict(re.findall(r"(--\w+): (#[0-9a-f]{6})", block))
    return {name: linear(np.array([int(text[n : n + 2], 16) for n in (1, 3, 5)]) / 255) for name, text in found.items()}


def linear(rgb: np.ndarray) -> np.ndarray:
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(rgb, 0, 1) / np.array([0.9505, 1, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("mode", [":root {", ':root[data-mode="dark"]'])
def test_colours_stand_out_and_are_told_apart_by_colour_blind_readers(page: str, mode: str) -> None:
    """Contrast of 3 (WCAG 2.1, 1.4.11) for what is drawn, 4.5 (1.4.3) for text; CIE 1976 distances."""
    colours = palette(page, mode)
    luminance = {name: float(np.array([0.2126, 0.7152, 0.0722]) @ rgb) for name, rgb in colours.items()}

    def contrast(a: str, b: str) -> float:
        light, dark = sorted((luminance[a], luminance[b]), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    series = [f"--s{n}" for n in range(len(SERIES))]
    assert all(contrast(name, "--card") >= 3 for name in [*series, "--faint"])
    assert all(
        contrast(name, ground) >= 4.5 for name in ("--ink", "--soft", "--link") for ground in ("--card", "--ground")
    )
    for matrix in BLINDNESS.values():
        seen = [lab(matrix @ colours[name]) for name in series]
        apart = {(n, m): float(np.linalg.norm(a - seen[m])) for n, a in enumerate(seen) for m in range(n)}
        assert min(apart.values()) > 18
        assert min(distance for (n, _), distance in apart.items() if n < 6) > 30


def test_both_ways_to_dark_mode_have_the_same_colours(page: str) -> None:
    by_button, by_system = palette(page, ':root[data-mode="dark"]'), palette(page, ':root:not([data-mode="light"]) {')
    assert by_button.keys() == by_system.keys()
    assert all((by_button[name] == by_system[name]).all() for name in by_button)


class TestData:
    """What is drawn stands in the figure's table."""

    def test_histograms_hold_all_reads(self, pictures: dict[str, list[Picture]]) -> None:
        table = pictures["Energies of the reads"][0].data
        shares = np.array([[number(entry) for entry in row[2:]] for row in table.rows])
        np.testing.assert_allclose(shares.sum(axis=0), 1, rtol=1e-6)

    def test_time_to_solution_is_that_of_the_summary(
        self, pictures: dict[str, list[Picture]], compare_cases: ModuleType
    ) -> None:
        summary = compare_cases.comparison().summary.set_index(["problem", "solver"])
        rows = pictures["Time to solution"][0].data.rows
        for problem, size, solver, shown in rows:
            row = summary.loc[problem.text, solver.text]
            assert number(size) == row["variables"]
            assert number(shown) == pytest.approx(row["tts"], rel=1e-6)
            assert shown.text.startswith("> ") == bool(row["tts_bound"])
        assert len(rows) == 3 * 4

    def test_scores_are_against_the_size_that_varies_with_twin_and_tuned_machine(
        self, pictures: dict[str, list[Picture]], compare_cases: ModuleType
    ) -> None:
        table = pictures["Scores"][0].data
        assert list(table.headings) == ["problem", "slice_size", "solver", "balanced accuracy"]
        means = compare_cases.comparison().table.groupby(["problem", "solver"])["balanced_accuracy"].mean()
        for problem, _, solver, shown in table.rows:
            if solver.text != "classical twin":
                assert number(shown) == pytest.approx(means[problem.text, solver.text], rel=1e-6)
        assert {row[2].text for row in table.rows} >= {"cpu", "classical twin", compare_cases.TUNED}
        assert {number(row[1]) for row in table.rows} == set(compare_cases.SLICE_SIZES)

    def test_time_splits_sum_to_the_call(self, pictures: dict[str, list[Picture]], compare_cases: ModuleType) -> None:
        table = pictures["Where the time goes"][0].data
        means = compare_cases.comparison().table.groupby(["problem", "solver"])["seconds"].mean()
        for row in table.rows:
            *parts, total = (number(entry) for entry in row[2:])
            assert sum(parts) == pytest.approx(total, rel=1e-6)
            assert total == pytest.approx(means[row[0].text, row[1].text], rel=1e-6)

    def test_an_embedding_has_a_row_a_chain(self, pictures: dict[str, list[Picture]]) -> None:
        first = pictures["On the chip"][0]
        assert "100 variables on 200 qubits of Advantage" in first.caption
        assert [entry.text for entry in first.data.rows[1]] == ["1", "2", "2 3", "0.05 0; 0.075 0"]


def number(entry: Any) -> float:
    return float(entry.text.removeprefix("> ") if entry.key is None else entry.key)


def with_decisions(compare_cases: ModuleType, truth: list[int], decision: list[float]) -> Outcome:
    one = compare_cases.learning_outcome(np.random.default_rng(0), "p", 20, "cpu", 0)
    return Outcome(**{**vars(one), "decisions": {"truth": truth, "decision": decision}})


def test_a_perfect_classifier_has_the_roc_of_one(compare_cases: ModuleType) -> None:
    curve = roc.mean_curve([with_decisions(compare_cases, [0, 0, 1, 1], [-2.0, -1.0, 1.0, 2.0])])
    np.testing.assert_array_equal(curve, np.ones(51))


def test_roc_curves_are_averaged_at_equal_false_positive_rates(compare_cases: ModuleType) -> None:
    """By hand: thresholds falling past + - + - give corners (0, .5), (.5, .5), (.5, 1), (1, 1)."""
    curve = roc.mean_curve([with_decisions(compare_cases, [1, 0, 1, 0], [4.0, 3.0, 2.0, 1.0])])
    assert curve is not None
    at = {rate: curve[round(50 * rate)] for rate in (0, 0.24, 0.48, 0.5, 1)}
    assert at[0] == 0.5
    assert at[1] == 1
    assert at[0.24] == at[0.48] == 0.5  # flat until it rises
    perfect = with_decisions(compare_cases, [0, 1], [0.0, 1.0])
    both = roc.mean_curve([with_decisions(compare_cases, [1, 0, 1, 0], [4.0, 3.0, 2.0, 1.0]), perfect])
    np.testing.assert_allclose(both, (curve + 1) / 2)


def test_the_area_under_a_roc_is_the_auroc(compare_cases: ModuleType) -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 40)
    decisions = truth + rng.normal(size=80)
    curve = roc.mean_curve([with_decisions(compare_cases, truth.tolist(), decisions.tolist())])
    assert curve is not None
    assert np.trapezoid(curve, np.linspace(0, 1, 51)) == pytest.approx(roc_auc_score(truth, decisions), abs=0.005)


def test_one_class_has_no_roc(compare_cases: ModuleType) -> None:
    assert roc.mean_curve([with_decisions(compare_cases, [1, 1], [0.0, 1.0])]) is None


@pytest.mark.parametrize(
    ("value", "text", "key"),
    [
        (0.5, "0.5", None),
        (1 / 3, "0.3333", "0.33333333"),
        (13359.25, "13359", "13359.25"),
        (12, "12", None),
        (-0.0, "0", None),
        (math.inf, "∞", "inf"),
        (math.nan, MISSING, ""),
        (None, MISSING, ""),
        ("", MISSING, ""),
        ("cpu", "cpu", None),
        (True, "yes", None),
        (np.bool_(False), "no", None),
        (np.float64(2.5), "2.5", None),
        (Estimate(0.31, 0.25, 0.4), "0.31 (0.25 to 0.4)", "0.31"),
        (Estimate(12.0, 12.0, math.inf, bound=True), "> 12", "12"),
        (Estimate(0.3), "0.3", None),
        (Estimate(math.nan), MISSING, ""),
    ],
)
def test_entries_have_a_text_to_read_and_a_key_to_sort_by(value: Any, text: str, key: str | None) -> None:
    made = entry(value)
    assert (made.text, made.key) == (text, key)


def test_intervals_are_saved_with_their_ends() -> None:
    made = entry(Estimate(0.31, 0.25, math.inf))
    assert (made.low, made.high) == ("0.25", "inf")
    assert timed(Estimate(2e-3, 1e-3, 3.0)).text == "2 ms (1 ms to 3 s)"
    assert timed(Estimate(2e-3, 1e-3, 3.0)).key == "0.002"


def test_a_column_of_numbers_is_one_although_some_are_missing() -> None:
    assert data_table("t", ["a", "b"], [(None, "x"), (2, "y")]).numeric == [True, False]


@pytest.mark.parametrize(
    ("value", "text"),
    [(2e-9, "2 ns"), (3e-6, "3 µs"), (0.001, "1 ms"), (40, "40 s"), (3.6e4, "10 h"), (864000, "10 d")],
)
def test_times_on_axes_read_well(value: float, text: str) -> None:
    assert seconds(value) == text


class TestLittle:
    """A page is written of whatever there is."""

    def test_of_nothing(self, tmp_path: Path) -> None:
        page = written(Comparison({"name": "Empty", "problems": [], "solvers": [], "seeds": []}, []), tmp_path)
        assert Reader(page).headings == ["In words", "Method", "Provenance"]
        assert "<figure " not in page

    def test_of_failures_alone(self, compare_cases: ModuleType, tmp_path: Path) -> None:
        failed = [compare_cases.failed_outcome("p", "broken", seed, "qubo") for seed in (0, 1)]
        page = written(Comparison({"problems": [], "solvers": [], "seeds": [0, 1]}, failed), tmp_path)
        assert "Failures" in Reader(page).headings
        assert "<figure " not in page

    def test_of_one_cell(self, compare_cases: ModuleType, tmp_path: Path) -> None:
        one = compare_cases.qubo_outcome(np.random.default_rng(0), "p", 20, 30, "cpu", 0)
        page = written(Comparison({"problems": [], "solvers": [], "seeds": [0]}, [one]), tmp_path)
        assert "Energies of the reads" in Reader(page).headings
        assert "Decision maps" not in Reader(page).headings

    def test_of_two_problems_of_one_size_in_rows(self, compare_cases: ModuleType) -> None:
        rng = np.random.default_rng(0)
        made = [compare_cases.qubo_outcome(rng, name, 20, 30, "cpu", 0) for name in ("a", "b")]
        problems = [{"kind": "qubo", "name": name, "sign": -1, "variables": 20} for name in ("a", "b")]
        [first, *_] = all_pictures(Comparison({"problems": problems, "solvers": []}, made))["Time to solution"]
        texts = {one.text for one in ElementTree.fromstring(first.svg).iter(f"{SVG}text")}
        assert {"a", "b", "cpu"} <= texts
        assert "variables" not in texts


def test_a_large_study_stays_small(compare_cases: ModuleType, tmp_path: Path) -> None:
    """5000 cells: 5 problems, 10 solvers, 100 seeds."""
    rng = np.random.default_rng(0)
    template = compare_cases.qubo_outcome(rng, "p", 100, 140, "cpu", 0)
    made = [
        Outcome(
            **{
                **vars(template),
                **{"key": f"{n}", "problem": f"graph {n % 5}", "solver": f"solver {n // 5 % 10}", "seed": n // 50},
                **{"variables": 100 + n % 5, "timing": {"total": rng.random(), "sampling": rng.random() / 2}},
            }
        )
        for n in range(5000)
    ]
    problems = [
        {"kind": "qubo", "name": f"graph {n}", "sign": -1, "variables": 100 + n, "best": 140.0} for n in range(5)
    ]
    solvers = [{"label": f"solver {n}", "backend": "cpu"} for n in range(10)]
    page = written(Comparison({"problems": problems, "solvers": solvers, "seeds": [*range(100)]}, made), tmp_path)
    assert len(page.encode()) < 5e6
    assert 'class="long"' in page


def test_of_many_problems_the_first_have_figures_of_their_own(
    compare_cases: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hqml.compare.figures.picture.MOST", 2)
    monkeypatch.setattr("hqml.compare.report.MOST", 2)
    rng = np.random.default_rng(0)
    made = [compare_cases.qubo_outcome(rng, name, 20, 30, "cpu", 0) for name in "abc"]
    problems = [{"kind": "qubo", "name": name, "sign": -1, "variables": 20} for name in "abc"]
    page = written(Comparison({"problems": problems, "solvers": [], "seeds": [0]}, made), tmp_path)
    assert page.count('<figure id="energies-') == 2
    assert "the first 2 of a kind; the tables have all" in page


def test_an_unwritable_page_is_told_before_it_is_drawn(compare_cases: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="there is no folder"):
        write_report(compare_cases.comparison(), tmp_path / "missing" / "page.html")


@pytest.mark.parametrize("library", ["jinja2", "matplotlib"])
def test_a_missing_library_is_told_with_what_to_install(
    library: str, compare_cases: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(LibraryMissing, match=rf"needs {library}.*pip install 'hqml\[compare\]'"):
        write_report(compare_cases.comparison(), tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


def test_drawing_leaves_the_users_matplotlib_as_it_was(compare_cases: ModuleType) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    made = compare_cases.qubo_outcome(np.random.default_rng(0), "p", 20, 30, "cpu", 0)
    all_pictures(Comparison({"problems": [], "solvers": []}, [made]))
    assert dict(matplotlib.rcParams) == before
