"""What a test of a service needs: real servers, and a table of what ran where."""
