"""How long `import hqml` and the first things a user does take, each in a fresh interpreter."""

from __future__ import annotations

import re
import subprocess
import sys

from common import Table, wall_seconds

STATEMENTS = {
    "nothing": "pass",
    "import hqml": "import hqml",
    "import hqml; hqml.sample": "import hqml; hqml.sample",
    "import hqml.svm": "import hqml.svm",
}


def measure() -> Table:
    rows = [
        [name, wall_seconds(lambda code=code: subprocess.run([sys.executable, "-c", code], check=True), repeats=7)]
        for name, code in STATEMENTS.items()
    ]
    traced = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import hqml"], check=True, capture_output=True, text=True
    )
    cumulative = re.search(r"(\d+) \|\s+hqml$", traced.stderr, re.MULTILINE)
    assert cumulative is not None
    rows.append(["import hqml, by python -X importtime", int(cumulative[1]) / 1e6])
    return Table(
        "import_time", "Import time", ["what", "seconds"], rows, "Seconds on the clock, medians of 7 processes."
    )


if __name__ == "__main__":
    print(measure().markdown())
