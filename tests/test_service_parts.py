"""Parts of the road to a service that need no service: what is kept of a call, and what is kept out of a log."""

import logging
import os
from contextlib import ExitStack

import numpy as np
import pytest

from hqml.errors import AccessDenied, FormatError, ParameterError
from hqml.qubo import DenseQubo
from hqml.secrets import HIDDEN
from hqml_ocean.cloud import kept
from hqml_ocean.cloud.access import Access, is_loopback
from hqml_ocean.cloud.kept import Answer
from hqml_ocean.cloud.secrets import guard, hide


@pytest.fixture(autouse=True)
def _caches(tmp_path, monkeypatch):
    monkeypatch.setenv("HQML_CACHE_DIR", str(tmp_path / "caches"))


def answer(value=1):
    return Answer(np.full((3, 4), value, dtype=np.int8), {"qpu_access_time": 15000.0}, "job-1", 0.5)


@pytest.fixture
def opened():
    """`kept.opened`; what it gives is closed at the end."""
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(kept.opened(*arguments))


class TestWhatIsKeptOfACall:
    def test_a_call_that_failed_leaves_its_answers_and_its_seed_to_the_next(self, opened):
        first = opened("a" * 64, 7)
        first.keep(2, answer())
        sent = first.begin(1)
        first.accepted(1, sent, "job-9")
        first.close()
        again = opened("a" * 64, 8)
        assert again.seed == 7
        assert np.array_equal(again.answer(2).states, answer().states)
        assert again.answer(2).timing == answer().timing
        assert again.answer(0) is None
        assert (again.sent(1).label, again.sent(1).job) == (sent.label, "job-9")
        assert kept.answered_before("a" * 64, 4) == {1, 2}

    def test_a_call_of_which_nothing_was_sent_leaves_nothing(self, opened):
        call = opened("9" * 64, 0)
        call.close()
        assert not call.folder.exists()

    def test_a_call_that_ended_well_leaves_nothing(self, opened):
        call = opened("b" * 64, 0)
        call.keep(0, answer())
        call.done()
        assert kept.answered_before("b" * 64, 1) == set()
        assert opened("b" * 64, 5).seed == 5

    def test_another_call_knows_nothing_of_it(self, opened):
        opened("c" * 64, 0).keep(0, answer())
        assert opened("d" * 64, 0).answer(0) is None

    def test_an_answer_cut_short_by_a_crash_is_none(self, opened):
        call = opened("e" * 64, 0)
        call.keep(0, answer())
        [file] = call.folder.glob("*.npz")
        file.write_bytes(file.read_bytes()[:-20])
        assert call.answer(0) is None

    def test_two_equal_calls_at_the_same_moment_do_not_share_a_folder(self, opened):
        one, other = opened("f" * 64, 0), opened("f" * 64, 1)
        assert one.folder != other.folder
        assert other.seed == 1
        other.close()
        assert not other.folder.exists()

    def test_others_may_not_look_into_it(self, opened):
        assert opened("0" * 64, 0).folder.stat().st_mode & 0o077 == 0

    def test_what_is_older_than_a_month_goes(self, opened):
        old = opened("1" * 64, 0)
        old.begin(0)
        old.close()
        os.utime(old.folder, (0, 0))
        opened("2" * 64, 0)
        assert not old.folder.exists()

    @pytest.mark.parametrize("spoiled", [b"", b"PK\x03\x04" + bytes(300)])
    def test_an_answer_that_is_spoiled_is_none(self, opened, spoiled):
        call = opened("8" * 64, 0)
        call.keep(0, answer())
        [file] = call.folder.glob("*.npz")
        file.write_bytes(spoiled)
        assert call.answer(0) is None

    def test_folders_that_are_not_ours_are_left_alone(self, opened, tmp_path):
        thesis = tmp_path / "results" / "thesis"
        thesis.mkdir(parents=True)
        os.utime(thesis, (0, 0))
        opened("7" * 64, 0, tmp_path / "results")
        assert thesis.is_dir()

    def test_a_file_system_without_locks_keeps_all_the_same(self, opened, monkeypatch):
        def unsupported(*_):
            raise OSError(38, "Function not implemented")

        monkeypatch.setattr(kept.fcntl, "flock", unsupported)
        call = opened("6" * 64, 0)
        assert not call.temporary

    def test_a_folder_that_was_named_and_cannot_be_used_is_told(self, opened, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(FormatError, match=r"cannot keep answers in .*file"):
            opened("3" * 64, 0, tmp_path / "file")

    def test_where_the_caches_cannot_be_written_the_call_goes_on(self, opened, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("HQML_CACHE_DIR", str(tmp_path / "file"))
        call = opened("4" * 64, 3)
        call.keep(0, answer())
        assert call.answer(0) is not None
        call.close()
        assert not call.folder.exists()

    def test_a_call_is_told_apart_by_its_numbers_and_terms(self):
        model = DenseQubo(np.eye(3))
        same = DenseQubo(np.eye(3), labels=["a", "b", "c"])
        assert kept.digest([model], 100) == kept.digest([same], 100)
        others = [[DenseQubo(np.eye(3) * 2)], [DenseQubo(np.eye(3), offset=1.0)], [model, model], []]
        digests = [kept.digest([model], 100), kept.digest([model], 101), *(kept.digest(one, 100) for one in others)]
        assert len(set(digests)) == len(digests)


class TestATokenInALog:
    @pytest.fixture
    def log(self):
        log = logging.getLogger("dwave.cloud.marked")
        hide("MARKED-TOKEN")
        guard()
        return log

    @pytest.mark.parametrize(
        ("message", "arguments"),
        [
            ("headers=%r", ({"X-Auth-Token": "MARKED-TOKEN"},)),
            ("got MARKED-TOKEN", ()),
            ("configuration %r", ({"token": "ANOTHER, NOT YET KNOWN"},)),
            ("Config(token='ANOTHER, NOT YET KNOWN', region=None)", ()),
        ],
    )
    def test_is_hidden(self, log, caplog, message, arguments):
        with caplog.at_level(logging.DEBUG):
            log.debug(message, *arguments)
        assert "MARKED-TOKEN" not in caplog.text
        assert "ANOTHER" not in caplog.text
        assert HIDDEN in caplog.text

    def test_is_hidden_in_a_traceback(self, log, caplog):
        with caplog.at_level(logging.DEBUG):
            try:
                raise ValueError("the token MARKED-TOKEN is wrong")
            except ValueError:
                log.exception("failed")
        assert "MARKED-TOKEN" not in caplog.text
        assert "ValueError" in caplog.text

    def test_other_records_stay_as_they_are(self, log, caplog):
        with caplog.at_level(logging.DEBUG):
            log.debug("%d solvers", 3)
        assert caplog.records[-1].args == (3,)


class TestAccess:
    @pytest.fixture(autouse=True)
    def _no_configuration(self, monkeypatch, tmp_path):
        for name in [name for name in os.environ if name.startswith("DWAVE_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def test_without_a_token_says_where_to_put_one(self):
        with pytest.raises(AccessDenied, match="set DWAVE_API_TOKEN"):
            Access().configuration()

    def test_a_profile_that_does_not_exist_is_told(self):
        with pytest.raises(ParameterError, match=r"configuration cannot be used: .*mine"):
            Access(profile="mine").configuration()

    @pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:8400/sapi/v2/"])
    def test_an_endpoint_that_is_no_address_is_told(self, monkeypatch, address):
        monkeypatch.setenv("DWAVE_API_TOKEN", "a-token")
        with pytest.raises(ParameterError, match="must begin with http:// or https://"):
            Access(endpoint=address).configuration()

    @pytest.mark.parametrize("wrong", [3, "", "  "])
    def test_names_are_text(self, wrong):
        with pytest.raises(ParameterError, match="solver must be text or none"):
            Access(solver=wrong)

    def test_a_token_that_was_given_by_mistake_is_not_repeated(self):
        with pytest.raises(ParameterError) as caught:
            Access(endpoint=["MARKED-TOKEN"])
        assert "MARKED-TOKEN" not in str(caught.value)

    @pytest.mark.parametrize(
        ("address", "here"),
        [
            ("http://127.0.0.1:8000/sapi/v2/", True),
            ("http://localhost:8000/", True),
            ("http://[::1]:8000/", True),
            ("https://cloud.dwavesys.com/sapi/", False),
            ("nonsense", False),
        ],
    )
    def test_this_machine_is_told_from_others(self, address, here):
        assert is_loopback(address) is here
