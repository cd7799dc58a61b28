"""Jobs: what is to be done, when, and the receipts of what was."""
