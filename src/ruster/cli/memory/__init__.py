"""``rusterctl memory``: a person's hand on what is remembered."""
