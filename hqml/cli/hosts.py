"""Hosts as users name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hqml.hpc.host import Host


def named_host(name: str | None) -> Host:
    """This machine, or one that OpenSSH reaches."""
    from hqml.hpc.host import LocalHost

    if name is None:
        return LocalHost()
    from hqml.hpc.remote.ssh import SshHost

    return SshHost(name)
