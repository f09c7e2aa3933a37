"""Links between pages lead to files that are there, and to headings that they have."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from doc_pages import CHANGELOG, Page, pages

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.*)", re.MULTILINE)


def anchors(page: Page) -> set[str]:
    """As GitHub and the site make them of headings: small letters, no punctuation, hyphens for blanks."""
    headings = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in _HEADING.findall(page.without_blocks))
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*pages(), Page(CHANGELOG)], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Page) -> None:
    for link in _LINK.findall(re.sub(r"`[^`]*`", "", page.without_blocks)):
        file, _, anchor = unquote(link).partition("#")
        if ":" in file:
            continue
        target = (page.path.parent / file).resolve() if file else page.path
        assert target.exists(), f"{page.name}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(Page(Path(target))), f"{page.name}: {link}"
