"""Contract compiler: turns OpenAPI and proto files into typed Python."""
