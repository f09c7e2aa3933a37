"""What can be loaded: needs resolved to modules, the live module system, reports."""
