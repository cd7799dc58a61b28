"""Notifications: on the desktop, by a command of the person's own, and questions for approval."""
