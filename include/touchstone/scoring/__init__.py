"""DataFrame in, scores out: sentiment, markers, trajectories, indicators with evidence, dimensions and totals."""
