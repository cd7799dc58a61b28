"""``ogenius``: models at the terminal and over HTTP, without the daemon and without an agent."""
