"""From a question to hits: candidates, their scores, and the choice among them."""
