"""The wire: commands, events, error codes and the JSON Lines codec. Knows nothing of transports."""
