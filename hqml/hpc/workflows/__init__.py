"""Workflow files: read, and checked against a site."""
