"""The other end of `hqml node status`: ask a node that runs."""

from __future__ import annotations

from typing import Any

from hqml.errors import AccessDenied, ParameterError, ServiceError
from hqml_ocean.cloud.access import Access, is_loopback

PATIENCE = 10.0
"""Seconds that a node may take to answer."""

_NEEDED = ("account", "budget", "solvers", "queue", "others")


def ask_status(access: Access | None = None) -> dict[str, Any]:
    """What a node says of itself to an account, and its endpoint.

    Args:
        access: which node, and in whose name; none is what Ocean's environment and configuration file say.

    Raises:
        AccessDenied: there is no token, or the node does not know it.
        ParameterError: no endpoint is named.
        ServiceError: the node cannot be reached, or what is there is none.
    """
    configuration = (access or Access()).configuration()
    endpoint = configuration.get("endpoint")
    if not endpoint:
        raise ParameterError("no node is named; set DWAVE_API_ENDPOINT, e.g. to http://127.0.0.1:8400/sapi/v2/")
    status, found = _asked(str(endpoint), str(configuration["token"]), configuration.get("proxy"))
    if status == 401:
        raise AccessDenied(f"the node at {endpoint} does not accept the token; check DWAVE_API_TOKEN")
    if status != 200 or not isinstance(found, dict) or not all(name in found for name in _NEEDED):
        raise ServiceError(f"what answers at {endpoint} is no quantum node (status {status}); check DWAVE_API_ENDPOINT")
    return {"endpoint": endpoint, **found}


def _asked(endpoint: str, token: str, proxy: str | None) -> tuple[int, Any]:
    """Status and content of the answer.

    What httpx raises holds the request, and with it the token: it does not become a cause.
    """
    import httpx

    failure: ServiceError
    url = endpoint.rstrip("/") + "/node/status"
    try:
        with httpx.Client(proxy=proxy, timeout=PATIENCE, trust_env=not is_loopback(endpoint)) as client:
            answer = client.get(url, headers={"X-Auth-Token": token})
            return answer.status_code, answer.json() if answer.is_success else None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        failure = ServiceError(
            f"the node at {endpoint} cannot be reached ({type(error).__name__}); does it run? check DWAVE_API_ENDPOINT"
        )
    except ValueError:
        failure = ServiceError(f"what answers at {endpoint} is no quantum node; check DWAVE_API_ENDPOINT")
    raise failure
