"""The findings, a tuple of rows a wing, each in the order in which a person asks for them."""
