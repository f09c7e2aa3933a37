"""Job scripts, as pure text."""
