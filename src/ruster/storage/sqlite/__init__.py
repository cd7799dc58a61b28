"""SQLite files: their threads, their transactions, their errors as ours."""
