"""The domain's rules: plain objects, the standard library only."""
