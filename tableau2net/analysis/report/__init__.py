"""What is known of a scheme, for people and for programs: its findings, its claims, and the report that tells them."""
