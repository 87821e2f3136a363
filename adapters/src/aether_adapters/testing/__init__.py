"""Support for tests of a service: real servers, memory adapters, contract suites, and a harness for its edges."""
