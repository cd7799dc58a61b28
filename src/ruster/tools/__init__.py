"""Tools: one registry and one way to run them, the built-in ones, the ``/tool`` text."""
