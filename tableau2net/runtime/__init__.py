"""Run-time code that generated classes need; a standalone file carries its text along."""
