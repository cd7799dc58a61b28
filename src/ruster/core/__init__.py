"""The vocabulary every other package speaks: messages, inference events, ports, errors, ids, clock.

Nothing in here imports another package of ruster, and nothing in here does I/O.
"""
