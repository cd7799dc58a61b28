"""Event servers: sockets of other programs that bring events and answer requests."""
