"""For those who write backends: the tests that every backend has to pass, and stand-ins. Needs pytest."""

import pytest

pytest.register_assert_rewrite("hqml.testing.conformance")  # so that a failing assert shows its values

from hqml.testing.conformance import BackendConformance as BackendConformance  # noqa: E402 - after the line above
from hqml.testing.stand_ins import Call as Call  # noqa: E402
from hqml.testing.stand_ins import MeteredBackend as MeteredBackend  # noqa: E402
from hqml.testing.stand_ins import RecordingBackend as RecordingBackend  # noqa: E402

__all__ = ["BackendConformance", "Call", "MeteredBackend", "RecordingBackend"]
