"""An SMTP server on a free port of this machine, with or without TLS, which keeps what it receives."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default


@dataclass(slots=True)
class MailServer:
    """`at_once` speaks TLS from the beginning, as smtps does; otherwise STARTTLS is offered if there is a `tls`."""

    tls: ssl.SSLContext | None = None
    at_once: bool = False
    recipient_answer: str = "250 fine"
    port: int = 0
    received: list[EmailMessage] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)

    @contextmanager
    def listening(self) -> Iterator["MailServer"]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
            thread = threading.Thread(target=self._accept, args=(listener,), daemon=True)
            thread.start()
            yield self
            # A thread in accept does not notice that its socket is closed.
            self.port = 0
            socket.create_connection(listener.getsockname()).close()
            thread.join(10)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            if not self.port:
                connection.close()
                return
            try:
                self._talk(connection)
            except OSError:
                continue  # the client refused the certificate, or has left

    def _talk(self, connection: socket.socket) -> None:
        encrypted = self.tls is not None and self.at_once
        if encrypted and self.tls is not None:
            connection = self.tls.wrap_socket(connection, server_side=True)
        with connection:
            stream = connection.makefile("rwb")

            def say(text: str) -> None:
                stream.write(text.encode() + b"\r\n")
                stream.flush()

            say("220 ready")
            while line := stream.readline():
                command = line.decode().strip()
                self.spoken.append(command)
                match command.partition(" ")[0].upper():
                    case "EHLO":
                        offers = ["AUTH PLAIN"] if encrypted or self.tls is None else ["STARTTLS"]
                        say("250-here\r\n250 " + "\r\n250 ".join(offers))
                    case "STARTTLS" if self.tls is not None:
                        say("220 go ahead")
                        connection = self.tls.wrap_socket(connection, server_side=True)
                        stream, encrypted = connection.makefile("rwb"), True
                    case "AUTH":
                        say("235 welcome")
                    case "RCPT":
                        say(self.recipient_answer)
                    case "DATA":
                        say("354 go on")
                        lines = []
                        while (text := stream.readline()) != b".\r\n":
                            lines.append(text)
                        self.received.append(message_from_bytes(b"".join(lines), policy=default))
                        say("250 taken")
                    case "QUIT":
                        say("221 bye")
                        connection.close()
                        return
                    case _:
                        say("250 fine")
