"""Coupons that customers claim and use, and the stock of flash sales."""
