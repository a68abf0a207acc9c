"""Training recipes: what is tuned of a run, as data."""
