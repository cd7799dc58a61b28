"""What ruster does by itself: jobs at their time, goals, and what other programs bring."""
