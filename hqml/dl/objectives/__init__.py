"""What can be minimised, one kind a file. A module's `make` gives an Objective for a loss of a task."""

from hqml.dl.names import Names

OBJECTIVES = Names(
    "loss",
    "hqml.dl.objectives",
    "make",
    {
        **dict.fromkeys(("supervised", "cross-entropy", "mse", "mae", "huber", "relative-l2"), "supervised"),
        **dict.fromkeys(("bce", "dice"), "segmentation"),
        "reconstruction": "reconstruction",
        "physics": "physics",
        "gan": "adversarial",
        "wasserstein": "adversarial",
        "particle-flow": "particle_flow",
    },
)
"""By the name that specifications use: `make(loss: LossSpec, model, signature) -> Objective`."""

SCALED_AS: dict[str, str | None] = {"reconstruction": "x", "bce": None, "dice": None}
"""The field whose scale a model's outputs have under a loss, where it is not that of "y"; None: they are logits, and
the targets stay as they are."""
