"""The rules: plain objects, the standard library only."""
