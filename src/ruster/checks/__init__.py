"""The checks of ``doctor``: what each looks at, and the table that joins them."""
