"""The OODA cycle: what was observed, what it means, what is decided, and whether it may be done."""
