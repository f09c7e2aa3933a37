"""Run every example and write docs/gallery.md from what they say of themselves and what they print: `make gallery`."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEAD = """# Gallery

Each example is one file that runs as it stands, with data bundled with scikit-learn; CI runs them all. What they
printed here is below; `make gallery` writes this page anew.
"""


def main() -> None:
    examples = sorted(path for path in (ROOT / "examples").glob("*.py") if path.name != "landsat_demo.py")
    page = [HEAD, *map(_section, examples)]
    (ROOT / "docs" / "gallery.md").write_text("\n".join(page))


def _section(example: Path) -> str:
    """Title, first paragraph and output of an example."""
    title, _, rest = (ast.get_docstring(ast.parse(example.read_text())) or example.stem).partition("\n\n")
    print(f"{example.name}: {title}", flush=True)
    environment = {**os.environ, "COLUMNS": "110", "NO_COLOR": "1"}
    done = subprocess.run([sys.executable, example], capture_output=True, text=True, env=environment, check=True)
    lines = "\n".join(line.rstrip() for line in done.stdout.splitlines())
    return f"## [{example.stem}](../examples/{example.name})\n\n{title}\n\n{rest}\n\n```\n{lines}\n```\n"


if __name__ == "__main__":
    main()
