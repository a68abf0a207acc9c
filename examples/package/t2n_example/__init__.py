"""What a package adds to tableau2net; each file is one thing, and registers itself."""
