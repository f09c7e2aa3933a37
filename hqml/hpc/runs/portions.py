"""Long lists of arguments in portions that a command line holds, over ssh as well."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

MOST_BYTES = 50_000
"""Of one portion."""


def portions(words: Iterable[str], most: int = MOST_BYTES) -> Iterator[list[str]]:
    """All words in order, in lists that have `most` bytes at most, or one word."""
    portion: list[str] = []
    size = 0
    for word in words:
        length = len(word.encode(errors="surrogateescape")) + 1
        if portion and size + length > most:
            yield portion
            portion, size = [], 0
        portion.append(word)
        size += length
    if portion:
        yield portion
