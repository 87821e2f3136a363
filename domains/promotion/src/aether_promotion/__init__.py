"""Keeps coupons: they are created, read, listed and closed."""
