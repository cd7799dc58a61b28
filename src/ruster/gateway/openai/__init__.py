"""OpenAI's API: requests read, models asked, answers and errors written."""
