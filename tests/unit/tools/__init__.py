"""Tests of ``ruster.tools``."""
