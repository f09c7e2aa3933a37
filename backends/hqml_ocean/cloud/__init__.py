"""The road to a D-Wave service by its own client: how it fails, and what is kept of what was paid for."""
