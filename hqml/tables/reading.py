"""Open a file, find out what kind it is, and read it as that."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

from hqml.errors import FormatError
from hqml.files import meant_instead
from hqml.tables.columns import cut
from hqml.tables.libsvm import is_libsvm, read_libsvm
from hqml.tables.npz import read_npz
from hqml.tables.parquet import Frame
from hqml.tables.table import Table
from hqml.tables.text import Text


def read_table(path: str | Path, *, label: str | None = None, features: Sequence[str] | None = None) -> Table:
    """Read a table.

    The kinds, told apart by content; text may be gzipped:

    * CSV with a header, cells separated by comma, semicolon or tab.
    * The same, or cells separated by blanks, without a header: most cells of the first line are numbers. Columns are
      then called "1", "2", ... (A first line 0, 1, 2, ... is the header that pandas writes for a plain array.)
    * libsvm text, `label index:value ...`: the label comes first, missing values are 0.
    * npz with the arrays X (n, features) and, unless `label` names another, y (n,).
    * parquet, where pandas and pyarrow are installed.

    Args:
        path: the file.
        label: the label column: its name, or without a header its number, -1 for the last. libsvm and npz need none.
        features: the columns to take, in this order, as a model wants them; others are not looked at. Where the file or
            the model has no names, columns are matched by their place. None takes all but the label.

    Raises:
        FormatError: the file cannot be read, or holds what is no table; the message says where and what to do.
        LibraryMissing: pandas or pyarrow is missing, which parquet needs.
    """
    name = str(path)
    content = _unzipped(_bytes_of(Path(path)), name)
    if content.startswith(b"PK"):
        return read_npz(name, content, label, features)
    if content.startswith(b"PAR1"):
        return cut(Frame(name, content), label, features)
    lines = _lines(content, name)
    if is_libsvm(lines):
        return read_libsvm(name, content, lines, label, features)
    return cut(Text(name, lines), label, features)


def _bytes_of(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise FormatError(f"{path}: there is no such file{meant_instead(path)}") from None
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror}); name a file you may read") from error
    if not content:
        raise FormatError(f"{path}: the file is empty; it needs a header and at least one row")
    return content


def _unzipped(content: bytes, name: str) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise FormatError(f"{name}: the gzip file is broken or cut short ({error}); fetch or write it again") from error


def _lines(content: bytes, name: str) -> list[str]:
    if content.startswith(b"\x93NUMPY"):
        raise FormatError(
            f"{name}: is a single numpy array; save features and labels as numpy.savez(file, X=..., y=...)"
        )
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FormatError(f"{name}: is UTF-16 text; save it as UTF-8")
    if b"\0" in content:
        raise FormatError(f"{name}: is neither text nor npz nor parquet; give a table in one of these forms")
    try:
        return content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FormatError(
            f"{name}:{line}: byte 0x{content[error.start]:02x} is no UTF-8; save the file as UTF-8"
        ) from None
