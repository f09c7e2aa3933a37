"""Which service, and which of its solvers. The token is read when a client is made, and kept nowhere else."""

from __future__ import annotations

import ipaddress
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from hqml.errors import AccessDenied, ParameterError
from hqml_ocean.cloud.secrets import guard, hide

NO_TOKEN = (
    "no token for the D-Wave service: set DWAVE_API_TOKEN (and DWAVE_API_ENDPOINT for a quantum node), "
    "or run `dwave config create`"
)


@dataclass(frozen=True)
class Access:
    """A D-Wave service and one of its solvers. What is None comes from Ocean's configuration file and environment.

    Attributes:
        endpoint: address of the service, "http://127.0.0.1:8000/sapi/v2/".
        profile: section of Ocean's configuration file, which holds endpoint and token.
        solver: name of a solver; none is the largest QPU, or the least busy hybrid solver.
    """

    endpoint: str | None = None
    profile: str | None = None
    solver: str | None = None

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and (not isinstance(value, str) or not value.strip()):
                raise ParameterError(f"{name} must be text or none, found {type(value).__name__}")

    def written(self) -> str:
        """What was given, as arguments."""
        return ", ".join(f"{name}={value!r}" for name, value in asdict(self).items() if value is not None)

    def configuration(self) -> dict[str, Any]:
        """What Ocean's client is made of, token included. Do not keep or print it.

        Raises:
            AccessDenied: there is no token.
            ParameterError: the configuration cannot be read, or has no such profile.
        """
        from dwave.cloud.config import load_config
        from dwave.cloud.config.exceptions import ConfigFileError

        guard()  # the configuration is logged as it is read
        given = {"endpoint": self.endpoint} if self.endpoint else {}
        reason = ""
        try:
            found: dict[str, Any] = load_config(profile=self.profile, **given)
        except (ConfigFileError, ValueError) as error:
            reason = str(error)
        if reason:
            raise ParameterError(f"Ocean's configuration cannot be used: {reason}; see `dwave config inspect`")
        if not found.get("token"):
            raise AccessDenied(NO_TOKEN)
        if (address := found.get("endpoint")) and urlsplit(address).scheme not in ("http", "https"):
            raise ParameterError("an endpoint must begin with http:// or https://; check DWAVE_API_ENDPOINT")
        hide(found["token"])
        return found


def is_loopback(endpoint: str) -> bool:
    """Whether an address is on this machine, where no proxy can be meant."""
    host = urlsplit(endpoint).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
