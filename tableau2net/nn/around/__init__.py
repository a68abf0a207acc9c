"""What stands around the steps of a block: noise, damping, the sizes of steps."""
