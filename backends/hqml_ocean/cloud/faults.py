"""From what Ocean's client raises to our own errors, and to what they tell of a job: was it accepted, may it be asked
for again.

The client has no base class of errors (`reference`: what dwave-cloud-client 0.14.8 was seen to raise), and some hang
instead; `jobs.py` has the clock that ends those.
"""

from __future__ import annotations

import binascii
import os
from typing import Any

from hqml.errors import (
    AccessDenied,
    BackendError,
    BudgetExceeded,
    HqmlError,
    ServiceError,
    ServiceTimeout,
    UnsupportedModel,
)
from hqml_ocean.cloud.access import is_loopback
from hqml_ocean.cloud.secrets import cleaned

REFUSED = (429, 503)
"""HTTP states of a service that has not taken a request and asks for patience."""

NO_TIME_LEFT = "insufficient remaining solver access time"
"""What SAPI says of a project whose time is used up."""

_DEPTH = 8
"""Errors within errors that are looked at: requests has urllib3's in it, and the client has that of requests."""

AMBIGUOUS = range(500, 600)
"""HTTP states after which a job may have been accepted or not."""


def what_went_wrong(error: BaseException, endpoint: str, *, of_a_job: bool = True) -> HqmlError:
    """Our own error for one of the client's, without a trace of what it holds.

    Args:
        error: what was raised. It may hold the request with its headers, so it must not become a cause.
        endpoint: of the service, for the message.
        of_a_job: whether it was asked about a job, and not about what there is.
    """
    from dwave.cloud import exceptions as cloud
    from dwave.cloud.api import exceptions as api

    if isinstance(error, HqmlError):
        return error
    service = f"the D-Wave service at {endpoint}"
    said = _said(error)
    if isinstance(error, api.ResourceAuthenticationError) or code_of(error) == 401:
        return AccessDenied(f"{service} does not accept the token; check DWAVE_API_TOKEN, or `dwave config inspect`")
    if isinstance(error, api.ResourceAccessForbiddenError) or code_of(error) == 403:
        return AccessDenied(f"{service} does not allow this to the token ({said}); ask who gave it out")
    if isinstance(error, cloud.SolverNotFoundError):
        return ServiceError(f"{service} has no such solver, or it is offline ({said}); see `dwave solvers`")
    if isinstance(error, cloud.SolverOfflineError):
        return ServiceError(
            f"the solver of {service} went offline; repeat the call later, or name another with solver="
        )
    if isinstance(error, cloud.CanceledFutureError):
        return ServiceError(f"the job was cancelled at {service}, not by this call; repeat the call to submit it again")
    if is_unknown(error) and not of_a_job:
        return ServiceError(f"{service} answers like none (404); check DWAVE_API_ENDPOINT, which ends in /sapi/v2/")
    if is_unknown(error):
        return ServiceError(f"{service} no longer knows the job ({said}); repeat the call to submit it again")
    if isinstance(error, api.ResourceLimitsExceededError) or code_of(error) in REFUSED:
        return ServiceError(f"{service} takes no more requests for now ({said}); repeat the call in a few minutes")
    if NO_TIME_LEFT in said.lower():
        return BudgetExceeded(f"the token has no time left at {service} ({said})")
    if isinstance(error, cloud.SolverFailureError):
        return ServiceError(f"{service} could not solve the job: {said}")
    if never_connected(error):
        return ServiceError(f"{service} cannot be reached; {_how_to_reach(endpoint)}")
    if isinstance(error, cloud.PollingTimeout) or _is_timeout(error):
        return ServiceTimeout(f"{service} did not answer in time; {_how_to_reach(endpoint)}")
    if isinstance(error, cloud.InvalidProblemError):
        return UnsupportedModel(f"the solver of {service} cannot take the model: {said}")
    if is_unreadable(error):
        return ServiceError(f"{service} answered what cannot be read ({said}); {_how_to_reach(endpoint)}")
    if isinstance(error, cloud.UseAfterCloseError):
        return ServiceError(f"the connection to {service} was closed meanwhile; repeat the call")
    if isinstance(error, cloud.ProblemUploadError):
        return ServiceError(f"the model could not be uploaded to {service} ({said}); repeat the call")
    if _is_connection(error):
        return ServiceError(f"{service} broke the connection; {_how_to_reach(endpoint)}")
    if isinstance(error, api.RequestError):
        return ServiceError(f"{service} failed ({said}); repeat the call")
    return BackendError(f"Ocean's client failed: {type(error).__name__}: {said}")


def code_of(error: BaseException) -> int | None:
    """The HTTP state that the client has put into an error."""
    code = getattr(error, "error_code", None)
    return code if isinstance(code, int) else None


def was_refused(error: BaseException) -> bool:
    """Whether a job is known not to have been taken, and may be later: the service said so, or was never reached."""
    return code_of(error) in REFUSED or never_connected(error)


def never_connected(error: BaseException) -> bool:
    """Whether no connection was made. The client calls that a timeout, as urllib3 does."""
    from urllib3.exceptions import ConnectTimeoutError, MaxRetryError

    found: Any = error
    for _ in range(_DEPTH):
        if isinstance(found, ConnectTimeoutError):  # of which "connection refused" is a kind
            return True
        inner = found.args[0] if getattr(found, "args", None) else None
        found = (
            found.reason
            if isinstance(found, MaxRetryError)
            else found.__cause__ or (inner if isinstance(inner, Exception) else found.__context__)
        )
        if found is None:
            return False
    return False


def may_have_been_accepted(error: BaseException) -> bool:
    """Whether a job whose submission failed so may be running all the same."""
    from dwave.cloud.api import exceptions as api

    code = code_of(error)
    if code is not None:
        return code in AMBIGUOUS
    if never_connected(error):
        return False
    return isinstance(error, api.ResourceBadResponseError) or _is_timeout(error) or _is_connection(error)


def may_pass(error: BaseException) -> bool:
    """Whether asking again for a job that has been accepted may go well."""
    from dwave.cloud import exceptions as cloud

    if is_unreadable(error) or was_cancelled(error):
        return False
    code = code_of(error)
    if code is not None:
        return code in REFUSED or code in AMBIGUOUS
    return isinstance(error, cloud.PollingTimeout) or _is_timeout(error) or _is_connection(error)


def is_unreadable(error: BaseException) -> bool:
    """Whether the service answered, but not what its protocol says."""
    from dwave.cloud.api import exceptions as api

    return isinstance(error, api.ResourceBadResponseError | binascii.Error | ValueError | LookupError | TypeError)


def is_unknown(error: BaseException) -> bool:
    """Whether the service says that it knows no such job."""
    return code_of(error) == 404


def is_final(error: BaseException) -> bool:
    """Whether the service says that there will be no answer to a job, so that it may be sent again."""
    from dwave.cloud import exceptions as cloud

    ended = cloud.SolverFailureError | cloud.SolverOfflineError
    return isinstance(error, ended) or was_cancelled(error) or is_unknown(error)


def was_cancelled(error: BaseException) -> bool:
    """Whether the job was cancelled before it ran."""
    from dwave.cloud import exceptions as cloud

    return isinstance(error, cloud.CanceledFutureError)


def _said(error: BaseException) -> str:
    """What the service or the client said, on one short line and without secrets."""
    said: Any = getattr(error, "error_msg", None) or str(error) or type(error).__name__
    line = " ".join(cleaned(str(said)).split())
    return line if len(line) <= 300 else f"{line[:300]}..."


def _is_timeout(error: BaseException) -> bool:
    import requests
    from dwave.cloud.api import exceptions as api

    return isinstance(error, api.RequestTimeout | requests.Timeout | TimeoutError)


def _is_connection(error: BaseException) -> bool:
    from dwave.cloud.api import exceptions as api
    from urllib3.exceptions import HTTPError

    # Errors of requests are OSErrors, and so are the client's own, which say more.
    return isinstance(error, OSError | HTTPError) and not isinstance(error, api.RequestError)


def _how_to_reach(endpoint: str) -> str:
    proxies = [name for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
               if os.environ.get(name)]  # fmt: skip
    if proxies and not is_loopback(endpoint):
        return f"check DWAVE_API_ENDPOINT, and whether the proxy of {' and '.join(proxies)} reaches it (else NO_PROXY)"
    return "check DWAVE_API_ENDPOINT and `dwave ping`"
