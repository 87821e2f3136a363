"""One request of a connection and its response: uvicorn's, with a shortcut for responses that are whole."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle


class RequestCycle(RequestResponseCycle):
    """One request and its response, which the application may write at once."""

    def write(self, status: int, encoded: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
        """Implement `WHOLE_RESPONSE`: uvicorn takes about as long for each header field as for the rest of a message.

        Raises `RuntimeError` for a field with a line break in it.
        """
        if (
            self.response_started
            or self.disconnected
            or self.flow.write_paused
            or self.waiting_for_100_continue
        ):
            return False
        lines = [STATUS_LINE[status]]
        for name, value in self.default_headers:
            lines += (name, b": ", value, b"\r\n")
        for name, value in headers:
            lines += (name, b": ", value, b"\r\n")
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        head = b"".join(lines)
        wanted = len(self.default_headers) + len(headers) + 1 + (not self.keep_alive)
        if head.count(b"\n") != wanted or head.count(b"\r") != wanted or b"\0" in head:
            raise RuntimeError("a header field of the response contains a line break or NUL")
        self.response_started = self.response_complete = True
        shown = b"" if self.scope["method"] == "HEAD" else body
        self.transport.write(b"%s%s\r\n%s" % (head, encoded, shown))
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
        return True
