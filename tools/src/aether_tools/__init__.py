"""The `aether` command and the contract compiler."""
