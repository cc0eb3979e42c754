"""Learning from reviewers: review rows and conversations in, a calibrated model that knows when it is unsure out."""
