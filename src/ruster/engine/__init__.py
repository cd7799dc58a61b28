"""The embedded llama.cpp engine: what decodes, and the daemon's side of it.

``host``, ``supervisor``, ``process``, ``thread``, ``settings`` and ``gguf`` belong to the daemon.
``runner`` and all it imports compute: in a child process (``worker``) or, with
``isolation = "thread"``, on one thread.
"""
