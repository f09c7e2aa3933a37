"""The file of a node's journal: SQLite, its tables, and who may open it."""

from __future__ import annotations

import os
import sqlite3

from hqml.errors import FormatError

MEMORY = ":memory:"
"""The name of a journal that is kept nowhere."""

_VERSION = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT UNIQUE,              -- NULL of one that was passed on, and whose answer has not come
    account TEXT NOT NULL,
    solver TEXT NOT NULL,        -- its name
    identity TEXT NOT NULL,      -- JSON, SAPI's
    type TEXT NOT NULL,
    label TEXT,
    status TEXT NOT NULL,
    submitted_on TEXT NOT NULL,
    solved_on TEXT,
    error TEXT,
    estimate REAL NOT NULL,      -- QPU seconds, reserved until what was used is known
    used REAL,                   -- QPU seconds, NULL as long as they are not known
    body BLOB,                   -- JSON {data, params}, deflated
    answer BLOB                  -- JSON, deflated
);
CREATE INDEX IF NOT EXISTS jobs_by_account ON jobs (account, label);
CREATE INDEX IF NOT EXISTS jobs_by_status ON jobs (status, number);
CREATE TABLE IF NOT EXISTS spent (account TEXT PRIMARY KEY, seconds REAL NOT NULL);  -- by jobs that were purged
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, account TEXT NOT NULL, size INTEGER NOT NULL, created_on TEXT NOT NULL,
    complete INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS parts (
    upload TEXT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE, number INTEGER NOT NULL,
    checksum TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (upload, number)
);
"""


def opened(path: str) -> sqlite3.Connection:
    """Open the file of a journal, made where missing, for this process alone.

    Raises:
        FormatError: it cannot be made or is no journal, or another node holds it.
    """
    database = None
    try:
        if path != MEMORY:  # SQLite would make it readable by all
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        database = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
        _prepare(database, path)
    except OSError as error:
        raise FormatError(f"cannot keep the journal in {path}: {error.strerror}; name a file of yours") from error
    except sqlite3.OperationalError as error:
        raise FormatError(
            f"cannot use the journal {path}: {error}; does another node hold it? give this one a --journal of its own"
        ) from error
    except sqlite3.DatabaseError as error:
        raise FormatError(f"{path} is no journal of a node ({error}); name another file") from error
    else:
        prepared, database = database, None
        return prepared
    finally:
        if database is not None:
            database.close()


def _prepare(database: sqlite3.Connection, path: str) -> None:
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    database.execute("BEGIN IMMEDIATE")
    [(version,)] = database.execute("PRAGMA user_version")
    [(tables,)] = database.execute("SELECT count(*) FROM sqlite_master")
    database.execute("COMMIT")
    if version not in (0, _VERSION) or (version == 0 and tables):
        raise FormatError(f"{path} was written by another version of hqml, or something else; name another file")
    if path != MEMORY:
        os.chmod(path, 0o600)  # what SQLite makes beside it takes over this mode
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA foreign_keys = ON")
    database.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
    database.execute("UPDATE jobs SET status = 'PENDING' WHERE status = 'IN_PROGRESS' AND body IS NOT NULL")
