"""Search over the keys of a specification."""
