"""Where the flow of an image ends: its noise, the flow, and policies that choose a terminal time."""
