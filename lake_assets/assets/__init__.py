"""One module for each of the four assets of a table."""
