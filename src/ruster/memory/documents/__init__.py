"""Documents: files and pages as pieces that can be found."""
