"""A llama of under a million weights, trained to use what its prompt holds; see ``train``.

It answers questions from facts told anywhere in the conversation, calls the tools it is offered,
and repeats what they say. What it copies may be any word: most words are spelled letter by letter.
"""
