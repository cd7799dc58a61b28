"""The use-cases: what each command does, free of transport. One module per family of commands."""
