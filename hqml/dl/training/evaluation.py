"""Figures of data that training does not see, over all ranks."""

from __future__ import annotations

import torch

from hqml.dl.data.loader import Loader
from hqml.dl.group import Group
from hqml.dl.objective import Objective
from hqml.dl.source import Source
from hqml.dl.training.precision import Precision


def evaluate(objective: Objective, source: Source, batch: int, group: Group, precision: Precision) -> dict[str, float]:
    """Means over all samples, each counted once; {} where there are none.

    Args:
        objective: its model is left in training mode.
        source: the same on each rank.
        batch: samples that all ranks together look at a time.
        group: the ranks, all of which call this.
        precision: of the batches.
    """
    if not len(source):
        return {}
    alone = len(source) < group.size or batch < group.size  # too few to share: each rank looks at them all
    rank, size = (0, 1) if alone else (group.rank, group.size)
    names: list[str] = []
    sums, count = torch.zeros((), dtype=torch.float64, device=group.device), 0
    objective.eval()
    for arrays in Loader(source, batch, rank=rank, size=size, shuffle=False).epoch(0):
        tensors = precision.tensors(arrays)
        figures = objective.measure(tensors)
        names, samples = list(figures), len(tensors["x"])
        means = [value.square() if name in objective.roots else value for name, value in figures.items()]
        sums = sums + torch.stack([mean.detach().to(group.device, torch.float64) for mean in means]) * samples
        count += samples
    objective.train()
    together = torch.cat([sums, torch.tensor([count], dtype=torch.float64, device=group.device)])
    *totals, total = (together if alone else group.sum(together)).tolist()
    over_all = dict(zip(names, (one / total for one in totals), strict=True))
    return {name: mean**0.5 if name in objective.roots else mean for name, mean in over_all.items()}


@torch.no_grad()
def share_buffers(objective: Objective, group: Group) -> None:
    """Give all ranks the buffers of rank 0, as statistics of batch normalisation, which they keep apart in a step."""
    if group.size > 1:
        for buffer in objective.buffers():
            buffer.copy_(group.sum(buffer if group.rank == 0 else torch.zeros_like(buffer)))
