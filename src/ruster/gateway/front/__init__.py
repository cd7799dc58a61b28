"""The gateway's TCP side: connections, bounded in number, time and patience.

The one place beside ``listening`` that imports the HTTP server of the extra ``gateway``.
"""
