"""Running what is not trusted: processes, scripts, and requests to addresses others chose."""
