"""Deletes expired sessions periodically."""

from typing import Final

import structlog
from aether_adapters.kernel.errors import TechnicalError
from aether_adapters.service.process import Stop

from aether_user.application.forget_sessions import ForgetSessions

_LOG: Final = structlog.get_logger("aether.user")


class Janitor:
    """Deletes expired sessions every `seconds`. After a failure it tries again the next time."""

    def __init__(self, forget_sessions: ForgetSessions, *, seconds: float = 3600.0) -> None:
        self._forget_sessions = forget_sessions
        self._seconds = seconds

    def run(self, stop: Stop) -> None:
        """Run until `stop` is set."""
        while not stop.wait(self._seconds):
            try:
                _LOG.info("expired sessions deleted", count=self._forget_sessions())
            except TechnicalError as error:
                _LOG.warning("expired sessions not deleted", reason=str(error))
