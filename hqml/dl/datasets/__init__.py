"""Data with known answers, made or brought by a library; one a file. A module's `DATASET` says what it is."""

from hqml.dl.names import Names

DATASETS = Names(
    "dataset",
    "hqml.dl.datasets",
    "DATASET",
    {
        "digits": "digits",
        "digit-images": "digit_images",
        "landsat": "landsat",
        "tabular": "tabular",
        "phantoms": "phantoms",
        "phantoms-3d": "phantoms_3d",
        "flow-fields": "flow_fields",
        "burgers": "burgers",
        "burgers-points": "burgers_points",
        "heat-points": "heat_points",
        "darcy": "darcy",
        "sunspots": "sunspots",
        "pendulum": "pendulum",
        "ring": "ring",
        "jets": "jets",
        "particle-flow": "particle_flow",
    },
)
"""By the name that specifications use."""
