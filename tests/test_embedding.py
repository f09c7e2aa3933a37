"""Cliques on chips with missing qubits: valid, side by side, kept on disk, never believed without a look."""

import json
import sys
from dataclasses import replace
from itertools import compress
from time import perf_counter

import networkx
import numpy as np
import pytest
from minorminer import busclique

from hqml_ocean.chip import arrangement, packing, search
from hqml_ocean.chip.arrangement import alone
from hqml_ocean.chip.embedding import is_valid, largest_clique, sparse_embedding
from hqml_ocean.chip.packing import side_by_side
from hqml_ocean.chip.topologies import made_chip
from hqml_ocean.chip.tracks import views

SMALL = made_chip("pegasus", shape=(5,), qubit_yield=0.97, seed=2)


@pytest.fixture(autouse=True)
def caches(tmp_path, monkeypatch):
    """Nothing is kept from test to test, and little time is spent on the last clique that may still fit."""
    monkeypatch.setenv("HQML_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(arrangement, "EFFORT", 5_000)
    packing._kept.cache_clear()
    return tmp_path / "embeddings"


def best_clique(chip, size):
    """That of a chip which it has for itself."""
    [found] = side_by_side(chip, size, 1)
    return found


def assert_valid(chip, embeddings, size):
    """By the definition: chains connected, all pairs coupled, no qubit twice, only working ones."""
    used = [qubit for one in embeddings for chain in one for qubit in chain]
    assert len(used) == len(set(used))
    assert set(used) <= set(chip.properties["qubits"])
    couplers = networkx.Graph(map(tuple, chip.properties["couplers"]))
    for one in embeddings:
        assert len(one) == size
        owner = {qubit: variable for variable, chain in enumerate(one) for qubit in chain}
        assert all(networkx.is_connected(couplers.subgraph(chain)) for chain in one)
        touching = {frozenset((owner[a], owner[b])) for a, b in couplers.subgraph(owner).edges if owner[a] != owner[b]}
        assert len(touching) == size * (size - 1) // 2


@pytest.mark.parametrize(("topology", "size"), [("chimera", 64), ("pegasus", 180), ("zephyr", 184), ("zephyr15", 232)])
def test_the_largest_cliques_of_whole_chips_are_the_published_ones(topology, size):
    assert largest_clique(made_chip(topology, qubit_yield=1.0)) == size


@pytest.mark.slow
# Windows of the chip's own kind, slid over it, hold 11, 40, 13, 9 and 4 of minorminer's cliques.
@pytest.mark.parametrize(
    ("topology", "size", "least"),
    [("pegasus", 40, 17), ("pegasus", 20, 52), ("zephyr", 40, 18), ("chimera", 20, 11), ("pegasus", 80, 5)],
)
def test_cliques_share_a_chip_of_which_one_percent_is_missing(monkeypatch, topology, size, least):
    monkeypatch.setattr(arrangement, "EFFORT", 12_000)  # five times as much, the default, finds one or two more
    chip = made_chip(topology, qubit_yield=0.99)
    found = side_by_side(chip, size, 1000)
    assert len(found) >= least
    assert_valid(chip, found, size)
    # Those that share a chip have chains hardly longer than the one that has it for itself.
    alone = max(map(len, best_clique(chip, size)))
    assert max(len(chain) for one in found for chain in one) <= alone + 1


@pytest.mark.parametrize("size", [1, 2, 20])
@pytest.mark.parametrize(
    "chip",
    [
        SMALL,
        made_chip("chimera", shape=(8, 8, 4), qubit_yield=0.98),
        made_chip("zephyr", shape=(4, 4), qubit_yield=0.99),
    ],
    ids=["pegasus", "chimera", "zephyr"],
)
def test_any_size_on_any_family(chip, size):
    found = side_by_side(chip, size, 1000)
    assert len(found) >= 1 + (size < 3)
    assert_valid(chip, found, size)


def test_no_more_are_given_than_wanted():
    assert len(side_by_side(SMALL, 8, 2)) == 2


def test_chains_are_as_short_as_minorminers_or_shorter():
    chip = made_chip("zephyr", shape=(6, 4), qubit_yield=0.98, seed=1)
    for size in (12, 40):
        theirs = max(map(len, search.clique(chip, size)))
        assert max(map(len, best_clique(chip, size))) <= theirs
        assert alone(chip, size, theirs + 1) is not None


@pytest.mark.parametrize("family", ["chimera", "pegasus", "zephyr"])
def test_couplers_are_where_tracks_cross(family):
    # All but the odd ones, which join two tracks of one direction.
    chip = made_chip(family, shape={"chimera": (4, 5, 4), "pegasus": (4,), "zephyr": (3, 4)}[family], qubit_yield=1.0)
    seen = views(chip.graph)
    for view in range(4):
        rows = pieces(seen.row_at[view], seen.row_start[view], seen.row_qubit[view], seen.length)
        columns = pieces(seen.column_at[view], seen.column_start[view], seen.column_qubit[view], seen.length)
        crossing = {
            frozenset((row, column))
            for row, y, left in rows
            for column, x, low in columns
            if left <= x < left + seen.length and low <= y < low + seen.length
        }
        vertical = {column for column, *_ in columns}
        assert crossing == {frozenset(pair) for pair in chip.graph.edges if len(vertical & set(pair)) == 1}


def pieces(at, start, qubit, length):
    return [
        (int(qubit[track, piece]), int(at[track]), piece * length + int(start[track]))
        for track, piece in zip(*np.nonzero(qubit >= 0), strict=True)
    ]


def test_couplers_may_be_missing_where_qubits_are_not():
    chip = made_chip("pegasus", shape=(5,), qubit_yield=1.0)
    couplers = chip.properties["couplers"]
    kept = np.random.default_rng(0).random(len(couplers)) < 0.97
    lacking = replace(chip, properties={**chip.properties, "couplers": list(compress(couplers, kept))}, graph_id="less")
    found = side_by_side(lacking, 12, 1000)
    assert len(found) >= 3
    assert_valid(lacking, found, 12)


def test_what_does_not_fit_is_not_there():
    too_large = largest_clique(SMALL) + 20
    assert side_by_side(SMALL, too_large, 1) == []
    assert side_by_side(SMALL, too_large, 5) == []


def test_the_largest_clique_is_known_where_minorminer_may_not_write(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(busclique.busgraph_cache, "cache_rootdir", lambda: str(tmp_path / "file"))
    whole = made_chip("pegasus", shape=(4,), qubit_yield=1.0)
    assert largest_clique.__wrapped__(whole) == 12 * (4 - 1)


@pytest.mark.parametrize("end", ["raise SystemExit(1)", "import os; os.abort()", "import time; time.sleep(60)"])
def test_where_minorminer_does_not_survive_cliques_are_found_without_it(monkeypatch, end):
    # minorminer 0.2.22 aborts the process for some small cliques on chips with many missing qubits.
    program = [sys.executable, "-uc", f"print('[[1'); {end}"]
    monkeypatch.setattr(search, "GRACE_SECONDS", 1.0)
    run = search.subprocess.run
    monkeypatch.setattr(search.subprocess, "run", lambda command, **arguments: run(program, **arguments))
    assert search.clique(SMALL, 12) is None
    assert_valid(SMALL, [best_clique(SMALL, 12)], 12)
    assert_valid(SMALL, side_by_side(SMALL, 12, 3), 12)


def test_one_alone_does_not_wait_for_others(monkeypatch):
    monkeypatch.setattr(packing, "arranged", None)
    found = side_by_side(SMALL, 12, 1)
    assert len(found) == 1
    assert_valid(SMALL, found, 12)


class TestTheCache:
    @pytest.fixture(autouse=True)
    def searches(self, monkeypatch):
        """How often cliques were looked for; without minorminer, whose process takes seconds to start."""
        count = []
        monkeypatch.setattr(search, "clique", lambda chip, size: count.append(1))
        return count

    def test_spares_the_next_process_the_search(self, searches):
        first, alone = side_by_side(SMALL, 12, 100), best_clique(SMALL, 12)
        packing._kept.cache_clear()  # as in another process
        assert side_by_side(SMALL, 12, 100) == first
        assert side_by_side(SMALL, 12, 1) == [alone]
        assert side_by_side(SMALL, 12, 2) == first[:2]
        assert len(searches) == 1

    def test_is_of_one_working_graph(self, searches):
        side_by_side(SMALL, 12, 100)
        other = made_chip("pegasus", shape=(5,), qubit_yield=0.97, seed=3)
        assert_valid(other, side_by_side(other, 12, 100), 12)
        assert len(searches) == 2

    @pytest.mark.parametrize("content", ["{", "[[[1], [2], [3]]]", "null"])
    def test_is_not_believed_where_it_is_corrupt(self, caches, content):
        first = side_by_side(SMALL, 12, 100)
        [file] = caches.glob("*-shared.json")
        file.write_text(content)
        packing._kept.cache_clear()
        assert side_by_side(SMALL, 12, 100) == first
        assert len(json.loads(file.read_text())) == len(first)

    def test_is_not_believed_where_it_uses_a_qubit_twice_or_lacks_a_coupler(self, caches):
        side_by_side(SMALL, 12, 100)
        [file] = caches.glob("*-shared.json")
        good = json.loads(file.read_text())
        for bad in ([good[0], good[0]], [[[qubit[0]] for qubit in good[0]]]):
            file.write_text(json.dumps(bad))
            packing._kept.cache_clear()
            assert_valid(SMALL, side_by_side(SMALL, 12, 100), 12)

    def test_that_cannot_be_written_is_no_error(self, monkeypatch, tmp_path):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("HQML_CACHE_DIR", str(tmp_path / "file"))
        assert_valid(SMALL, side_by_side(SMALL, 12, 100), 12)


class TestSparse:
    def test_a_ring_larger_than_any_clique(self):
        n = 60
        pairs = tuple((i, (i + 1) % n) for i in range(n))
        found = sparse_embedding(SMALL, pairs, n, 60.0)
        couplers = networkx.Graph(map(tuple, SMALL.properties["couplers"]))
        for a, b in pairs:
            assert any(couplers.has_edge(p, q) for p in found[a] for q in found[b])
        assert sum(map(len, found)) == len({qubit for chain in found for qubit in chain})

    def test_variables_without_couplings_are_a_qubit_each(self):
        found = sparse_embedding(SMALL, ((1, 3),), 6, 10.0)
        assert len(found) == 6
        assert [len(found[variable]) for variable in (0, 2, 4, 5)] == [1] * 4
        assert len({qubit for chain in found for qubit in chain}) == sum(map(len, found))

    def test_no_couplings_at_all(self):
        found = sparse_embedding(SMALL, (), 4, 10.0)
        assert [len(chain) for chain in found] == [1] * 4

    def test_more_variables_than_qubits(self):
        assert sparse_embedding(SMALL, (), 10_000, 10.0) is None

    def test_more_couplings_than_the_chip_has_are_not_looked_for(self):
        pairs = tuple((i, j) for i in range(200) for j in range(i))
        started = perf_counter()
        assert sparse_embedding(SMALL, pairs, 200, 60.0) is None
        assert perf_counter() - started < 2

    def test_a_search_ends_in_time(self):
        pairs = tuple((i, j) for i in range(60) for j in range(i))
        started = perf_counter()
        assert sparse_embedding(SMALL, pairs, 60, 1.0) is None
        assert perf_counter() - started < 20


def test_what_is_no_embedding_is_told():
    good = best_clique(SMALL, 6)
    assert is_valid(SMALL, [good])
    assert not is_valid(SMALL, [good, good])
    assert not is_valid(SMALL, [tuple(chain[:1] for chain in best_clique(SMALL, 20))])
    assert not is_valid(SMALL, [((10**6,),)])
