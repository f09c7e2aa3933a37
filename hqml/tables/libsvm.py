"""libsvm text: lines `label index:value ...`."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from hqml.errors import FormatError
from hqml.tables.table import Table, as_labels, check_finite
from hqml.tables.text import is_number

LARGEST = 2**31
"""Bytes up to which libsvm text, which may leave most cells out, is written out as a full table."""

_NAME = 80
"""Bytes that the name of a column takes: a short line with an index of a billion would make as many of them."""

_LIBSVM_LINE = re.compile(r"[^\s:#,;]+(\s+qid:\d+)?(\s+\d+:[^\s:]+)*\s*(#.*)?")
_LIBSVM_PAIR = re.compile(r"\d+:\S+")


def is_libsvm(lines: list[str]) -> bool:
    """Whether one of the first lines has `index:value` after its label, and none has a separator of CSV before."""
    start = [line.split("#")[0].split() for line in lines[:20]]
    return any(len(parts) > 1 and _LIBSVM_PAIR.fullmatch(parts[1]) and parts[0].count(",") < 2 for parts in start)


def read_libsvm(
    name: str, content: bytes, lines: list[str], label: str | None, features: Sequence[str] | None
) -> Table:
    """Read the lines as a table; see `hqml.tables.read_table`."""
    from sklearn.datasets import load_svmlight_file

    if label not in (None, "label"):
        raise FormatError(f"{name}: is libsvm text, whose label comes first; leave --label {label} out, or say 'label'")
    try:
        # Indices are taken as they are, so that a file with index 0 and one that happens to lack it agree.
        sparse, targets = load_svmlight_file(io.BytesIO(content), zero_based=True)
    except (ValueError, OverflowError) as error:
        raise FormatError(f"{_bad_libsvm_line(name, lines)} ({error})") from error
    first = 0 if 0 in sparse.indices or (features is not None and features[0] == "0") else 1
    count = sparse.shape[1] - first if features is None else len(features)
    if sparse.shape[1] - first > count:
        raise FormatError(f"{name}: has a feature {sparse.shape[1] - 1 + first}, the model knows {count}; leave it out")
    if count * (len(targets) * 8 + _NAME) > LARGEST:
        raise FormatError(
            f"{name}: {len(targets)} rows of {count} features do not fit; number the features from 1 upwards"
        )
    if not count:
        raise FormatError(f"{name}: no row has a feature; write them as index:value")
    X = np.zeros((len(targets), count))
    X[:, : sparse.shape[1] - first] = sparse[:, first:].toarray()
    names = tuple(str(n) for n in range(first, first + count)) if features is None else tuple(features)
    check_finite(name, X, targets)
    return Table(X, as_labels(targets), names, "label")


def _bad_libsvm_line(name: str, lines: list[str]) -> str:
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        pairs = [pair.split(":") for pair in text.split("#")[0].split()[1:] if not pair.startswith("qid")]
        sound = _LIBSVM_LINE.fullmatch(text) and all(is_number(value) for _, value in pairs)
        indices = [int(index) for index, _ in pairs] if sound else []
        if not sound or not is_number(text.split()[0]) or any(a >= b for a, b in pairwise(indices)):
            return f"{name}:{number}: is no line `label index:value ...` with numbers and rising indices"
    return f"{name}: is no libsvm text"
