"""The quantum node: a server that speaks D-Wave's Solver API, solved here or passed on to the real cloud."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class NodeService:
    """What `hqml node` runs, met through the entry point "node" of the group "hqml.services".

    Raises:
        ImportError: a library of the extra `node` is not installed.
    """

    def __init__(self) -> None:
        import httpx
        import starlette
        import uvicorn

        _ = (httpx, starlette, uvicorn)  # missing, they are told of here and not halfway

    def serve(self, ready: Callable[[str], None], **settings: Any) -> bool:
        """Serve until SIGINT or SIGTERM.

        Args:
            ready: called with the endpoint once requests are answered.
            settings: see `hqml_ocean.node.settings.Settings`.

        Returns:
            Whether all is at rest: if not, threads of this process still solve a job, which the next node repeats.

        Raises:
            ParameterError, FormatError: a setting or the tokens file cannot be used.
            AccessDenied: the gateway has no token for the service it forwards to.
        """
        from hqml_ocean.node.serving import serve
        from hqml_ocean.node.settings import Settings

        return serve(Settings(**settings), ready)

    def status(self) -> dict[str, Any]:
        """What the node of DWAVE_API_ENDPOINT says to the account of DWAVE_API_TOKEN.

        Raises:
            AccessDenied: the token is missing or unknown.
            ServiceError: the node cannot be reached, or is none.
        """
        from hqml_ocean.node.asking import ask_status

        return ask_status()
