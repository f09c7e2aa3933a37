"""Runs: submitted, watched, cancelled, gone on with, by Slurm or on this machine."""
