"""Benchmarks of the daemon, each with a control measured in the same run. Not a test."""
