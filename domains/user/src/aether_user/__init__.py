"""Keeps users: they are created, read, listed and closed."""
