"""Jupyter kernels."""
