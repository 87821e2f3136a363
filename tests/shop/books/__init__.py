"""The books of the course shop: everything it holds, and whether it agrees."""

from tests.shop.books.books import Books
from tests.shop.books.check import discrepancies
from tests.shop.books.read import read_books
from tests.shop.books.rows import Told

__all__ = ["Books", "Told", "discrepancies", "read_books"]
