"""The agent over HTTP: the socket's commands as resources, its events as server-sent events."""
