"""The use cases, one in each file, and the driven ports in `ports`."""
