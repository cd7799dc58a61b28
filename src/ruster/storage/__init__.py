"""What is kept: append-only checksummed journals, atomic files, the instance lock."""
