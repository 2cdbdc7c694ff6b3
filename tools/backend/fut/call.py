"""One POST and its whole answer, within a size and a time; httpx bounds neither."""

import time
from dataclasses import dataclass
from typing import Any

import httpx

# Connecting, sending, and the minute after which a gateway gives up on its service: who waits longer waits for nobody.
TIMEOUT = httpx.Timeout(connect=5.0, read=60.0, write=10.0, pool=5.0)
CALL_S_MAX = 75.0  # of all of it, however slowly it trickles


class BadAnswer(httpx.HTTPError):
    """Too long, or too slow: nothing can be said of what it answers."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: httpx.Headers
    content: bytes

    @property
    def text(self) -> str:
        """As UTF-8, which FHIR's JSON always is."""
        return self.content.decode(errors="replace")


def post(http: httpx.Client, url: str, octets_max: int, headers: dict[str, str], **body: Any) -> Answer:
    """POST once. httpx.HTTPError when there is no whole answer."""
    ends = time.monotonic() + CALL_S_MAX
    # A connection for each call: an answer that comes twice would be taken for the next call's, which it does not
    # name, and a measurement for confirmed or absent that is not.
    with http.stream("POST", url, headers={**headers, "connection": "close"}, **body) as response:
        content = bytearray()
        for piece in response.iter_bytes():
            content += piece
            if len(content) > octets_max or time.monotonic() > ends:
                raise BadAnswer("an answer without an end")
        return Answer(response.status_code, response.headers, bytes(content))
