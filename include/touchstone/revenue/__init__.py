"""What support quality goes with in money: associations by lag, the cut below which accounts leave, cohorts, adjusted effects, leads."""
