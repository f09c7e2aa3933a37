"""Apptainer images."""
