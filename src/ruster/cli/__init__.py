"""``rusterctl``, the command line for people and scripts: a client like any other."""
