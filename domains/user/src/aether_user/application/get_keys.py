from dataclasses import dataclass

from aether.user.v1 import port, types
from aether_user.application.present_keys import PresentKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class GetKeys(port.GetKeys):
    """Publishes the public halves of all keys that sign, will sign soon, or signed tokens that have not expired."""

    keys: PresentKeys

    def __call__(self, _request: types.GetKeysRequest, /) -> types.KeySet:
        return types.KeySet(
            keys=tuple(
                types.Key(kty="EC", use="sig", alg="ES256", kid=key.kid, crv="P-256", x=key.x, y=key.y)
                for key in self.keys().keys
            )
        )
