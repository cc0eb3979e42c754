"""Money: assumptions in plain sight, closed months, and what finance takes away."""
