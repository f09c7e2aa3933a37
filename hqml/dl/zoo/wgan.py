"""Wasserstein GAN: the generator of `gan` against a critic that is Lipschitz, in the loss "wasserstein"."""

from __future__ import annotations

from dataclasses import replace

from hqml.dl.zoo import gan

ARCHITECTURE = replace(
    gan.ARCHITECTURE,
    name="wgan",
    title="Wasserstein generative adversarial network",
    source="Arjovsky, Chintala, Bottou, arXiv:1701.07875, algorithm 1",
    loss="wasserstein",
    optimizer="rmsprop",
    rate=5e-5,
)
