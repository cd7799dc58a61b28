"""What is kept: records, facts by name, and the log of every move."""
