"""Accelerators through PyTorch: simulated bifurcation, annealing and a heat bath on cuda, rocm, mps or cpu."""

from hqml_torch.backend import TorchBackend as TorchBackend

__all__ = ["TorchBackend"]
