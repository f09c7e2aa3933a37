"""The folder of what hqml keeps between calls."""

from __future__ import annotations

import os
from pathlib import Path


def caches() -> Path:
    """$HQML_CACHE_DIR, else the user's folder of caches."""
    if own := os.environ.get("HQML_CACHE_DIR"):
        return Path(own)
    import platformdirs

    return Path(platformdirs.user_cache_dir("hqml"))
