"""The embedded llama.cpp engine: a child process that decodes, and the daemon's side of it.

``host``, ``process``, ``settings`` and ``gguf`` belong to the daemon; ``worker`` and all it imports
run in the child, the only process that ever loads native code.
"""
