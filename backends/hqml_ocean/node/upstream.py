"""The real service behind a gateway. Its token is known here alone: it goes out in a header, and comes back nowhere."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from hqml.errors import ParameterError
from hqml.samples import version
from hqml.secrets import HIDDEN
from hqml.untrusted import read_json
from hqml_ocean.cloud.access import Access, is_loopback
from hqml_ocean.cloud.secrets import hide
from hqml_ocean.node.calls import media_type
from hqml_ocean.node.refusals import Refusal

PATIENCE = 60.0
"""Seconds that an answer may take, longer than those for which a question is held."""

PASSED_BACK = ("content-type", "etag", "cache-control", "retry-after", "x-deprecation")
"""Headers of the service that clients see."""


@dataclass(frozen=True)
class Reply:
    """What the service answered.

    Attributes:
        status: HTTP's.
        headers: those that are passed back.
        content: bytes, without the token should they have held it.
    """

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The content, None where it is no JSON that can be used."""
        try:
            return read_json(self.content)
        except ValueError:
            return None


class Unsure(Refusal):
    """The connection broke after a request was sent: what was asked may have been done."""


class Upstream:
    """Speaks to the service in the gateway's name.

    Args:
        endpoint: of the service.
        token: real.
        proxy: address, None takes that of the environment, if any.
        verify: its certificate.
    """

    def __init__(self, endpoint: str, token: str, *, proxy: str | None = None, verify: bool = True) -> None:
        hide(token)
        logging.getLogger("httpcore").setLevel(logging.INFO)  # below, it writes down all headers
        self.endpoint = endpoint
        self._token = token
        common: dict[str, Any] = {
            "base_url": endpoint.rstrip("/") + "/",
            "headers": {"X-Auth-Token": token, "User-Agent": f"hqml/{version()}"},
            "limits": httpx.Limits(max_connections=None, max_keepalive_connections=20),
            "timeout": httpx.Timeout(PATIENCE, connect=10.0),
            "proxy": proxy,
            "verify": verify,
            "trust_env": not is_loopback(endpoint),
        }
        self._client = httpx.AsyncClient(**common)
        # A connection that was kept may close at the moment a job goes out by it; a new one tells clearly.
        self._fresh = httpx.AsyncClient(**{**common, "limits": httpx.Limits(max_keepalive_connections=0)})

    async def close(self) -> None:
        await self._client.aclose()
        await self._fresh.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        kind: str | None = None,
        *,
        query: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        once: bool = False,
    ) -> Reply:
        """Ask the service, one time.

        Args:
            method: HTTP's.
            path: behind the endpoint.
            kind: of the answer, see `calls.sapi`: the service speaks older versions too, to who does not say which.
            query: behind the question mark.
            content: body.
            headers: further ones.
            once: the request must not be sent over a connection that was used before.

        Raises:
            Refusal: it cannot be reached, so that nothing was asked of it, or does not know the gateway's token.
            Unsure: it was reached, and did not answer.
        """
        client = self._fresh if once else self._client
        failure: Refusal
        try:
            asked = {**(headers or {}), **({} if kind is None else {"Accept": media_type(kind)})}
            reply = await client.request(method, path, params=query, content=content, headers=asked)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            failure = Refusal(503, f"the service behind this gateway cannot be reached ({type(error).__name__})")
        except httpx.HTTPError as error:  # it holds the request with its headers: only its name goes on
            failure = Unsure(502, f"the service behind this gateway did not answer ({type(error).__name__})")
        else:
            return self._read(reply)
        raise failure

    def _read(self, reply: httpx.Response) -> Reply:
        if reply.status_code == 401:
            raise Refusal(503, "the service behind this gateway does not accept the gateway's token; tell its operator")
        content = reply.content.replace(self._token.encode(), HIDDEN.encode())
        headers = {
            name: reply.headers[name].replace(self._token, HIDDEN) for name in PASSED_BACK if name in reply.headers
        }
        return Reply(reply.status_code, headers, content)


def configured(profile: str | None) -> Upstream:
    """The service that Ocean's environment and configuration file name.

    Raises:
        AccessDenied: there is no token.
        ParameterError: the configuration cannot be used.
    """
    from dwave.cloud.config import validate_config_v1
    from dwave.cloud.regions import resolve_endpoints

    configuration = Access(profile=profile).configuration()
    hide(configuration["token"])
    reason = ""
    try:
        model = resolve_endpoints(validate_config_v1(configuration))
    except ValueError as error:
        reason = type(error).__name__
    if reason:
        raise ParameterError(f"Ocean's configuration cannot be used ({reason}); see `dwave config inspect`")
    return Upstream(model.endpoint, model.token, proxy=model.proxy, verify=not model.permissive_ssl)
