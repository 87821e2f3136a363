from dataclasses import dataclass

from aether_user.application.ports import KeySeal, Transactions, UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class SealKeys:
    """Encrypts the stored signing keys with the present secret, so that an old one is needed no longer."""

    transactions: Transactions
    seal: KeySeal

    def __call__(self) -> int:
        """Return how many keys were encrypted anew. Another process may do the same at the same time."""
        renewed = [
            (key, sealed)
            for key in self.transactions.read(lambda unit: unit.keys.ring()).keys
            if (sealed := self.seal.renew(key.private_pem)) is not None
        ]

        def store(unit: UnitOfWork) -> int:
            return sum(unit.keys.reseal(key, sealed) for key, sealed in renewed)

        return self.transactions.run(store) if renewed else 0
