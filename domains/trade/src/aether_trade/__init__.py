"""Keeps orders: they are created, read, listed and closed."""
