"""When things are due: times and rhythms, how they are read from words and told in words.

All of it is a function of its arguments; no clock, no file, no task.
"""
