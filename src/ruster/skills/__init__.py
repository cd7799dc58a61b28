"""Skills: the open standard, descriptors and scripts; discovery, choice, activation."""
