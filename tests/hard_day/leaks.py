"""An hour of fits, samples, trainings and exports in one process: does memory, or anything else, grow?

    python tests/hard_day/leaks.py --minutes 60

Once a minute, after a whole round of the works below, one line goes to leaks.csv: memory of the process, blocks that
Python and malloc have given out, threads, open files, files left in the folders of temporary files and of caches. What
comes after the warm-up is fitted by a line (Theil and Sen's, which a single jump does not bend).
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import gc
import os
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

TASK = """\
name: digits
model: {family: mlp, hidden: [16]}
data: {source: digits, batch: 128}
optimizer: {name: adam, rate: 0.01}
epochs: 1
"""

GROWS = {"rss_mib": 0.02, "heap_mib": 0.02, "blocks": 0.02}
"""Share of its mean by which a thing may grow in an hour; of what is counted in ones, none."""

Work = Callable[[int], None]


def main() -> int:
    arguments = _arguments()
    out = Path(arguments.out).resolve()
    out.mkdir(parents=True, exist_ok=True)
    places = _own_folders(out)
    works = {name: work for name, work in _works(out).items() if name in (arguments.only or _works(out))}
    if arguments.trace:
        tracemalloc.start(12)
    rows = _worked(works, arguments.minutes * 60, arguments.every, out / "leaks.csv", places, arguments.trace)
    return _judged(rows, arguments.warm_up)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long to work")
    parser.add_argument("--every", type=float, default=60.0, help="seconds from one line to the next")
    parser.add_argument("--warm-up", type=float, default=0.25, help="share of the lines that is not fitted")
    parser.add_argument("--only", nargs="+", metavar="WORK", help="names of works, to find the one that grows")
    parser.add_argument("--trace", action="store_true", help="tell at the end which lines of Python hold more")
    parser.add_argument("--out", default="out/hard_day/leaks", help="folder of leaks.csv and of what the works write")
    return parser.parse_args()


def _own_folders(out: Path) -> tuple[Path, ...]:
    """Folders of temporary files and of caches that this process alone uses, so that what is left in them counts."""
    places = (out / "tmp", out / "cache", out / "state")
    for place, names in zip(places, (("TMPDIR",), ("XDG_CACHE_HOME",), ("XDG_STATE_HOME",)), strict=True):
        place.mkdir(exist_ok=True)
        os.environ.update(dict.fromkeys(names, str(place)))
    tempfile.tempdir = None
    return places


def _works(out: Path) -> Mapping[str, Work]:
    return {
        "svc": _svc,
        "ensemble": _ensemble,
        "svr": _svr,
        "selection": _selection,
        "sample": _sample,
        "qpu_offline": _qpu_offline,
        "model_files": lambda seed: _model_files(seed, out),
        "onnx": lambda seed: _onnx(seed, out),
        "train": lambda seed: _train(seed, out),
    }


def _worked(
    works: Mapping[str, Work], seconds: float, every: float, path: Path, places: tuple[Path, ...], trace: bool
) -> list[dict[str, float]]:
    """Round after round of all works, a line now and then."""
    rows: list[dict[str, float]] = []
    began, seen, number, before = time.monotonic(), -every, 0, None
    while time.monotonic() - began < seconds:
        for work in works.values():
            work(number)
        number += 1
        if trace and number == 10:  # after the first rounds, which fill caches
            before = tracemalloc.take_snapshot()
        if time.monotonic() - seen >= every:
            seen = time.monotonic()
            rows.append({"seconds": round(seen - began, 1), "rounds": number, **_held(places)})
            _write(path, rows)
    if before is not None:
        for one in tracemalloc.take_snapshot().compare_to(before, "traceback")[:15]:
            print(f"{one.size_diff / 1024:+.1f} KiB, {one.count_diff:+d} blocks", *one.traceback.format(), sep="\n  ")
    return rows


def _held(places: tuple[Path, ...]) -> dict[str, float]:
    gc.collect()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "rss_mib": int(status["VmRSS"].split()[0]) / 1024,
        "heap_mib": _malloced() / 2**20,
        "blocks": sys.getallocatedblocks(),
        "objects": len(gc.get_objects()),
        "threads": int(status["Threads"]),
        "python_threads": threading.active_count(),
        "open_files": len(os.listdir("/proc/self/fd")),
        **{f"files_in_{place.name}": sum(1 for one in place.rglob("*") if one.is_file()) for place in places},
    }


class _Mallinfo(ctypes.Structure):
    """glibc's struct mallinfo2 (malloc.h)."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def _malloced() -> float:
    """Bytes that malloc has given out, mapped ones included; 0 where it is not glibc's."""
    try:
        ask = ctypes.CDLL(None).mallinfo2
    except (OSError, AttributeError):
        return 0.0
    ask.restype = _Mallinfo
    found = ask()
    return float(found.uordblks + found.hblkhd)


def _write(path: Path, rows: list[dict[str, float]]) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _judged(rows: list[dict[str, float]], warm_up: float) -> int:
    """Slopes with their intervals; 1 where something grows."""
    from scipy.stats import theilslopes

    kept = rows[int(len(rows) * warm_up) :]
    if len(kept) < 3:
        print(f"{len(rows)} lines are too few for a slope; work longer, or give a smaller --every")
        return 1
    hours = np.array([row["seconds"] for row in kept]) / 3600
    grown = []
    print(f"{len(kept)} lines, {kept[-1]['rounds'] - kept[0]['rounds']:.0f} rounds after the warm-up")
    for name in [name for name in kept[0] if name not in ("seconds", "rounds")]:
        values = np.array([row[name] for row in kept])
        slope, _, low, high = theilslopes(values, hours)
        grows = bool(low > GROWS.get(name, 0.0) * values.mean())
        if grows:
            grown.append(name)
        verdict = "GROWS" if grows else "flat"
        print(
            f"{name:>16}: mean {values.mean():.6g}, {slope:+.4g} an hour (95 %: {low:+.4g} to {high:+.4g}): {verdict}"
        )
    return 1 if grown else 0


# What is done in a round, each with another seed


def _points(seed: int, n: int = 120) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6))
    return X, np.where(X[:, 0] * X[:, 1] + 0.3 * rng.normal(size=n) > 0, 1, -1)


def _svc(seed: int) -> None:
    from hqml.svm import QuboSVC

    X, y = _points(seed)
    for backend, options in (("cpu", {}), ("neal", {}), ("gpu", {"device": "cpu"})):
        model = QuboSVC(backend=backend, backend_options=options, reads=20, random_state=seed).fit(X, y)
        model.predict(X)


def _ensemble(seed: int) -> None:
    from hqml.svm import QuboSVC, QuboSVCEnsemble

    X, y = _points(seed)
    model = QuboSVCEnsemble(QuboSVC(reads=20), slice_size=30, random_state=seed).fit(X, y)
    model.predict(X)


def _svr(seed: int) -> None:
    from hqml.svm import QuboSVR

    X, _ = _points(seed, 60)
    QuboSVR(reads=20, random_state=seed).fit(X, X[:, 0]).predict(X)


def _selection(seed: int) -> None:
    from hqml.selection import QuboFeatureSelector

    X, y = _points(seed)
    QuboFeatureSelector(random_state=seed, reads=20).fit(X, y).transform(X)


def _sample(seed: int) -> None:
    """All forms on all local backends."""
    import hqml
    from hqml.problems.svm_dual import svm_dual

    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(12, 12))
    X, y = _points(seed, 8)
    dense = hqml.DenseQubo(matrix + matrix.T)
    forms = (dense, dense.to_sparse(), svm_dual(X @ X.T, y))
    for backend in ("cpu", "exact", "neal", "tabu", "path-integral", "gpu"):
        options = {"gpu": {"device": "cpu"}, "tabu": {"timeout": 0.02}}.get(backend, {})
        for form in forms:
            hqml.sample(form, backend, reads=5, **({"seed": seed} | options))


def _qpu_offline(seed: int) -> None:
    import hqml

    matrix = np.random.default_rng(seed).normal(size=(10, 10))
    hqml.sample(hqml.DenseQubo(matrix + matrix.T), "qpu-offline", reads=10, seed=seed)


def _model_files(seed: int, out: Path) -> None:
    from hqml.model_file import load_model, save_model
    from hqml.svm import QuboSVC

    X, y = _points(seed, 40)
    save_model(out / "leaks.skops", QuboSVC(reads=10, random_state=seed).fit(X, y))
    load_model(out / "leaks.skops").estimator.predict(X)


def _onnx(seed: int, out: Path) -> None:
    import hqml
    from hqml.onnx_model import load_onnx
    from hqml.svm import QuboSVC

    X, y = _points(seed, 40)
    hqml.to_onnx(QuboSVC(reads=10, random_state=seed).fit(X, y), path=out / "leaks.onnx")
    load_onnx(out / "leaks.onnx").predict(X)


def _train(seed: int, out: Path) -> None:
    """A small network, its export, and the trainable model of the file."""
    import hqml.dl

    (out / "leaks.yaml").write_text(TASK)
    trained = hqml.dl.train(hqml.dl.read_task(out / "leaks.yaml", [f"seed={seed}"]), out / "trained", resume=False)
    assert trained.onnx is not None
    hqml.dl.load(trained.onnx)
    from hqml.dl.exchange import Predictor

    Predictor(trained.onnx).predict(np.zeros((4, 64), np.float32))


if __name__ == "__main__":
    sys.exit(main())
