"""A draft of a site file from a live system."""
