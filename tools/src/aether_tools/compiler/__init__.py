"""The contract compiler: from OpenAPI and proto files to typed Python."""
