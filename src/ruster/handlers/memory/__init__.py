"""The memory: what is found, added, corrected, forgotten, and the copies of it."""
