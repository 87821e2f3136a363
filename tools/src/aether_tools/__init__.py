"""The aether command and what stands behind it."""
