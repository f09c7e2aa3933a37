"""The smallest backend, as the guide for plug-in authors prints it, keeps hqml's contract."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
from doc_pages import ROOT, Page

from hqml.backend import Backend
from hqml.testing import BackendConformance


@pytest.fixture(scope="module")
def printed() -> Any:
    """The module that the first block of the page makes."""
    module = sys.modules["as_printed"] = ModuleType("as_printed")  # importable: what is pickled is looked up
    exec(Page(ROOT / "docs" / "plugins.md").blocks("python")[0], vars(module))
    yield module
    del sys.modules["as_printed"]


class TestConformance(BackendConformance):
    time_slack = 6.0  # other tests share the cores

    @pytest.fixture
    def backend(self, printed: Any) -> Backend:
        backend: Backend = printed.DiceBackend()
        return backend
