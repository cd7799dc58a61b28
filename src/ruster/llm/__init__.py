"""Model providers: the prefix of a model's name chooses one, ``Models`` routes and falls back.

Each provider is a stranger to the others. What they share (settings, the line splitter) lies
beside them; what a provider's own process needs (the embedded engine) lies elsewhere.
"""
