"""What more than one test file needs."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of published benchmark data beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"the benchmark data is missing: {SHARED}")
    return SHARED
