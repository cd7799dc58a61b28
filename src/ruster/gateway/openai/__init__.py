"""OpenAI's chat completions: requests read, answers and errors written. No I/O."""
