"""The published keys, for this domain's own servers to verify tokens."""

import orjson
from aether_adapters.kernel.errors import Unavailable
from aether_adapters.kernel.problems import RemoteError

from aether.user.v1 import port, types


class PublishedKeys:
    """The key set as JSON (RFC 7517), from the use case in this process or over gRPC."""

    def __init__(self, get_keys: port.GetKeys) -> None:
        self._get_keys = get_keys

    def __call__(self) -> bytes:
        """Return the key set. Raises `Unavailable`."""
        try:
            keys = self._get_keys(types.GetKeysRequest()).keys
        except RemoteError as error:
            raise Unavailable("The signing keys cannot be read.") from error
        return orjson.dumps(
            {
                "keys": [
                    {
                        "kty": key.kty,
                        "use": key.use,
                        "alg": key.alg,
                        "kid": key.kid,
                        "crv": key.crv,
                        "x": key.x,
                        "y": key.y,
                    }
                    for key in keys
                ]
            }
        )
