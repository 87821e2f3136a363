"""What the tests of a service share: real servers, memory adapters, contract suites, and servers of its edges."""
