"""What can be minimised, one kind a file. A module's `make` gives an Objective for a loss of a task."""

from hqml.dl.names import Names

OBJECTIVES = Names(
    "loss",
    "hqml.dl.objectives",
    "make",
    {
        **dict.fromkeys(
            ("supervised", "cross-entropy", "mse", "mae", "huber", "relative-l2", "bce", "dice"), "supervised"
        ),
        "reconstruction": "reconstruction",
        "physics": "physics",
        "gan": "adversarial",
        "wasserstein": "adversarial",
        "particle-flow": "particle_flow",
    },
)
"""By the name that specifications use: `make(loss: LossSpec, model, signature) -> Objective`."""
