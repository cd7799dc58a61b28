"""``state.json``: how jobs, open approvals and goals stand, for other programs to read."""
