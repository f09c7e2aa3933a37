"""What notebooks and terminals show of models, samples, comparisons and estimators."""

from __future__ import annotations

import pickle
import subprocess
import sys
from html.parser import HTMLParser
from typing import Any, ClassVar

import dimod
import numpy as np
import pytest
import scipy.sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import hqml
from hqml.display import (
    MISSING,
    duration,
    first_line,
    html_lines,
    html_section,
    html_table,
    memory,
    text_of,
    text_pairs,
)
from hqml.errors import ParameterError
from hqml.estimators.shown import account
from hqml.model_display import of_dense, of_gram, of_sparse
from hqml.qubo import DenseQubo, GramQubo, SparseQubo
from hqml.samples import summary
from hqml.selection import QuboFeatureSelector
from hqml.svm import LocalQuboSVC, QuboSVC, QuboSVCEnsemble
from hqml.testing import MeteredBackend

MARK = "MARKED-TOKEN-7f3a"
NASTY = "<script>alert('x')</script>&"

X, y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)[:60]
y = y[:60]


class Read(HTMLParser):
    """The cells of all tables of a page, row by row; it refuses what is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.feed(page)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data

    @property
    def pairs(self) -> dict[str, str]:
        return {row[0]: row[1] for row in self.rows if len(row) == 2}


def shown(thing: Any) -> Read:
    page = thing._repr_html_()
    assert "background" not in page, "it would not follow the notebook's theme"
    return Read(page)


class TestTables:
    def test_all_of_it_is_escaped(self) -> None:
        read = Read(html_table([NASTY], [[NASTY], [1.5]]))
        assert "script" not in read.tags
        assert read.rows == [[NASTY], [NASTY], ["1.5"]]

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            *((None, MISSING), (float("nan"), MISSING), (True, "yes"), (np.bool_(False), "no")),
            *((3.0, "3"), (1 / 3, "0.3333"), (12345.678, "12346"), (float("inf"), "∞"), (np.float32(0.5), "0.5")),
            ("x" * 300, "x" * 199 + "…"),
            (9222157543118028462, "9222157543118028462"),
            (np.int64(2**62 + 1), "4611686018427387905"),
            ("one\ntwo", "one two"),
        ],
    )
    def test_a_value_is_written_short(self, value: Any, text: str) -> None:
        assert text_of(value) == text

    def test_spans_and_sizes_have_units(self) -> None:
        assert [duration(one) for one in (0.0, 2e-4, 1.5, 7200.0)] == ["0 s", "200 µs", "1.5 s", "2 h"]
        assert [memory(one) for one in (640, 2048, 3 * 2**20, 2**31)] == ["640 B", "2 KiB", "3 MiB", "2 GiB"]

    def test_what_is_no_text_can_still_be_sent(self) -> None:
        page = html_section("\udce9", html_lines(["\udce9"]), html_table(["\udce9"], [["\udce9"]]))
        assert page.encode().count(b"?") == 4

    def test_text_leaves_out_what_is_not_there(self) -> None:
        assert text_pairs({"a": 1, "long name": "x", "none": None}) == "a          1\nlong name  x"


def counted(bqm: dimod.BinaryQuadraticModel) -> tuple[int, tuple[float, float], tuple[float, float] | None]:
    quadratic = [value for value in bqm.quadratic.values() if value]
    linear = list(bqm.linear.values())
    return len(quadratic), (min(linear), max(linear)), (min(quadratic), max(quadratic)) if quadratic else None


class TestQubo:
    @pytest.mark.parametrize("seed", range(6))
    def test_counts_and_ranges_are_those_of_the_written_out_model(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        n, digits = int(rng.integers(1, 7)), int(rng.integers(1, 4))
        gram = np.round(rng.normal(size=(n, n)))
        model = GramQubo(
            gram + gram.T,
            rng.choice([-1.0, 0.0, 1.0, 2.0], digits),
            linear=rng.normal(size=(n, digits)),
            scale=rng.choice([-1.0, 0.5, 1.0], n),
            shift=float(rng.choice([0.0, 1.0])),
        )
        dense, sparse = model.to_dense(), model.to_sparse()
        expected = counted(model.to_bqm())
        for found in (
            of_gram(model.gram, model.shift, model.scale, model.weights, model.linear),
            of_dense(dense.matrix, dense.linear),
            of_sparse(sparse.couplings, sparse.linear),
        ):
            assert found is not None
            assert found.couplings == expected[0]
            assert found.linear == pytest.approx(expected[1])
            assert found.quadratic == (None if expected[2] is None else pytest.approx(expected[2]))

    def test_more_rows_than_are_looked_at_together(self) -> None:
        rng = np.random.default_rng(0)
        matrix = np.where(rng.random((600, 600)) < 0.1, rng.normal(size=(600, 600)), 0.0)
        dense = DenseQubo(matrix)
        found = of_dense(dense.matrix, dense.linear)
        upper = np.triu(dense.couplings, 1)
        assert found is not None
        assert (found.couplings, found.quadratic) == (np.count_nonzero(upper), (upper.min(), upper.max()))
        gram = of_gram(matrix + matrix.T, 0.0, np.ones(600), np.ones(1), np.zeros((600, 1)))
        assert gram is not None
        assert (gram.couplings, gram.quadratic) == (found.couplings, pytest.approx(found.quadratic))

    def test_a_very_large_matrix_is_not_looked_at(self) -> None:
        wide = np.broadcast_to(0.0, (5000, 5000))
        assert of_dense(wide, np.zeros(5000)) is None
        assert of_gram(wide, 0.0, np.ones(5000), np.ones(1), np.zeros((5000, 1))) is None

    def test_a_small_model_is_written_out(self) -> None:
        read = shown(DenseQubo([[1, -2, 0], [0, 3, 0.5], [0, 0, 0]], offset=4.0, labels=["a", "b", NASTY]))
        assert read.pairs == {
            "variables": "3",
            "memory": "72 B",
            "couplings": "2 of 3 (66.7 %)",
            "linear terms": "0 to 3",
            "coupling terms": "-2 to 0.5",
            "offset": "4",
        }
        assert read.rows[-4:] == [
            ["", "a", "b", NASTY],
            ["a", "1", "-2", "0"],
            ["b", "", "3", "0.5"],
            [NASTY, "", "", "0"],
        ]
        assert "script" not in read.tags

    def test_variables_are_called_as_their_labels_are_written(self) -> None:
        labels = [10**17 + 1, 1.23456789, None, True]
        read = shown(DenseQubo(np.eye(4), labels=labels))
        assert read.rows[-5] == ["", "100000000000000001", "1.23456789", "None", "True"]

    @pytest.mark.parametrize("n", [2, 20])
    def test_coefficients_that_overflow_are_infinite(self, n: int) -> None:
        both = np.zeros((n, n))
        both[0, 1] = both[1, 0] = 1e308
        assert shown(DenseQubo(both)).pairs["coupling terms"] == "∞"
        gram = np.full((20, 20), 3e38, dtype=np.float32)
        assert shown(GramQubo(gram, [1.0], shift=3e38)).pairs["coupling terms"] == "∞"

    def test_a_larger_one_is_not(self) -> None:
        read = shown(SparseQubo(scipy.sparse.eye_array(11)))
        assert read.pairs == {"variables": "11", "couplings": "0 of 55 (0 %)", "linear terms": "1", "offset": "0"}
        assert max(map(len, read.rows)) == 2

    def test_a_gram_model_tells_its_points_digits_and_memory(self) -> None:
        read = shown(GramQubo(np.eye(20, dtype=np.float32), [1.0, 2.0, 4.0]))
        assert read.pairs["points"] == "20"
        assert read.pairs["digits of each"] == "3, worth 1, 2, 4 (base 2)"
        assert read.pairs["memory"] == "1.56 KiB (float32); the matrix is not written out"
        assert shown(GramQubo(np.eye(20), [1.0, 3.0, 4.0])).pairs["digits of each"] == "3, worth 1, 3, 4"

    def test_a_single_variable_has_no_pairs(self) -> None:
        assert shown(DenseQubo([[2.0]])).pairs["couplings"] == "0"


def sampleset(**info: Any) -> dimod.SampleSet:
    states = [[0, 1, 1], [1, 0, 0], [0, 1, 1], [0, 0, 0]]
    return dimod.SampleSet.from_samples(
        states, "BINARY", energy=[-2.0, 1.0, -2.0 + 1e-12, 0.0], num_occurrences=[3, 1, 4, 2], info=info
    )


class TestSummary:
    def test_counts_are_those_of_the_samples(self) -> None:
        found = summary(sampleset())
        assert (found.variables, found.reads, found.distinct, found.energy, found.hits) == (3, 10, 3, -2.0, 7)
        assert found.header == ("energy", "reads", "0", "1", "2")
        assert found.rows == ((-2.0, 7, 0, 1, 1), (0.0, 2, 0, 0, 0), (1.0, 1, 1, 0, 0))

    def test_what_a_backend_of_ours_tells_is_there(self) -> None:
        found = hqml.sample(GramQubo(np.eye(4), [1.0, 2.0], linear=-np.ones((4, 2))), "cpu", reads=20, seed=3)
        about = summary(found).about
        assert (about["backend"], about["seed"]) == ("cpu", 3)
        assert about["proven bound"] == pytest.approx(found.info["bound"])
        assert about["gap to it"] == f"{100 * found.info['gap']:.3g} %"
        assert about["time"] == duration(found.info["timing"]["total"])
        assert about["QPU access time"] is None

    def test_all_states_looked_at_are_a_proof(self) -> None:
        assert shown(summary(hqml.sample(np.eye(3), "exact"))).pairs["proven lowest"] == "yes"

    def test_a_chip_tells_its_time_and_its_chains(self) -> None:
        ours = summary(sampleset(timing={"qpu": 0.0125}, chain_breaks=0.031, stand_in="none of a kind"))
        assert (ours.about["QPU access time"], ours.about["broken chains"]) == ("12.5 ms", "3.1 %")
        assert ours.about["stand-in"] == "none of a kind"
        theirs = dimod.append_data_vectors(
            sampleset(timing={"qpu_access_time": 12500.0}), chain_break_fraction=[0.0, 0.5] * 2
        )
        about = summary(theirs).about
        assert (about["QPU access time"], about["broken chains"]) == ("12.5 ms", "25 %")

    def test_text_and_page_say_the_same(self) -> None:
        found = summary(sampleset(backend="mine", timing={"total": 0.25}))
        assert str(found) == repr(found)
        assert str(found).splitlines() == [
            "10 samples of 3 variables",
            "lowest energy    -2",
            "found by         7 of 10 reads",
            "distinct states  3",
            "backend          mine",
            "time             250 ms",
            "",
            "energy  reads  0  1  2",
            "    -2      7  0  1  1",
            "     0      2  0  0  0",
            "     1      1  1  0  0",
        ]
        read = shown(found)
        assert read.pairs["found by"] == "7 of 10 reads"
        assert read.rows[-3:] == [["-2", "7", "0", "1", "1"], ["0", "2", "0", "0", "0"], ["1", "1", "1", "0", "0"]]

    def test_of_many_variables_the_ones_are_counted(self) -> None:
        spins = dimod.SampleSet.from_samples(np.array([[1] * 5 + [-1] * 15]), "SPIN", energy=[0.0])
        assert summary(spins).rows == ((0.0, 1, "5 of 20"),)

    def test_a_seed_that_was_drawn_can_be_given_again(self) -> None:
        found = hqml.sample(np.eye(3), "neal", reads=2)
        assert summary(found).about["seed"] == found.info["seed"]
        assert shown(summary(found)).pairs["seed"] == str(found.info["seed"])

    @pytest.mark.parametrize("unit", [1.0, 1e-12, 1e12])
    def test_who_has_the_lowest_does_not_depend_on_the_unit(self, unit: float) -> None:
        energies = unit * np.array([1.0, 1.0 + 1e-10, 1.001])
        of_one = dimod.SampleSet.from_samples([[0, 0], [0, 1], [1, 0]], "BINARY", energy=energies)
        assert summary(of_one).hits == 2
        of_zero = dimod.SampleSet.from_samples(
            [[0, 0], [0, 1], [1, 0]], "BINARY", energy=unit * np.array([0, 1e-13, 1])
        )
        assert summary(of_zero).hits == 2

    def test_an_infinite_energy_makes_no_other_the_lowest(self) -> None:
        for energies, hits in (([1.0, np.inf, 2.0], 1), ([-np.inf, 0.0, 1.0], 1)):
            found = dimod.SampleSet.from_samples([[0, 0], [0, 1], [1, 0]], "BINARY", energy=energies)
            assert summary(found).hits == hits

    def test_values_that_are_not_two_are_told_apart(self) -> None:
        found = dimod.SampleSet.from_samples([[2, 3], [2, 4], [2, 3]], "INTEGER", energy=[0.0, 1.0, 0.0])
        assert (summary(found).distinct, summary(found).rows) == (2, ((0.0, 2, 2, 3), (1.0, 1, 2, 4)))

    def test_one_is_one(self) -> None:
        one = dimod.SampleSet.from_samples([{"a\nb": 1}], "BINARY", energy=[0.0], info={"backend": "mine\nown"})
        assert str(summary(one)).splitlines() == [
            "1 sample of 1 variable",
            "lowest energy    0",
            "found by         1 of 1 reads",
            "distinct states  1",
            "backend          mine own",
            "",
            "energy  reads  a b",
            "     0      1    1",
        ]

    def test_without_samples_there_is_no_lowest(self) -> None:
        found = summary(dimod.SampleSet.from_samples([], "BINARY", energy=[]))
        assert (found.energy, found.hits, found.rows) == (None, 0, ())
        assert str(found).splitlines() == ["0 samples of 0 variables", "distinct states  0"]

    def test_names_that_are_code_are_text(self) -> None:
        one = dimod.SampleSet.from_samples([{NASTY: 1}], "BINARY", energy=[0.0], info={"backend": NASTY, "timing": 3})
        read = shown(summary(one))
        assert "script" not in read.tags
        assert read.pairs["backend"] == NASTY
        assert NASTY in read.rows[-2]

    def test_options_that_a_sampler_keeps_are_not_shown(self) -> None:
        found = summary(sampleset(parameters={"token": MARK}, token=MARK))
        assert MARK not in str(found) + found._repr_html_()

    def test_of_a_batch_it_is_asked_for_each(self) -> None:
        with pytest.raises(ParameterError, match="found list; of several call it for each"):
            summary([sampleset()])  # type: ignore[arg-type]


class TestComparison:
    def test_words_and_figures_are_those_of_the_comparison(self, compare_cases: Any) -> None:
        found = compare_cases.comparison()
        page = found._repr_html_()
        read = shown(found)
        assert found.words[0] in page
        assert "<strong>QUBO problems</strong>" in page
        assert f"{len(found.words) - 6} more sentences are in .words" in page
        [head] = [row for row in read.rows if "time to solution with overheads [s]" in row]
        [row] = [row for row in read.rows if row[:2] == ["ring 100", "cpu"]]
        time = found.estimates["ring 100", "cpu"]["tts_total"].value
        assert float(row[head.index("time to solution with overheads [s]")].split()[0]) == pytest.approx(time, rel=5e-3)
        assert row[head.index("best value")] == "140"

    def test_names_that_are_code_are_text(self, compare_cases: Any) -> None:
        problems = [{**one, "name": NASTY} for one in compare_cases.description()["problems"][:1]]
        own = [one for one in compare_cases.outcomes() if one.problem == "ring 100"]
        renamed = [type(one)(**{**one.__dict__, "problem": NASTY}) for one in own]
        found = hqml.compare.Comparison({**compare_cases.description(), "name": NASTY, "problems": problems}, renamed)
        read = shown(found)
        assert "script" not in read.tags
        assert NASTY in [row[0] for row in read.rows]

    def test_of_many_rows_the_first_are_shown(self, compare_cases: Any) -> None:
        about, own = compare_cases.description(), compare_cases.outcomes()
        problem, own = about["problems"][0], [one for one in own if one.problem == "ring 100"]
        names = [f"ring {n}" for n in range(15)]
        found = hqml.compare.Comparison(
            {**about, "problems": [{**problem, "name": name} for name in names]},
            [type(one)(**{**one.__dict__, "problem": name}) for name in names for one in own],
        )
        rows = len(found.summary_rows())
        assert rows > 40
        assert f"QUBO problems: the first 40 of {rows} rows" in found._repr_html_()
        assert len(shown(found).rows) == 41

    def test_before_anything_ran_it_says_so(self) -> None:
        assert "No cell has run yet." in hqml.compare.Comparison({}, [])._repr_html_()


@pytest.fixture(scope="module")
def svc() -> QuboSVC:
    return QuboSVC(reads=30, random_state=4).fit(X, y)


class TestEstimators:
    def test_below_scikit_learns_diagram_stands_what_the_annealing_did(self, svc: QuboSVC) -> None:
        for page in (svc._repr_html_(), svc._repr_mimebundle_()["text/html"]):
            assert page.startswith("<style>")
            assert page.count("<strong>Annealing</strong>") == 1
            below = Read(page[page.index('<div class="hqml-shown">') :])
            assert below.pairs == {
                "backend": "cpu",
                "QUBOs": "1",
                "reads of each": "30",
                "lowest energy": f"{svc.energies_[0]:.8g}",
                "time": duration(svc.timing_["total"]),
                "of it annealing": duration(svc.timing_["solve"]),
                "seed": "4",
            }

    def test_before_it_is_fitted_there_is_the_diagram_alone(self) -> None:
        assert "Annealing" not in QuboSVC()._repr_mimebundle_()["text/html"]

    def test_text_is_what_scikit_learns_configuration_may_ask_for(self, svc: QuboSVC) -> None:
        with config_context(display="text"):
            assert set(svc._repr_mimebundle_()) == {"text/plain"}
            assert not hasattr(svc, "_repr_html_")

    def test_what_a_backend_says_is_text(self, svc: QuboSVC) -> None:
        other = pickle.loads(pickle.dumps(svc))
        other.sampleset_.info.update(backend=NASTY, stand_in=NASTY)
        assert (account(other)["backend"], account(other)["stand-in"]) == (NASTY, NASTY)
        assert "<script>alert" not in other._repr_html_()

    def test_of_several_models_there_is_a_range_of_energies(self) -> None:
        ensemble = QuboSVCEnsemble(QuboSVC(reads=10), slice_size=20, random_state=0).fit(X, y)
        told = account(ensemble)
        assert (told["backend"], told["QUBOs"], told["reads of each"], told["seed"]) == ("cpu", 3, 10, 0)
        assert told["lowest energies"] == f"{ensemble.energies_.min():.8g} to {ensemble.energies_.max():.8g}"
        assert "Annealing" in ensemble._repr_html_()

    def test_every_kind_of_estimator_is_told_of(self) -> None:
        local = LocalQuboSVC(n_neighbors=20, reads=5, random_state=0).fit(X, y)
        selector = QuboFeatureSelector(2, reads=5, random_state=0).fit(X, y)
        for one in (local, selector):
            assert account(one)["reads of each"] == 5
            assert "Annealing" in one._repr_mimebundle_()["text/html"]


def places(estimator: Any) -> list[str]:
    """Everywhere an estimator is seen."""
    bundle = estimator._repr_mimebundle_()
    return [repr(estimator), str(estimator), *bundle.values(), str(estimator.get_params())]


class TestSecrets:
    OPTIONS: ClassVar = {"token": MARK, "solver": {"password": MARK, "name": "Advantage"}, "num_sweeps": 5}

    @pytest.mark.parametrize("display", ["diagram", "text"])
    @pytest.mark.parametrize("changed_only", [True, False])
    def test_a_token_among_the_options_is_shown_nowhere(self, display: str, changed_only: bool) -> None:
        svc = QuboSVC(backend_options=self.OPTIONS)
        in_others = [
            make_pipeline(StandardScaler(), svc),
            QuboSVCEnsemble(svc),
            make_pipeline(QuboSVCEnsemble(svc), SVC()),
        ]
        with config_context(display=display, print_changed_only=changed_only):
            for text in (text for one in (svc, *in_others) for text in places(one)):
                assert MARK not in text
            assert "'token': '(hidden)'" in repr(svc)
            assert "'num_sweeps': 5" in repr(svc)
            assert "Advantage" in repr(svc)

    def test_solvers_of_a_study_and_what_an_estimator_asks_show_none(self) -> None:
        solver = hqml.compare.Solver("cpu", self.OPTIONS)
        assert repr(solver).startswith("Solver('cpu', {'token': '(hidden)', 'solver': {'name': 'Advantage'}")
        study = hqml.compare.Study((hqml.compare.qubo_problem(np.eye(2)),), (solver,), (0,))
        for text in (
            repr(solver),
            repr(study),
            repr(study.cells()),
            repr(QuboSVC(backend_options=self.OPTIONS)._annealer()),
        ):
            assert MARK not in text
        assert solver.options["token"] == MARK

    def test_it_is_there_for_the_backend_and_for_clones(self) -> None:
        svc = QuboSVC(backend_options=self.OPTIONS)
        for copied in (clone(svc), clone(QuboSVCEnsemble(svc)).estimator, QuboSVC(**svc.get_params())):
            assert copied.backend_options == self.OPTIONS
            assert copied._annealer().options["token"] == MARK
        assert type(clone(svc).backend_options) is dict

    def test_a_fitted_one_shows_no_more(self) -> None:
        class Asking(MeteredBackend):
            """Takes a token, as a service would."""

            def sample(self, qubos: Any, *, token: str = "", **rest: Any) -> Any:
                assert token == MARK
                return super().sample(qubos, **rest)

            def estimate(self, qubos: Any, *, token: str = "", **rest: Any) -> Any:
                return super().estimate(qubos, **rest)

        options = {"backend": Asking(max_variables=120), "backend_options": {"token": MARK}, "max_qpu_seconds": 1.0}
        fitted = QuboSVC(reads=50, random_state=0, **options).fit(X, y)
        assert account(fitted)["QPU access time"] == duration(0.015 + 50 * 2e-4)
        assert "Annealing" in places(fitted)[3]
        assert not [text for text in places(fitted) if MARK in text]

    def test_options_without_secrets_are_those_that_were_given(self) -> None:
        options = {"num_sweeps": 5, "beta_range": (0.1, 1.0), "deep": {"state": (np.eye(2), [(1, 2)])}}
        assert QuboSVC(backend_options=options).get_params()["backend_options"] is options


class TestInANotebook:
    CELLS = (
        "%load_ext hqml.notebook",
        "import hqml, numpy as np\nfrom hqml.svm import QuboSVC\nmodel = hqml.DenseQubo(np.eye(3)); model",
        "hqml.sample(model, 'cpu', reads=7, seed=0)",
        "X = np.random.default_rng(0).normal(size=(20, 2))\nQuboSVC(reads=7, random_state=0).fit(X, X[:, 0] > 0)",
        "hqml.compare.Comparison({'name': 'of nothing'}, [])",
        "hqml.plot.qubo(model);",
        "hqml.plot.energies(hqml.sample(model, 'exact'))",
        "%unload_ext hqml.notebook\nhqml.sample(model, 'cpu', reads=7, seed=0)",
    )

    @pytest.mark.slow
    def test_all_of_it_is_shown(self) -> None:
        """In a kernel, as JupyterLab has it."""
        nbformat = pytest.importorskip("nbformat", reason="notebooks need 'hqml[notebook]'")
        nbclient = pytest.importorskip("nbclient", reason="notebooks need 'hqml[notebook]'")
        pytest.importorskip("ipykernel", reason="notebooks need 'hqml[notebook]'")
        pytest.importorskip("matplotlib", reason="figures are drawn with matplotlib: pip install 'hqml[plot]'")
        cells = [nbformat.v4.new_code_cell(code) for code in self.CELLS]
        book = nbformat.v4.new_notebook(cells=cells)
        nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
        outputs = [
            {kind: "".join(text) for out in cell.outputs for kind, text in out.data.items()} for cell in book.cells
        ]
        loaded, model, samples, svc, comparison, picture, energies, plain = outputs
        assert not loaded
        assert "DenseQubo</strong>" in model["text/html"]
        assert "7 samples of 3 variables</strong>" in samples["text/html"]
        assert "SampleSet(" in samples["text/plain"]
        assert "<strong>Annealing</strong>" in svc["text/html"]
        assert "of nothing</strong>" in comparison["text/html"]
        assert "image/png" in picture
        assert "image/png" in energies
        assert "text/html" not in plain

    def test_the_extension_imports_nothing_until_it_is_loaded(self) -> None:
        code = "import sys, hqml.notebook; print({'IPython', 'dimod', 'numpy'} & set(sys.modules))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
        assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("damaged\n  at byte 3"), "damaged"),
        (ValueError("\n\n  late"), "late"),
        (ValueError(), "ValueError"),
        (RuntimeError("\n"), "RuntimeError"),
    ],
)
def test_an_error_says_a_line_even_where_it_has_no_text(error: Exception, line: str) -> None:
    assert first_line(error) == line
