"""Tidies up, now and then."""

from typing import Final

import structlog
from aether_adapters.kernel.errors import TechnicalError
from aether_adapters.service.process import Stop

from aether_user.application.forget_sessions import ForgetSessions

_LOG: Final = structlog.get_logger("aether.user")


class Janitor:
    """Has expired sessions forgotten every `seconds`; what fails is tried again the next time."""

    def __init__(self, forget_sessions: ForgetSessions, *, seconds: float = 3600.0) -> None:
        self._forget_sessions = forget_sessions
        self._seconds = seconds

    def run(self, stop: Stop) -> None:
        """Until `stop` is set."""
        while not stop.wait(self._seconds):
            try:
                _LOG.info("expired sessions forgotten", count=self._forget_sessions())
            except TechnicalError as error:
                _LOG.warning("expired sessions are still there", reason=str(error))
