"""Gathers every part's settings from files and environment; the only reader of the environment."""
