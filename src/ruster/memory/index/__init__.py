"""What makes records findable: words, vectors, and the chunks both are made of."""
