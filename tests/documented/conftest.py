"""Tests that hold the pages to what they say: commands, blocks of Python, links."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(
    0, str(Path(__file__).resolve().parent)
)  # pytest's import mode makes nothing beside this file importable
