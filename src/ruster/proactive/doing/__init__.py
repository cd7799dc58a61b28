"""Doing what jobs ask for, one kind of action a module."""
