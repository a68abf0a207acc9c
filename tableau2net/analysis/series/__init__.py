"""B-series as objects, what is found by them, and their trees drawn."""
