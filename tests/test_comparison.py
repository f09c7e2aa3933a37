"""What a study's outcomes say together: table, summary, verdicts, words, and what is kept of them."""

import io
import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hqml.compare.bootstrap import Estimate
from hqml.compare.caveats import at_the_same_time, expected_cells, listed
from hqml.compare.columns import COLUMNS
from hqml.compare.comparison import Comparison
from hqml.compare.outcome import Outcome
from hqml.compare.study import LearningProblem, QuboProblem, Solver, Study
from hqml.compare.summary import SUMMARY_COLUMNS
from hqml.compare.verdicts import Entrant, Verdict, verdict, verdicts
from hqml.compare.words import duration
from hqml.errors import FormatError, LibraryMissing
from hqml.io import LoadedModel
from hqml.qubo import DenseQubo
from hqml.svm import QuboSVC
from hqml.tables import Table

pytest.importorskip("pandas", reason="pandas is missing: pip install 'hqml[compare]'")


@pytest.fixture(scope="module")
def made(compare_cases: Any) -> Comparison:
    found: Comparison = compare_cases.comparison()
    return found


def said(comparison: Comparison, *parts: str) -> list[str]:
    """Sentences that hold all parts."""
    return [one for one in comparison.words if all(part in one for part in parts)]


class TestTable:
    def test_a_row_a_cell_in_the_order_of_the_study(self, made: Comparison) -> None:
        assert list(made.table.columns) == list(COLUMNS)
        assert len(made.table) == 3 * 5 * 5 + 3 * 6 * 5
        assert list(dict.fromkeys(made.table["solver"])) == [
            "cpu",
            "gpu",
            "neal",
            "qpu-offline",
            "broken",
            "SVC (tuned)",
        ]

    def test_columns_have_one_type(self, made: Comparison) -> None:
        kinds = made.table.dtypes
        assert kinds["queue"] == kinds["energy"] == np.float64
        assert kinds["reads"] == kinds["variables"] == np.int64
        assert str(kinds["reached"]) == "boolean"

    def test_a_row_of_a_graph(self, made: Comparison) -> None:
        own = made.table.query("problem == 'ring 100' and solver == 'cpu' and seed == 0").iloc[0]
        [outcome] = [o for o in made.outcomes if (o.problem, o.solver, o.seed) == ("ring 100", "cpu", 0)]
        hits = sum(count for level, count in outcome.energies if level == -140)
        assert (own["value"], own["energy"], own["residual"], own["target"]) == (140, -140, 0, -140)
        assert own["success"] == hits / 100
        assert own["gap"] == pytest.approx((1.05 - 1) / 1.05)
        assert own["seconds"] == outcome.timing["total"]
        assert own["reads_per_second"] == pytest.approx(100 / outcome.timing["sampling"])
        assert (own["host"], own["version"]) == ("node01", "0.1.0")

    def test_a_failed_cell_is_a_row_with_its_error(self, made: Comparison, compare_cases: Any) -> None:
        own = made.table.query("solver == 'broken'")
        assert set(own["status"]) == {"failed"}
        assert set(own["error"]) == {compare_cases.NASTY}
        assert own["energy"].isna().all()

    def test_a_learning_problem_has_the_gap_of_its_own_bound(self, compare_cases: Any) -> None:
        [one] = [o for o in compare_cases.outcomes() if (o.problem[-2:], o.solver, o.seed) == ("20", "cpu", 0)]
        row = Comparison({}, [replace(one, energies=[[-9.0, 1]], bound=-10.0)]).rows()[0]
        assert (row["gap"], row["residual"], row["target"]) == (0.1, None, None)

    def test_rows_are_json_without_nan(self, made: Comparison) -> None:
        rows = json.loads(json.dumps(made.rows(), allow_nan=False))
        assert len(rows) == len(made.table)
        assert all(list(row) == list(COLUMNS) for row in rows)
        assert rows[0]["queue"] is None
        assert json.loads(rows[-1]["parameters"]) == {"slice_size": 80}


class TestSummary:
    def test_a_row_a_problem_and_solver(self, made: Comparison) -> None:
        assert list(made.summary.columns) == list(SUMMARY_COLUMNS)
        assert len(made.summary) == 3 * 5 + 3 * 6

    def test_every_value_lies_in_its_interval(self, made: Comparison) -> None:
        for name in (column.removesuffix("_low") for column in SUMMARY_COLUMNS if column.endswith("_low")):
            rows = made.summary.dropna(subset=[f"{name}_low"])
            assert (rows[f"{name}_low"] <= rows[name] + 1e-12).all(), name
            assert (rows[name] <= rows[f"{name}_high"] + 1e-12).all(), name

    def test_figures_are_those_of_the_table(self, made: Comparison) -> None:
        one = made.summary.query("problem == 'ring 200' and solver == 'neal'").iloc[0]
        rows = made.table.query("problem == 'ring 200' and solver == 'neal'")
        p = rows["success"].mean()
        assert one["success"] == pytest.approx(p)
        tts = rows["sampling"].sum() / 500 * math.log(0.01) / math.log(1 - p)
        assert one["tts"] == pytest.approx(tts)
        assert one["ert"] == pytest.approx(rows["seconds"].sum() / rows["reached"].sum())
        assert (one["done"], one["failed"], one["reads"], one["value"]) == (5, 0, 500, 280)

    def test_who_never_reached_the_target_has_a_bound(self, made: Comparison) -> None:
        one = made.summary.query("problem == 'ring 400' and solver == 'qpu-offline'").iloc[0]
        assert one["tts_bound"]
        assert one["tts_high"] == math.inf
        assert one["value"] == 558

    def test_a_solver_that_failed_everywhere_is_there(self, made: Comparison, compare_cases: Any) -> None:
        one = made.summary.query("problem == 'ring 100' and solver == 'broken'").iloc[0]
        assert (one["done"], one["failed"], one["error"]) == (0, 5, compare_cases.NASTY)
        assert math.isnan(one["success"])

    def test_references_take_no_reads(self, made: Comparison) -> None:
        assert set(made.summary.query("reference")["reads"]) == {0}

    def test_learning_alone_has_empty_columns_of_their_own_type(self, compare_cases: Any) -> None:
        found = Comparison({}, [one for one in compare_cases.outcomes() if one.kind == "learning"])
        assert str(found.table["reached"].dtype) == "boolean"
        assert found.table["reached"].isna().all()
        assert found.summary["tts"].dtype == np.float64

    def test_a_cell_without_samples_counts_for_nothing(self, compare_cases: Any) -> None:
        first, *rest = [one for one in compare_cases.outcomes() if (one.problem, one.solver) == ("ring 100", "cpu")]
        for outcomes in ([replace(first, energies=[]), *rest], [replace(first, energies=[])]):
            found = Comparison(compare_cases.description(), outcomes)
            assert found.words
            assert len(found.summary) == 1

    def test_nothing_ran(self) -> None:
        empty = Comparison({}, [])
        assert (len(empty.table), len(empty.summary), empty.tests, empty.verdicts) == (0, 0, (), ())
        assert empty.words == ["No cell has run yet."]
        assert empty.provenance["started"] is None


class TestVerdicts:
    @staticmethod
    def among(metric: str = "tts", stand_in: str = "", **figures: Estimate) -> Verdict:
        field = [Entrant(name, {metric: one}, stand_in=name == stand_in) for name, one in figures.items()]
        found = verdict("p", metric, field)
        assert found is not None
        return found

    def test_a_winner_is_clear_of_all_others(self) -> None:
        found = self.among(a=Estimate(5, 4, 6), b=Estimate(2, 1, 3), c=Estimate(9, 8, 10))
        assert (found.winner, found.tied, found.note) == ("b", (), "")

    def test_overlapping_intervals_have_none(self) -> None:
        found = self.among(a=Estimate(5, 3, 6), b=Estimate(2, 1, 3), c=Estimate(9, 8, 10))
        assert (found.winner, found.tied, found.note) == (None, ("b", "a"), "the intervals overlap")

    def test_nobody_wins_by_what_rounding_leaves(self) -> None:
        field = [
            Entrant("a", {"energy": Estimate(0.0, 0.0, 0.0)}),
            Entrant("b", {"energy": Estimate(-1e-14, -1e-14, -1e-14)}),
        ]
        [found] = verdicts("qubo", "p", field, slack=1e-12)
        assert (found.winner, found.tied) == (None, ("b", "a"))
        [found] = verdicts("qubo", "p", field, slack=1e-15)
        assert found.winner == "b"

    def test_scores_are_to_be_high(self) -> None:
        assert self.among("auroc", a=Estimate(0.9, 0.8, 0.95), b=Estimate(0.5, 0.4, 0.6)).winner == "a"

    def test_without_an_interval_nobody_wins(self) -> None:
        found = self.among(a=Estimate(5), b=Estimate(2))
        assert (found.winner, found.note) == (None, "one seed has no interval; take more seeds")

    def test_a_bound_above_the_best_is_beaten_and_one_below_is_not(self) -> None:
        best = Estimate(5, 4, 6)
        assert self.among(a=best, b=Estimate(7, 7, math.inf, bound=True)).winner == "a"
        low = self.among(a=best, b=Estimate(1, 1, math.inf, bound=True))
        assert (low.winner, low.tied) == (None, ("a", "b"))

    def test_nobody_reached_it(self) -> None:
        found = self.among(a=Estimate(5, 5, math.inf, bound=True), b=Estimate(1, 1, math.inf, bound=True))
        assert (found.winner, found.note) == (None, "nobody reached the target")

    def test_modelled_times_win_nothing_but_energies_may(self) -> None:
        found = self.among(a=Estimate(5, 4, 6), b=Estimate(9, 8, 10), q=Estimate(1, 1, 1), stand_in="q")
        assert (found.winner, found.modelled) == ("a", ("q",))
        assert self.among("energy", a=Estimate(5, 4, 6), q=Estimate(1, 1, 1), stand_in="q").winner == "q"

    def test_a_stand_in_alone_is_shown_and_wins_nothing(self, compare_cases: Any) -> None:
        found = self.among(q=Estimate(1, 1, 1), stand_in="q")
        assert (found.winner, found.tied, found.modelled) == (None, (), ("q",))
        own = [one for one in compare_cases.outcomes() if (one.problem, one.solver) == ("ring 100", "qpu-offline")]
        assert said(Comparison({}, own), "without overheads only times of a model are there")
        assert said(Comparison({}, own), "the timing model gives qpu-offline")

    def test_one_solver_alone_wins_nothing(self) -> None:
        found = self.among(a=Estimate(5, 4, 6))
        assert (found.winner, found.tied, found.note) == (None, ("a",), "there is nobody to compare with")

    def test_twins_take_part_each_once(self) -> None:
        twin = {"twin_auroc": Estimate(0.9, 0.9, 0.9)}
        field = [Entrant(name, {"auroc": Estimate(0.5, 0.4, 0.6), **twin}) for name in "ab"]
        [found] = verdicts("learning", "p", field)
        assert found.winner == "classical twin"
        other = Entrant("c", {"twin_auroc": Estimate(0.95, 0.94, 0.96)})
        [found] = verdicts("learning", "p", [*field, other])
        assert found.winner == "classical twin of c"

    def test_of_the_whole(self, made: Comparison) -> None:
        found = {(one.problem, one.metric): one for one in made.verdicts}
        assert found["ring 100", "tts"].winner == "gpu"
        assert found["ring 400", "tts_total"].winner == "cpu"
        assert found["ring 100", "tts"].modelled == ("qpu-offline",)
        assert found["ring 100", "energy"].winner is None
        assert len(found) == 3 * 4 + 3 * 2


class TestWords:
    def test_what_ran_and_what_failed(self, made: Comparison) -> None:
        assert made.words[0] == "135 cells done, 30 failed: 5 solvers, 6 problems, 5 seeds."
        assert said(made, "broken failed in 30 cells: RuntimeError: <script>")

    def test_a_stand_in_is_no_qpu(self, made: Comparison) -> None:
        [one] = said(made, "qpu-offline is a classical stand-in, no QPU")
        assert "its quality says nothing about what a QPU would find" in one

    def test_who_is_quickest(self, made: Comparison) -> None:
        [one] = said(made, "ring 100, until the target of 140 is reached")
        assert "without overheads gpu is quickest" in one
        assert "with overheads no winner between cpu and neal" in one  # the start-up was measured once
        assert said(made, "ring 400: the timing model gives qpu-offline more than")

    def test_an_open_race_names_no_winner(self, compare_cases: Any) -> None:
        alike = [
            replace(one, solver=solver)
            for one in compare_cases.outcomes()
            if (one.problem, one.solver) == ("ring 100", "cpu")
            for solver in ("cpu", "other")
        ]
        found = Comparison(compare_cases.description(), alike)
        assert said(found, "without overheads no winner between cpu and other (the intervals overlap)")
        assert not said(found, "is quickest")

    def test_learning_against_twin_and_tuned(self, made: Comparison) -> None:
        assert len(said(made, "balanced accuracy against its classical twin")) == 3
        assert len(said(made, "against the tuned SVC", "not shown to differ")) == 3
        assert said(made, "overlap: intervals of scores are too narrow")

    def test_the_best_seen_favours_who_saw_it(self, compare_cases: Any) -> None:
        found = compare_cases.comparison(problems=[])
        [one] = said(found, "The best value is the best seen in this study")
        assert "ring 400 (by cpu, gpu and neal): such a target favours who saw it" in one

    def test_a_proven_best_favours_nobody(self, compare_cases: Any) -> None:
        outcomes = [replace(one, complete=one.solver == "cpu") for one in compare_cases.outcomes()]
        found = Comparison({}, outcomes)
        assert not said(found, "favours")
        assert said(found, "The best value of ring 100, ring 200 and ring 400 is proven")

    def test_energies_that_are_equal_but_for_rounding_are_the_same(self, compare_cases: Any) -> None:
        own = [one for one in compare_cases.outcomes() if (one.problem, one.solver) == ("ring 100", "cpu")]
        cells = [replace(one, energies=[[-140.1, 100]]) for one in own]
        cells += [replace(one, energies=[[-140.1 - 3e-14, 100]], solver="neal") for one in own]
        assert said(Comparison({}, cells), "ring 100: neal and cpu have the same lowest energy of a call in the mean")

    def test_a_target_that_cannot_be_is_told(self, compare_cases: Any) -> None:
        outcomes = [replace(one, complete=one.solver == "cpu") for one in compare_cases.outcomes()]
        assert not said(Comparison({}, outcomes), "Nobody can reach")
        found = Comparison({"target": -9999}, outcomes)
        assert said(found, "Nobody can reach the target of ring 100, ring 200 and ring 400: it is better than")

    def test_fewer_seeds_than_others_are_told(self, made: Comparison, compare_cases: Any) -> None:
        assert not said(made, "fewer seeds")
        kept = [
            one
            for one in compare_cases.outcomes()
            if (one.problem, one.solver) != ("ring 100", "gpu") or one.seed in (1, 3)
        ]
        [one] = said(Comparison({}, kept), "fewer seeds")
        assert one.endswith("for gpu on ring 100 (2 of 5).")

    def test_one_solver_alone_has_its_lowest_energy_told(self, compare_cases: Any) -> None:
        own = [one for one in compare_cases.outcomes() if (one.problem, one.solver) == ("ring 100", "cpu")]
        found = Comparison({}, [replace(one, energies=[[-140.0, 100]]) for one in own])
        assert said(found, "ring 100: the lowest energy of a call of cpu is -140 in the mean, with nobody to compare")

    def test_no_target_is_told(self, compare_cases: Any) -> None:
        one = replace(compare_cases.outcomes()[0], energies=[[0.0, 100]])
        found = Comparison({"target": "90%"}, [one])
        assert said(found, "ring 100 has no target: 90% of a best value of 0 says nothing")

    def test_too_few_seeds_for_a_test(self, compare_cases: Any) -> None:
        found = Comparison(compare_cases.description(), [one for one in compare_cases.outcomes() if one.seed < 2])
        assert said(found, "too few seeds for a test against its classical twin; three are needed")
        assert not said(found, "not shown to differ")

    def test_a_best_value_of_the_wrong_sign(self, compare_cases: Any) -> None:
        described = {"name": "ring 100", "kind": "qubo", "sign": 1, "best": 140.0}
        found = Comparison({"target": "best", "problems": [described]}, compare_cases.outcomes()[:1])
        [one] = said(found, "The best value given for ring 100, 140, is worse than what was found")
        assert "energies are to be low" in one

    def test_a_target_that_everybody_reaches(self, compare_cases: Any) -> None:
        found = Comparison({"target": 99.0}, compare_cases.outcomes()[:1])
        assert said(found, "Every read of everybody reaches the target of ring 100", "is written 99%")

    def test_it_says_what_it_is(self, made: Comparison) -> None:
        assert repr(made) == f"<Comparison 'Rings and Landsat': {made.words[0]}>"

    def test_cells_that_did_not_run(self, compare_cases: Any) -> None:
        found = Comparison(compare_cases.description(), compare_cases.outcomes()[:-7])
        assert said(found, "7 cells of the study did not run yet; the same command goes on with them")

    def test_a_budget_that_is_used_up(self, compare_cases: Any) -> None:
        error = "BudgetExceeded: 2 s were granted, 3 s are estimated"
        failed = [compare_cases.failed_outcome("ring 100", "qpu", seed, "qubo", error) for seed in (0, 1)]
        [one] = said(Comparison({}, failed), "qpu: 2 cells left out for the budget")
        assert one.endswith("the same command with a larger one goes on.")

    def test_many_different_errors_are_counted(self, compare_cases: Any) -> None:
        failed = [compare_cases.failed_outcome("ring 100", "qpu", seed, "qubo", f"E: {seed}") for seed in range(6)]
        assert said(Comparison({}, failed), "qpu failed in 3 further ways; see the table of failures.")

    @pytest.mark.parametrize(("seeds", "word"), [(1, "One seed: intervals"), (2, "2 seeds are few"), (5, "")])
    def test_few_seeds_are_told(self, compare_cases: Any, seeds: int, word: str) -> None:
        kept = [one for one in compare_cases.outcomes() if one.seed < seeds]
        found = [
            one for one in Comparison(compare_cases.description(), kept).words if "One seed" in one or "are few" in one
        ]
        assert [word in one for one in found] == [True] * bool(word)

    def test_machines_and_versions_that_differ(self, compare_cases: Any) -> None:
        other = {"host": "node02", "processor": "Xeon", "gpus": [], "versions": {"hqml": "0.2.0"}}
        first, *rest = compare_cases.outcomes()
        found = Comparison({}, [replace(first, machine=other), *rest])
        [one] = said(found, "different machines")
        assert one.endswith(
            "164 cells on node01, AMD EPYC 7402 24-Core Processor, NVIDIA H100; 1 cell on node02, Xeon."
        )
        assert said(found, "different versions of hqml: 0.1.0 and 0.2.0")

    def test_cells_at_the_same_time(self, made: Comparison) -> None:
        one, two, three, far = (
            replace(made.outcomes[0], started=start, ended=end, machine={"host": host})
            for start, end, host in ((0, 10, "a"), (1, 2, "a"), (10, 11, "a"), (1, 2, "b"))
        )
        assert at_the_same_time([three, two, one, far]) == 2
        assert said(Comparison({}, [one, two, three]), "2 cells ran at the same time")
        assert not said(made, "at the same time")

    def test_warnings_are_passed_on(self, compare_cases: Any) -> None:
        first, *_ = compare_cases.outcomes()
        assert said(Comparison({}, [replace(first, warnings=["too hot"])]), "cpu warned in 1 cell: too hot")

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            *((0, "0 s"), (4.2e-10, "0.42 ns"), (1.76e-4, "176 µs"), (0.02, "20 ms"), (59, "59 s"), (7560, "2.1 h")),
            *((1234, "1234 s"), (0.99999, "1 s"), (9.996e-4, "1 ms"), (0.1234, "123 ms"), (4e6, "1111 h")),
        ],
    )
    def test_durations(self, seconds: float, text: str) -> None:
        assert duration(seconds) == text

    def test_lists(self) -> None:
        assert [listed("a"), listed("ab"), listed("abc")] == ["a", "a and b", "a, b and c"]
        assert listed("abcdef") == "a, b, c, d, e and f"
        assert listed("abcdefgh") == "a, b, c, d, e and 3 others"

    def test_in_short(self, made: Comparison) -> None:
        assert said(made, "overheads counted: no winner on ring 100 and ring 200; cpu on ring 400.")
        [one] = said(made, "Best balanced accuracy: no winner on Landsat")
        assert one.count("slice_size") == 3


class TestKept:
    @pytest.mark.parametrize("suffix", [".parquet", ".csv", ".json"])
    def test_what_is_saved_is_loaded(self, made: Comparison, tmp_path: Path, suffix: str) -> None:
        import pandas

        written = made.save(tmp_path / f"found{suffix}")
        assert {one.name for one in written} == {f"found{suffix}", "found.json"}
        again = Comparison.load(tmp_path / "found.json")
        assert again.words == made.words
        pandas.testing.assert_frame_equal(again.table, made.table)
        if suffix == ".parquet":
            pytest.importorskip("pyarrow", reason="pyarrow is missing: pip install 'hqml[compare]'")
            pandas.testing.assert_frame_equal(pandas.read_parquet(written[0]), made.table)
        if suffix == ".csv":
            read = pandas.read_csv(io.BytesIO(written[0].read_bytes()))
            np.testing.assert_array_equal(read["energy"], made.table["energy"])

    def test_the_json_has_the_whole_provenance(self, made: Comparison, tmp_path: Path) -> None:
        made.save(tmp_path / "found.json")
        found = json.loads((tmp_path / "found.json").read_text())["provenance"]
        assert found["study"]["command"].startswith("hqml compare")
        assert found["seeds"] == [0, 1, 2, 3, 4]
        assert found["machines"][0]["cells"] == 165
        assert found["machines"][0]["versions"]["hqml"] == "0.1.0"
        assert found["targets"]["ring 100"]["target"] == -140
        [run] = [one for one in found["runs"] if (one["problem"], one["solver"]) == ("ring 100", "qpu-offline")]
        assert run["embedding"] == {"chip": "Advantage", "graph_id": "abc"}
        assert run["schedule"]["num_sweeps"] == 1000

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (None, "cannot read"),
            ("", "is no JSON"),
            ("[]", "is no comparison"),
            ('{"format": 9, "outcomes": []}', "found format 9, expected 1"),
            ('{"format": 1}', "no entry 'outcomes'"),
            ('{"format": 1, "description": {}, "outcomes": [{}]}', "no outcome"),
            ('{"format": 1, "description": {}, "outcomes": 3}', "is no comparison"),
            ('{"format": 1, "description": 3, "outcomes": []}', "is no comparison"),
        ],
    )
    def test_what_is_no_comparison_is_told_in_one_line(self, tmp_path: Path, content: str | None, words: str) -> None:
        path = tmp_path / "found.json"
        if content is not None:
            path.write_text(content)
        with pytest.raises(FormatError, match=words) as raised:
            Comparison.load(path)
        assert "\n" not in str(raised.value)
        assert "found.json" in str(raised.value)

    @pytest.mark.parametrize("name", ["found.xlsx", "found", "nowhere/found.csv"])
    def test_what_cannot_be_written_is_told(self, made: Comparison, tmp_path: Path, name: str) -> None:
        with pytest.raises(FormatError):
            made.save(tmp_path / name)
        assert not list(tmp_path.iterdir())

    def test_without_pandas_there_are_words_but_no_table(
        self, compare_cases: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        found = compare_cases.comparison()
        monkeypatch.setitem(sys.modules, "pandas", None)
        assert found.words
        assert found.rows()
        assert found.save(tmp_path / "found.json")
        with pytest.raises(LibraryMissing, match=r"needs pandas.*pip install 'hqml\[compare\]'"):
            _ = found.table


class TestOfAStudy:
    def test_the_description_tells_how_many_cells_there_are(self) -> None:
        model = LoadedModel(DenseQubo(np.array([[-1.0, 2.0], [0.0, -1.0]])))
        data = Table(np.eye(6), np.arange(6) % 2, tuple("abcdef"), None)
        problems = (
            QuboProblem("q", model, digest="1", skip=("neal",)),
            LearningProblem("l", data, QuboSVC(), digest="2"),
        )
        study = Study(problems, (Solver("cpu"), Solver("neal"), Solver("cpu", {"num_sweeps": 9})), seeds=(0, 1))
        assert expected_cells(study.describe()) == len(study.cells()) == 2 * (2 + 4)

    def test_problems_that_the_description_lacks_come_last(self, compare_cases: Any) -> None:
        outcomes = [
            replace(one, problem="new" if one.problem == "ring 100" else one.problem) for one in _few(compare_cases)
        ]
        found = Comparison(compare_cases.description(), outcomes)
        assert list(dict.fromkeys(one.problem for one in found.outcomes))[-1] == "new"


def _few(compare_cases: Any) -> list[Outcome]:
    return [one for one in compare_cases.outcomes() if one.seed == 0]
