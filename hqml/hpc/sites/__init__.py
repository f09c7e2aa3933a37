"""Site files: read, checked, and those that come with hqml."""
