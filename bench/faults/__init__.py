"""The fault campaign: the real stack under a seeded plan of faults, and what has to hold after."""
