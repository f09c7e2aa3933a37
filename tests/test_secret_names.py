"""Names that say that what they name gives access to something."""

from __future__ import annotations

import os

import pytest

from hqml.secrets import HIDDEN, is_secret_argument, is_secret_file, is_secret_name, scrubbed, without_secrets


@pytest.mark.parametrize(
    "name",
    [
        "DWAVE_API_TOKEN",
        "HF_TOKEN_2",
        "SSHPASS",
        "MYSQL_PWD",
        "db_pwd",
        "GITHUB_PAT",
        "PASSWD",
        "API-KEY",
        "AWS_SECRET",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)
    assert without_secrets({name: "x"}) == {}
    assert scrubbed(f"run {name}=abc on") == f"run {name}={HIDDEN} on"


@pytest.mark.parametrize(
    "name",
    ["PWD", "OLDPWD", "PATH", "LD_LIBRARY_PATH", "MY_PATH", "TOKENIZERS_PARALLELISM", "OMP_NUM_THREADS", "PATTERN"],
)
def test_names_of_what_is_none(name: str) -> None:
    assert not is_secret_name(name)
    assert without_secrets({name: "x"}) == {name: "x"}
    assert scrubbed(f"run {name}=abc on") == f"run {name}=abc on"


def test_tokens_that_are_counted_open_nothing() -> None:
    assert not any(map(is_secret_name, ("max_tokens", "MAX_NEW_TOKENS", "num_tokens")))
    assert is_secret_name("tokens")


def test_an_argument_is_a_secret_only_where_it_is_one_itself() -> None:
    assert all(map(is_secret_argument, ("token", "dwave_token", "password", "api_key", "db_pwd", "credentials")))
    assert not any(map(is_secret_argument, ("token_file", "token_type", "max_tokens", "passwords_seen", "cwd")))


def test_of_private_files_less_tells_that_they_are_secret() -> None:
    assert is_secret_file("added_tokens.json", private=True)
    assert not is_secret_file("added_tokens.json")
    assert not is_secret_file("tokenizer.json", private=True)


def test_a_password_of_the_environment_is_found_in_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYSQL_PWD", "s3cr3t-word")
    assert scrubbed("refused s3cr3t-word") == f"refused {HIDDEN}"
    assert scrubbed(f"in {os.getcwd()}") == f"in {os.getcwd()}"
