"""Serves the pages from a thread of their own: a slow browser never keeps a receipt waiting."""

import ipaddress
import socket
import threading
from pathlib import Path

import uvicorn

from tools.backend.store import Store
from tools.backend.web.access import Access
from tools.backend.web.oidc import Provider
from tools.backend.web.pages import application

_START_S_MAX = 10
_STOP_S_MAX = 5


class PageServer:
    """The live page for as long as the `with` block lasts; `url` says where. Port 0 takes a free one.

    `guarded`: people log in, and may decide; else whoever gets here may look.
    """

    def __init__(
        self, database: str | Path, host: str = "127.0.0.1", port: int = 0, guarded: bool = False,
        provider: Provider | None = None,
    ) -> None:  # fmt: skip
        self._database, self._host, self._provider = str(database), host, provider
        self._access = Access(Store(database), local=provider is None) if guarded else None
        self._socket = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
        self.port = self._socket.getsockname()[1]
        self._started = threading.Event()
        self._server: uvicorn.Server | None = None
        self._thread = threading.Thread(target=self._serve, name="telehub pages", daemon=True)

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}/"

    @property
    def first_url(self) -> str:
        """Where the first administrator is named; nothing when there is one."""
        return f"{self.url}first?link={self._access.first}" if self._access and self._access.first else ""

    def __enter__(self) -> "PageServer":
        self._thread.start()
        if not self._started.wait(_START_S_MAX):
            raise TimeoutError("the page does not start")
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._server is not None:
            self._server.should_exit = True
        self._thread.join(_STOP_S_MAX)
        self._socket.close()
        if self._access is not None:
            self._access.store.close()

    def _serve(self) -> None:
        # On every address at once nobody can say which names are ours; a loopback address has few.
        everywhere = not self._host[0].isalpha() and ipaddress.ip_address(self._host).is_unspecified
        hosts = ["*"] if everywhere else [self._host, "localhost"]
        if self._provider is not None:
            hosts.append(self._provider.host)  # by which people know us
        config = uvicorn.Config(
            application(self._database, hosts, self._access, self._provider),
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=1,  # open event streams never end by themselves
            server_header=False,
        )
        server = _Server(config, self._started)
        self._server = server
        server.run(sockets=[self._socket])


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, started: threading.Event) -> None:
        super().__init__(config)
        self._listening = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening.set()
