"""The repository as a site: pages that lie outside of docs/, and trees of pages that no page has to spell out.

A page links to `../examples/svc.py` or `../benchmarks/results/gpu.md`, which works wherever the repository is shown. So
that it works on the site too, these files become pages of their own, programs and specifications as listings.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.project import Project

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = {".py": "python", ".toml": "toml", ".yaml": "yaml"}


class Repository(Project):
    """The pages of the source directory, and those of the repository that `outside_pages` names."""

    def __init__(self, inner: Project, patterns: Iterable[str], stand_ins: dict[str, str]) -> None:
        super().__init__(inner.srcdir, inner.source_suffix)
        self.restore(inner)
        self.patterns = [*patterns]
        self.by_path = {ROOT / path: docname for path, docname in stand_ins.items()}

    def discover(self, exclude_paths: Iterable[str] = (), include_paths: Iterable[str] = ("**",)) -> set[str]:
        """All documents, those from outside by their path from the root of the repository, without suffix."""
        docnames = super().discover(exclude_paths, include_paths)
        for path in sorted(path for pattern in self.patterns for path in ROOT.glob(pattern)):
            docname = path.relative_to(ROOT).with_suffix("").as_posix()
            if docname in docnames:
                raise ValueError(f"two files would be the page {docname}: one of them is {path}")
            docnames.add(docname)
            self.by_path[path] = docname
            self._docname_to_path[docname] = Path("..") / path.relative_to(ROOT)
        return docnames

    def path2doc(self, filename: Any) -> str | None:
        """None for a file that is no page; Sphinx takes every file with a page's suffix for one."""
        path = (Path(self.srcdir) / filename).resolve()
        if path in self.by_path:
            return self.by_path[path]
        return super().path2doc(filename) if path.is_relative_to(self.srcdir) else None


def install(app: Sphinx) -> None:
    """Let the repository stand in for the source directory."""
    app.project = app.env.project = Repository(app.project, app.config.outside_pages, app.config.stand_ins)


def complete(app: Sphinx, docname: str, source: list[str]) -> None:
    """Add what a page lacks on the site: a title, the fence of a listing, the tree of the pages below it."""
    path = app.env.doc2path(docname, base=False)
    if path.suffix in LANGUAGES:
        source[0] = f"``````{LANGUAGES[path.suffix]}\n{source[0].rstrip()}\n``````\n"
    if path.parts[0] == ".." and not source[0].startswith("# "):
        title = path.stem if path.suffix == ".md" else path.relative_to("..").as_posix()
        source[0] = f"# {title}\n\n{source[0]}"
    if below := app.config.pages_below.get(docname):
        source[0] += "\n".join(["", "", "```{toctree}", ":hidden:", ":glob:", "", *below, "```", ""])


def lead_on(app: Sphinx, doctree: nodes.document) -> None:
    """Let links to folders lead to the pages that stand for them, and those of README.md to theirs."""
    project = app.project
    assert isinstance(project, Repository)
    for link in doctree.findall(addnodes.pending_xref):
        if link.get("reftype") != "myst" or link.get("refdomain"):
            continue
        path = Path(app.env.relfn2path(link["reftarget"], app.env.docname)[1])
        if app.env.docname == app.config.root_doc and path not in project.by_path:
            path = ROOT / link["reftarget"]
        if path in project.by_path:
            link["refdomain"], link["reftarget"], link["reftargetid"] = "doc", project.by_path[path], None


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_config_value("outside_pages", [], "env", types=[list])
    app.add_config_value("pages_below", {}, "env", types=[dict])
    app.add_config_value("stand_ins", {}, "env", types=[dict])
    for suffix in LANGUAGES:
        app.add_source_suffix(suffix, "myst-nb")  # a listing in Markdown
    app.connect("builder-inited", install)
    app.connect("source-read", complete)
    app.connect("doctree-read", lead_on)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
