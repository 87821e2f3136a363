"""What the service does: one use case, one file; what it needs stands in `ports`."""
