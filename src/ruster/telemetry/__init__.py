"""What the daemon tells of its doings: the rotating log, redacted at the sink."""
