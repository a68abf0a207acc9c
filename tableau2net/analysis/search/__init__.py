"""Searches among schemes: what mends a table, which parameters reach an order, what is best in a family."""
