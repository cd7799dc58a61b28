"""The terminal interface, ``rusterctl tui``: chat, approvals, jobs, board and memory on one screen.

It is one more client: all it knows comes from the daemon's socket.
"""
