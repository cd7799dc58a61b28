"""WebSockets: the socket's own protocol, one object a message, and plain inferences beside it."""
