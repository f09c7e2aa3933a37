"""Things that specifications name, each in a module of its own that is imported when it is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from hqml.errors import LibraryMissing, ParameterError
from hqml.options import unlike


@dataclass(frozen=True)
class Names:
    """A table of names.

    Attributes:
        kind: what they name, in messages.
        homes: module of each name, relative to `package`.
        package: that holds the modules.
        attribute: of a module, which is what the name stands for.
    """

    kind: str
    package: str
    attribute: str
    homes: Mapping[str, str]

    def __iter__(self) -> Iterator[str]:
        return iter(self.homes)

    def __getitem__(self, name: str) -> Any:
        """What a name stands for.

        Raises:
            ParameterError: nothing that is known.
            LibraryMissing: it needs torch, which is not installed.
        """
        if name not in self.homes:
            raise ParameterError(f"there is no {self.kind} {name!r}{unlike(name, self.homes)}")
        try:
            module = import_module(f"{self.package}.{self.homes[name]}")
        except ModuleNotFoundError as missing:
            if missing.name != "torch":
                raise
            raise LibraryMissing(
                f"{self.kind} {name!r} needs torch, which cannot be imported; run: pip install 'hqml[dl]'"
            ) from missing
        return getattr(module, self.attribute)
