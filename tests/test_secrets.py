"""A token is used, and seen nowhere: every public entry is run with a marked one, and its results are searched."""

import io
import logging
import os
import pickle
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import numpy as np
import pytest

import hqml
from hqml.errors import HqmlError
from hqml.model_file import load_model, save_model
from hqml.svm import QuboSVC, QuboSVCEnsemble
from hqml_ocean import HybridBackend, QpuBackend
from hqml_ocean.cloud import client

pytest.importorskip("starlette", reason="the quantum node needs 'hqml[node]'")

from hqml_ocean.node.testing import node_process, running_node

MARK = "MARKED-TOKEN-7f3a"
"""What is looked for everywhere."""

X, y = np.random.default_rng(0).normal(size=(16, 3)), np.tile([0, 1], 8)


@pytest.fixture(autouse=True)
def _environment(tmp_path, monkeypatch):
    monkeypatch.setenv("HQML_CACHE_DIR", str(tmp_path / "caches"))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    yield
    client.close_all()


@pytest.fixture
def node(monkeypatch):
    with running_node(shape=(4,), tokens=[MARK]) as node:
        for name, value in node.environment.items():
            monkeypatch.setenv(name, value)
        yield node


@pytest.fixture
def log():
    """All that is logged at any level, by anyone."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    names = ["dwave", "dwave.cloud", "urllib3", "requests", "hqml", "uvicorn"]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(1)
    logging.getLogger().addHandler(handler)
    yield text
    logging.getLogger().removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def texts_of(*things):
    """Every way in which an object may be seen or stored."""
    for thing in things:
        yield repr(thing)
        yield str(thing)
        yield pickle.dumps(thing).decode("latin-1")
        yield repr(getattr(thing, "__dict__", ""))
        yield repr(getattr(thing, "info", ""))


def assert_clean(*texts):
    for text in texts:
        place = text.find(MARK)
        assert place < 0, f"...{text[max(place - 200, 0) : place]}[HERE]"


def assert_files_clean(folder: Path):
    for file in folder.rglob("*"):
        if file.is_file() and file.name != "tokens":
            assert MARK.encode() not in file.read_bytes(), file


def models(reads=20):
    options = {"reads": reads, "max_qpu_seconds": 5.0, "random_state": 0, "n_bits": 1}
    svc = QuboSVC(backend="qpu", backend_options={"patience": 20.0}, **options)
    return svc, QuboSVCEnsemble(svc, slice_size=8)


def test_nothing_that_a_program_gets_has_it(node, log, tmp_path):
    backends = [QpuBackend(), HybridBackend(), QpuBackend(endpoint=node.endpoint)]
    samples = [hqml.sample(np.eye(4), backend, reads=5, max_qpu_seconds=5) for backend in backends]
    fitted = [model.fit(X, y) for model in models()]
    for number, model in enumerate(fitted):
        save_model(tmp_path / f"{number}.skops", model, features=["a", "b", "c"], label="y")
        pickle.loads(pickle.dumps(model)).predict(X)
        load_model(tmp_path / f"{number}.skops")
    infos = hqml.available_backends()
    assert [info.available for info in infos if info.name in ("qpu", "hybrid")] == [True, True]
    assert_clean(*texts_of(*backends, *samples, *fitted, *infos), log.getvalue())
    assert "Client init called with" in log.getvalue()  # which has the token in it
    assert len(log.getvalue()) > 10_000  # the client has told a lot at these levels
    assert_files_clean(tmp_path)


FAULTS = [
    ("solvers", {"status": 401}),
    ("solvers", {"status": 500}),
    ("submit", {"status": 500}),
    ("submit", {"drop": "before"}),
    ("submit", {"status": 400, "message": f"token {MARK} is bad"}),
    ("answer", {"body": "{", "times": None}),
    ("answer", {"answer": "base64", "times": None}),
]


@pytest.mark.parametrize(("route", "fault"), FAULTS, ids=[f"{route} {next(iter(what))}" for route, what in FAULTS])
def test_no_error_has_it(node, log, tmp_path, monkeypatch, route, fault):
    monkeypatch.setattr("hqml_ocean.cloud.jobs.AGAIN_SECONDS", 0.1)
    client.close_all()
    node.faults.inject(route, **{"times": 3, **fault})
    with pytest.raises(HqmlError) as caught:
        hqml.sample(np.eye(4), "qpu", reads=5, max_qpu_seconds=5, patience=5.0)
    told = "".join(traceback.format_exception(caught.value))
    chain = [caught.value.__cause__, caught.value.__context__]
    assert chain == [None, None]
    assert_clean(*texts_of(caught.value), told, log.getvalue())
    assert_files_clean(tmp_path)


def test_a_token_given_where_none_belongs_is_not_repeated(node):
    for attempt in (
        lambda: hqml.sample(np.eye(2), "qpu", token=MARK),
        lambda: hqml.load_backend("qpu", token=MARK),
        lambda: QuboSVC(backend="qpu", backend_options={"token": MARK}).fit(X, y),
    ):
        with pytest.raises(HqmlError, match="token") as caught:
            attempt()
        assert_clean(str(caught.value))


def hqml_command(*arguments, folder, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "hqml.cli", *arguments],
        env={**os.environ, **environment},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def command_lines():
    """Of every process on this machine."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            yield (process / "cmdline").read_text(errors="replace")
        except OSError:
            continue


def test_no_command_shows_it(tmp_path):
    np.savetxt(tmp_path / "table.csv", np.column_stack([X, y]), delimiter=",", header="a,b,c,y", comments="")
    np.save(tmp_path / "model.npy", np.eye(4))
    granted = ("--backend", "qpu", "--max-qpu-seconds", "5", "--reads", "10", "--json")
    fit = ("fit", "table.csv", "--label", "y", "--n-bits", "1", "--out", "model.skops", *granted)
    seen: set[str] = set()
    done = threading.Event()
    with node_process("--shape", "4", "--port", "0", token=MARK, folder=tmp_path) as node:

        def watch():
            while not done.wait(0.05):
                seen.update(command_lines())

        watching = threading.Thread(target=watch)
        watching.start()
        commands = [
            ("backends", "--json"),
            ("solve", "model.npy", *granted),
            fit,
            ("predict", "model.skops", "table.csv", "--label", "y", "--json"),
            ("node", "status", "--json"),
            ("--debug", "solve", "model.npy", "--backend", "qpu", "--max-qpu-seconds", "1e-9"),
            ("--debug", "solve", "model.npy", *granted, "--option", "endpoint=http://127.0.0.1:9/"),
        ]
        running = [(hqml_command(*command, folder=tmp_path, **node.environment), command) for command in commands[:3]]
        results = [(process.communicate(), process.returncode, command) for process, command in running]
        running = [(hqml_command(*command, folder=tmp_path, **node.environment), command) for command in commands[3:]]
        results += [(process.communicate(), process.returncode, command) for process, command in running]
        done.set()
        watching.join()
    for (out, err), status, command in results:
        assert_clean(out, err)
        fails = "--debug" in command  # too small a grant, and nobody at the address
        assert status in ((1, 2) if fails else (0,)), (command, err)
    assert any("hqml.cli\0node\0serve" in line for line in seen)
    assert_clean(*seen)
    assert_files_clean(tmp_path)
