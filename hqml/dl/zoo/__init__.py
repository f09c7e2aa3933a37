"""Model families, one a file with its paper and its defaults. A module's `ARCHITECTURE` says what it is."""

from hqml.dl.names import Names

ARCHITECTURES = Names(
    "model family",
    "hqml.dl.zoo",
    "ARCHITECTURE",
    {
        "ae": "autoencoder",
        "cae": "convolutional_autoencoder",
        "pinn": "pinn",
        "mlp": "mlp",
        "rbf": "rbf",
        "unet": "unet",
        "resnet": "resnet",
        "fno": "fno",
        "lstm": "lstm",
        "gru": "gru",
        "gan": "gan",
        "wgan": "wgan",
        "mlpf": "mlpf",
        "jedi": "jedi",
        "ar": "ar",
        "arma": "arma",
        "arima": "arima",
        "sequential": "sequential",
    },
)
"""By the name that specifications use."""
