"""How the ports are met: SQL, Redis, events, and memory for unit tests."""
