"""Kits for the technologies of an Aether service; import the one you need."""
