"""Goals: what a user wants to reach, with notes, and the jobs that belong to it."""
