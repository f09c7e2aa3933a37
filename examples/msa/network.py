"""Train a small network on the booster: `torchrun network.py`, a process a GPU; on processors where there is none.

Some time before the end of the job's time it gets a signal: it keeps its state and stops, the job is queued again, and
goes on there.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from hqml.hpc.checkpoint import Checkpoint
from hqml.tables import read_table

EPOCHS, BATCH = 60, 64


def main() -> None:
    """Train on all processes, and let the first write what came of it."""
    gpu = torch.cuda.is_available()
    dist.init_process_group("nccl" if gpu else "gloo")
    rank, size = dist.get_rank(), dist.get_world_size()
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if gpu else torch.device("cpu")
    torch.manual_seed(0)
    X, y, X_test, y_test = pixels(device)
    network = DistributedDataParallel(perceptron(X.shape[1]).to(device))
    train(network, X[rank::size], y[rank::size])
    if rank == 0:
        found = {"auroc": score(network, X_test, y_test), "processes": size, "device": device.type}
        Path("data/network.json").write_text(json.dumps(found))
        print(found, flush=True)
    dist.destroy_process_group()


def pixels(device: torch.device) -> tuple[Any, ...]:
    """Standardised training rows (samples, features), which of them are of the second class, and so the test rows."""
    train, test = (read_table(f"data/{name}.csv", label="soil") for name in ("train", "test"))
    mean, spread = train.X.mean(0), train.X.std(0) + 1e-9
    second = np.unique(train.labels())[1]
    parts = [part for one in (train, test) for part in ((one.X - mean) / spread, one.labels() == second)]
    return tuple(torch.as_tensor(np.asarray(part, dtype=np.float32), device=device) for part in parts)


def perceptron(features: int) -> nn.Module:
    first = nn.Linear(features, 64), nn.ReLU(), nn.Dropout(0.2)
    return nn.Sequential(*first, nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))


def train(network: nn.Module, X: Any, y: Any) -> None:
    """Train on the rows of this process, from the epoch on that was kept."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-2)
    with Checkpoint() as checkpoint:
        kept = checkpoint.folder / "network.pt"
        for epoch in range(restored(kept, network, optimiser), EPOCHS):
            for rows in torch.randperm(len(X), device=X.device).split(BATCH):
                optimiser.zero_grad()
                nn.functional.binary_cross_entropy_with_logits(network(X[rows])[:, 0], y[rows]).backward()
                optimiser.step()
            asked = torch.tensor(checkpoint.asked, dtype=torch.int, device=X.device)
            dist.all_reduce(asked)  # all stop, or none: the signal does not come to all at once
            if asked:
                if dist.get_rank() == 0:
                    state = {"network": network.state_dict(), "optimiser": optimiser.state_dict(), "epochs": epoch + 1}
                    torch.save(state, kept)
                checkpoint.stop()


def restored(kept: Path, network: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    """Take up the state that was kept; returns how many epochs are done."""
    if not kept.exists():
        return 0
    state = torch.load(kept, weights_only=True)
    network.load_state_dict(state["network"])
    optimiser.load_state_dict(state["optimiser"])
    print(f"goes on after epoch {state['epochs']}", flush=True)
    return int(state["epochs"])


@torch.no_grad()
def score(network: nn.Module, X: Any, y: Any) -> float:
    """Area under the ROC curve."""
    network.eval()
    return float(roc_auc_score(y.cpu(), network(X)[:, 0].cpu()))


if __name__ == "__main__":
    main()
