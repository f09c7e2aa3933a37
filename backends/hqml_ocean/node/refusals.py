"""What the node answers when it refuses, in SAPI's form."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """A request, or one job of it, that the node does not accept.

    Args:
        code: HTTP's, which SAPI repeats in the body.
        message: what was found and what to do; it never holds a token.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message

    def as_json(self) -> dict[str, Any]:
        """How SAPI says so, of a request and of one job in a list alike."""
        return {"error_code": self.code, "error_msg": self.message}


def bad(message: str) -> Refusal:
    """The request is wrong."""
    return Refusal(400, message)


def missing(what: str) -> Refusal:
    """There is no such thing, or it is somebody else's, which is not to be told apart."""
    return Refusal(404, f"there is no {what} of this account")
