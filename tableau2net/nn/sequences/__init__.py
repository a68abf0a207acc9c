"""Dynamics in time: fields that a sequence drives, and the recurrent networks that schemes make of them."""
