"""The order of a scheme: conditions, evidence, assumptions that spare them, and the errors that are left."""
