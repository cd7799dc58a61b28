"""Small programs that run in processes of their own, because what they read may make them slow.

They import nothing but the standard library, read one JSON object on their standard input, and are
started from their source, so that they work from any kind of package.
"""
