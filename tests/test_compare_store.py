"""A store of cells: outcomes on disk, and who of many processes runs which cell."""

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hqml import processes
from hqml.compare import claims
from hqml.compare.claims import Claims
from hqml.compare.outcome import Outcome, labels_of
from hqml.compare.problems import qubo_problem
from hqml.compare.store import Store
from hqml.compare.study import Cell, Solver, Study
from hqml.errors import FormatError
from hqml.files import discarding


def study(name: str = "tiny", seeds: int = 1) -> Study:
    return Study((qubo_problem(np.diag([1.0, -2.0]), name=name),), (Solver("cpu"),), tuple(range(seeds)))


def outcome_of(cell: Cell, energy: float = -2.0) -> Outcome:
    return Outcome(**labels_of(cell), status="done", energies=[[energy, 3]], timing={"total": 0.1}, warnings=[])


@pytest.fixture
def cell() -> Cell:
    return study().cells()[0]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "study.cells")


def file_of(store: Store, cell: Cell) -> Path:
    return store.path / "cells" / f"{cell.key}.json"


class TestOutcomesOnDisk:
    def test_what_is_kept_is_loaded(self, store: Store, cell: Cell) -> None:
        assert store.load(cell) is None
        store.keep(outcome_of(cell))
        assert Store(store.path).load(cell) == outcome_of(cell)
        assert store.outcomes(study(seeds=3).cells()) == [outcome_of(cell)]

    def test_a_cell_has_the_names_of_the_study_that_asks(self, store: Store, cell: Cell) -> None:
        store.keep(outcome_of(cell))
        renamed = study("another name").cells()[0]
        found = store.load(renamed)
        assert found is not None
        assert (found.problem, found.energies) == ("another name", [[-2.0, 3]])

    def test_the_study_is_described_for_who_looks_into_the_folder(self, store: Store) -> None:
        assert store.description() is None
        store.describe(study())
        store.describe(study(seeds=2))
        assert store.description() == json.loads(json.dumps(study(seeds=2).describe()))

    def test_each_rank_writes_also_where_rank_0_alone_writes_files(self, store: Store, cell: Cell) -> None:
        with discarding(), store.claims() as held:
            taken = held.take(cell.key)
            assert taken is not None
            store.keep(outcome_of(cell))
            held.give_back(taken)
        assert store.load(cell) is not None
        assert json.loads(taken.path.read_text())["spent"] == 0

    @pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
    def test_a_file_that_was_cut_off_is_computed_again(self, store: Store, cell: Cell, share: float) -> None:
        whole = outcome_of(cell).to_json()
        for rest in ("", "\0" * 20):
            file_of(store, cell).write_text(whole[: int(share * len(whole))] + rest)
            with pytest.warns(UserWarning, match=f"{cell.key}.json was cut off while it was written; the cell is comp"):
                assert Store(store.path).load(cell) is None
        assert file_of(store, cell).exists()  # it goes when there is something in its place
        store.keep(outcome_of(cell))
        assert store.load(cell) == outcome_of(cell)

    def test_what_killed_processes_leave_does_no_harm(self, store: Store, cell: Cell) -> None:
        (store.path / "cells" / f".{cell.key}.json.abcd.part").write_text("{")
        assert store.load(cell) is None

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("hello", "this is no outcome of a comparison"),
            ("[1, 2]", "found no outcome of format 1"),
            ('{"format": 2}', "found no outcome of format 1"),
            ('{"format": 1, "key": "x"}', "this is no outcome of a comparison"),
            (b"\xff\xfe\x00", "this is no outcome"),
        ],
    )
    def test_a_file_of_something_else_is_named_and_left(
        self, store: Store, cell: Cell, content: str | bytes, message: str
    ) -> None:
        raw = content if isinstance(content, bytes) else content.encode()
        file_of(store, cell).write_bytes(raw)
        with pytest.raises(FormatError, match=message) as caught:
            store.load(cell)
        assert str(caught.value).startswith(str(file_of(store, cell)))
        assert "move the file away" in str(caught.value)
        assert file_of(store, cell).read_bytes() == raw

    def test_a_file_of_another_cell_is_named(self, store: Store, cell: Cell) -> None:
        file_of(store, cell).write_text(replace(outcome_of(cell), key="another").to_json())
        with pytest.raises(FormatError, match="is of another cell, 'another'"):
            store.load(cell)

    def test_a_folder_in_place_of_a_cell_is_named(self, store: Store, cell: Cell) -> None:
        file_of(store, cell).mkdir()
        with pytest.raises(FormatError, match=f"cannot read {file_of(store, cell)}"):
            store.load(cell)

    @pytest.mark.parametrize("content", ["hello", "[]", '{"format": "another"}', '{"name": "x"}'])
    def test_a_description_of_something_else_is_not_overwritten(self, store: Store, content: str) -> None:
        (store.path / "study.json").write_text(content)
        with pytest.raises(FormatError, match=r"study\.json .* move it away"):
            store.describe(study())
        assert (store.path / "study.json").read_text() == content

    def test_a_folder_of_other_things_is_no_store(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.tex").touch()
        with pytest.raises(FormatError, match=r"is no store of a comparison, it has 'thesis\.tex' in it"):
            Store(tmp_path)
        assert [one.name for one in tmp_path.iterdir()] == ["thesis.tex"]

    def test_a_file_is_no_store(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        for place in ("file", "file/store"):
            with pytest.raises(FormatError, match="cannot keep cells in"):
                Store(tmp_path / place)


class TestClaims:
    """Two objects of one process stand for two processes wherever their number does not matter."""

    def test_a_cell_is_claimed_once_and_again_when_it_was_given_back(self, tmp_path: Path) -> None:
        with Claims(tmp_path) as mine, Claims(tmp_path) as others:
            first = mine.take("a")
            assert first is not None
            assert others.take("a") is None
            assert others.take("b") is not None
            mine.give_back(first)
            second = others.take("a")
            assert second is not None
            assert [first.path.name, second.path.name] == ["a.0", "a.1"]
            assert mine.take("a") is None

    def test_of_many_that_ask_at_once_one_gets_it(self, tmp_path: Path) -> None:
        barrier = threading.Barrier(16)
        held = Claims(tmp_path)

        def ask(number: int) -> bool:
            barrier.wait()
            return held.take("a") is not None

        with held, ThreadPoolExecutor(16) as pool:
            assert sum(pool.map(ask, range(16))) == 1

    def test_what_is_held_at_the_end_is_given_back(self, tmp_path: Path) -> None:
        def interrupted() -> None:
            with Claims(tmp_path) as mine:
                mine.take("a", qpu=0.5)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        with Claims(tmp_path) as mine:
            assert mine.account().spent == 0.5  # it may have been submitted
            assert mine.take("a") is not None

    def test_a_claim_whose_process_is_gone_is_taken_over_by_one_of_many(self, tmp_path: Path) -> None:
        kill_while_it_holds(tmp_path, "a")
        barrier = threading.Barrier(16)

        def ask(held: Claims) -> bool:
            barrier.wait()
            return held.take("a") is not None

        many = [Claims(tmp_path) for _ in range(16)]
        with ThreadPoolExecutor(16) as pool:
            assert sum(pool.map(ask, many)) == 1
        assert sorted(one.name for one in tmp_path.glob("a.*")) == ["a.0", "a.1"]

    def test_a_claim_that_ctrl_c_left_in_this_process_is_lost(self, tmp_path: Path) -> None:
        lost = Claims(tmp_path).take("a")
        assert lost is not None
        claims._held.discard(lost.record["mark"])
        assert Claims(tmp_path).take("a") is not None

    def test_what_could_not_be_given_back_is_lost(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted_again(*given: object) -> None:
            raise KeyboardInterrupt

        def interrupted() -> None:
            with Claims(tmp_path) as mine:
                mine.take("a", qpu=0.5)
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(claims, "keep", interrupted_again)
            with pytest.raises(KeyboardInterrupt):
                interrupted()
        with Claims(tmp_path) as mine:
            assert mine.account().spent == 0.5
            assert mine.take("a") is not None

    def test_a_process_with_the_number_of_one_that_is_gone_is_another_one(self, tmp_path: Path) -> None:
        parent = {**processes.this_process(), "pid": os.getppid(), "born": processes._born(os.getppid())}
        assert processes.is_alive(parent)
        if parent["born"] is not None:
            assert not processes.is_alive({**parent, "born": "0"})

    def test_a_process_that_nobody_has_waited_for_is_gone(self) -> None:
        done = subprocess.Popen([sys.executable, "-S", "-c", ""])
        about = {**processes.this_process(), "pid": done.pid, "born": processes._born(done.pid)}
        if about["born"] is None:
            pytest.skip("there is no /proc, which tells of such processes")
        deadline = time.monotonic() + 20
        while processes.is_alive(about) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not processes.is_alive(about)
        done.wait()


class TestClaimsOfOtherHosts:
    """Their processes cannot be asked, so the time of the file tells."""

    @pytest.fixture(autouse=True)
    def elsewhere(self, tmp_path: Path) -> Path:
        about = {"host": "far", "place": "far away", "pid": os.getpid(), "born": "1", "mark": "m", "since": 0.0}
        path = tmp_path / "a.0"
        path.write_text(json.dumps({**about, "qpu": 0.25, "spent": None}))
        return path

    def test_a_touched_one_is_alive_and_one_that_was_not_is_lost(self, tmp_path: Path, elsewhere: Path) -> None:
        held = Claims(tmp_path)
        assert held.take("a") is None
        assert (held.account().spent, held.account().reserved) == (0, 0.25)
        long_ago = time.time() - claims.LOST_AFTER - 5
        os.utime(elsewhere, (long_ago, long_ago))
        assert (held.account().spent, held.account().reserved) == (0.25, 0)
        assert held.take("a") is not None

    def test_the_clock_of_the_storage_decides(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: Path
    ) -> None:
        monkeypatch.setattr(time, "time", lambda: 4e9)  # of this host, an hour or a hundred years ahead
        assert Claims(tmp_path).take("a") is None

    def test_a_held_claim_is_touched(self, tmp_path: Path) -> None:
        with Claims(tmp_path, beat=0.01) as mine:
            taken = mine.take("b")
            assert taken is not None
            os.utime(taken.path, (1, 1))
            deadline = time.monotonic() + 20
            while taken.path.stat().st_mtime == 1 and time.monotonic() < deadline:
                time.sleep(0.01)
            assert taken.path.stat().st_mtime > 1

    @pytest.mark.parametrize("content", ["", "{", "hello", "[]", '{"pid": "x"}'])
    def test_one_that_cannot_be_read_counts_until_it_is_old(
        self, tmp_path: Path, elsewhere: Path, content: str
    ) -> None:
        elsewhere.write_text(content)
        held = Claims(tmp_path)
        assert held.take("a") is None
        os.utime(elsewhere, (1, 1))
        assert held.take("a") is not None
        assert elsewhere.read_text() == content  # nothing is deleted


class TestTheAccount:
    def test_metered_time_is_that_of_all_attempts(self, tmp_path: Path) -> None:
        with Claims(tmp_path) as mine, Claims(tmp_path) as others:
            for spent in (0.25, 0.5):  # a failed one, and the one that was tried again
                taken = mine.take("a", qpu=1.0)
                assert taken is not None
                mine.give_back(taken, spent)
            own = mine.take("b", qpu=2.0)
            others.take("c", qpu=4.0)
            (tmp_path / "notes.txt").write_text("of mine")
            (tmp_path / "folder").mkdir()
            account = mine.account(besides=own)
            assert (account.spent, account.reserved) == (0.75, 4.0)
            assert mine.account() == replace(account, reserved=6.0)

    def test_what_a_killed_process_had_reserved_counts_as_spent(self, tmp_path: Path) -> None:
        kill_while_it_holds(tmp_path, "a", qpu=0.5)
        assert Claims(tmp_path).account() == claims.Account(spent=0.5, reserved=0.0)


def kill_while_it_holds(folder: Path, key: str, qpu: float = 0.0) -> None:
    script = f"""
import time
from pathlib import Path
from hqml.compare.claims import Claims
with Claims(Path({str(folder)!r})) as held:
    assert held.take({key!r}, {qpu})
    print("taken", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "taken\n"
        assert Claims(folder).take(key) is None
        holder.kill()
