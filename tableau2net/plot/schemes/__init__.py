"""Pictures of schemes."""
