"""One SQLite file: its threads, its tables, and SQLite's errors as ours."""
