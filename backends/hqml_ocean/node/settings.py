"""What a node is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hqml.errors import ParameterError
from hqml.options import finite_number, whole_number


@dataclass(frozen=True)
class Settings:
    """How a node serves.

    Attributes:
        tokens: path of the tokens file.
        topology, shape, qubit_yield, seed: of the chip that is simulated, see `hqml_ocean.chip.made_chip`.
        journal: path of the journal, ":memory:" for none, None for one in the user's folder of states.
        keep_days: after so many days an answer is removed.
        host: address to listen at. Tokens travel unencrypted to any but this machine, unless there is a certificate.
        port: 0 takes a free one.
        certfile, keyfile: of TLS, PEM.
        forward: pass jobs on to a real service instead of solving them.
        profile: section of Ocean's configuration file with the endpoint and token of that service.
        faults: JSON of faults to inject, for tests of clients; None where there are none.
    """

    tokens: str
    topology: str = "pegasus"
    shape: tuple[int, ...] | None = None
    qubit_yield: float = 0.99
    seed: int = 0
    journal: str | None = None
    keep_days: float = 30.0
    host: str = "127.0.0.1"
    port: int = 0
    certfile: str | None = None
    keyfile: str | None = None
    forward: bool = False
    profile: str | None = None
    faults: str | None = None

    def __post_init__(self) -> None:
        if whole_number("port", self.port, least=0) > 65535:
            raise ParameterError(f"port must be 0 to 65535, found {self.port}")
        finite_number("keep_days", self.keep_days, above=0.0, unit="days")
        if self.keyfile is not None and self.certfile is None:
            raise ParameterError("keyfile is of no use without certfile; give both")
        if self.profile is not None and not self.forward:
            raise ParameterError("profile names the service that is forwarded to; give it with forward")

    def journal_path(self) -> str:
        """Where the journal is, its folder made where it is the default one."""
        if self.journal is not None:
            return self.journal
        import platformdirs

        folder = Path(platformdirs.user_state_dir("hqml"))
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return str(folder / f"node-{'forward' if self.forward else self.topology}.sqlite")
