"""What the agent keeps for years, and how it finds it again."""
