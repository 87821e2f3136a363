"""Support for tests of a service: real servers, and a summary of which suite ran on which implementation."""
