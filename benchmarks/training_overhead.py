"""What hqml's training costs beside the loop that one writes by hand for the same model and data.

    python benchmarks/training_overhead.py [--repeats 15] [--json]

Both train the same network on the same samples for the same epochs, look at the validation data after each, and keep
the best weights. CPU seconds of the process, one thread, by turns; the median of the ratios is told. "With checkpoints"
writes the state as training does by default; much of it is the file system's work.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from hqml.dl.building import begin
from hqml.dl.data import signature_of
from hqml.dl.defaults import completed
from hqml.dl.source import ArraySource, Splits
from hqml.dl.spec import Task
from hqml.dl.training import fit

CASES: dict[str, dict[str, Any]] = {
    "mlp 128-128, 64 features": {"model": {"family": "mlp"}, "x": (64,), "epochs": 6},
    "mlp 512-512-512, 256 features": {
        "model": {"family": "mlp", "hidden": [512, 512, 512]},
        "x": (256,),
        "epochs": 2,
    },
    "resnet 18, 3 x 16 x 16": {"model": {"family": "resnet"}, "x": (3, 16, 16), "epochs": 1, "samples": 192},
}


def data(shape: tuple[int, ...], samples: int) -> Splits:
    """Ten classes, each a pattern in noise."""
    rng = np.random.default_rng(0)
    patterns = rng.normal(size=(10, *shape))
    y = rng.integers(0, 10, samples + samples // 8)
    x = (patterns[y] + rng.normal(size=(len(y), *shape))).astype(np.float32)
    parts = slice(0, samples), slice(samples, None), slice(0, 0)
    return Splits(*(ArraySource({"x": x[part], "y": y[part]}, tuple("0123456789")) for part in parts))


def by_hand(task: Task, splits: Splits) -> Callable[[], None]:
    """A plain loop of torch over tensors."""
    objective = begin(completed(task), signature_of(splits))
    model: nn.Module = objective.model
    train, watch = (
        {name: torch.from_numpy(array) for name, array in part.arrays.items()}  # type: ignore[attr-defined]
        for part in (splits.train, splits.validation)
    )
    batch = task.data.batch
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def run() -> None:
        least, kept = float("inf"), {}
        for _ in range(task.epochs):
            model.train()
            order = torch.randperm(len(train["x"]))
            total = 0.0
            for start in range(0, len(order), batch):
                rows = order[start : start + batch]
                optimizer.zero_grad()
                loss = F.cross_entropy(model(train["x"][rows]), train["y"][rows])
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                total += loss.item() * len(rows)
            model.eval()
            loss_sum = hits = 0.0
            with torch.no_grad():
                for start in range(0, len(watch["x"]), batch):
                    logits, y = model(watch["x"][start : start + batch]), watch["y"][start : start + batch]
                    loss_sum += F.cross_entropy(logits, y).item() * len(y)
                    hits += (logits.argmax(1) == y).sum().item()
            if loss_sum < least:
                least, kept = loss_sum, {name: value.clone() for name, value in model.state_dict().items()}
        model.load_state_dict(kept)

    return run


def seconds(run: Callable[[], Any]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def measure(name: str, repeats: int) -> dict[str, Any]:
    """CPU seconds of both, in turns."""
    case = CASES[name]
    splits = data(case["x"], case.get("samples", 8192))
    task = Task.model_validate({
        "name": "overhead", "model": case["model"], "data": {"source": "digits", "batch": 64, "scale": False},
        "epochs": case["epochs"], "optimizer": {"name": "adam", "rate": 1e-3},
    })  # fmt: skip
    signature = signature_of(splits)
    plain: list[float] = []
    ours: list[float] = []
    kept: list[float] = []
    for turn in range(repeats + 1):
        with tempfile.TemporaryDirectory() as folder:
            runs: list[tuple[list[float], Callable[[], Any]]] = [
                (plain, lambda: by_hand(task, splits)()),
                (ours, lambda: fit(task, splits, signature)),
                (kept, partial(fit, task, splits, signature, folder=folder)),
            ]
            for into, run in runs if turn % 2 else reversed(runs):
                into.append(seconds(run))
    plain, ours, kept = plain[1:], ours[1:], kept[1:]  # the first warms up
    ratio = [b / a for a, b in zip(plain, ours, strict=True)]
    with_state = [b / a for a, b in zip(plain, kept, strict=True)]
    return {
        "model": name,
        "by_hand_s": round(statistics.median(plain), 3),
        "hqml_s": round(statistics.median(ours), 3),
        "overhead": round(statistics.median(ratio) - 1, 4),
        "overhead_with_checkpoints": round(statistics.median(with_state) - 1, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [measure(name, options.repeats) for name in CASES]
    if options.json:
        print(json.dumps(rows))
        return
    print("model                          | by hand s | hqml s | overhead | with checkpoints")
    for row in rows:
        print(
            f"{row['model']:30} | {row['by_hand_s']:9.3f} | {row['hqml_s']:6.3f} | {row['overhead']:8.1%} | "
            f"{row['overhead_with_checkpoints']:.1%}"
        )


if __name__ == "__main__":
    main()
