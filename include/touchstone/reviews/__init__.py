"""Reviewers and the warehouse: what they say comes in, what they should look at goes out, and models learn from both."""
