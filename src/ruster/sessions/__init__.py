"""Sessions: a conversation that belongs to one user, its turns in order, its stream of events."""
