"""Who may come in over HTTP: tokens, one-time links, and what a request must show of itself."""
