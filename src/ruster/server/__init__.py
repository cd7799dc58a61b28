"""The UNIX socket: framing, limits, peer credentials, backpressure."""
