"""The ledger of the course shop: every record it holds, and checks that they agree."""

from tests.shop.ledger.check import discrepancies
from tests.shop.ledger.ledger import Ledger
from tests.shop.ledger.read import read_ledger
from tests.shop.ledger.rows import Acknowledged

__all__ = ["Acknowledged", "Ledger", "discrepancies", "read_ledger"]
