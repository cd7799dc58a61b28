"""What of a turn is worth keeping beyond its session, and what is to be forgotten again."""
