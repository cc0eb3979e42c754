"""The three gates: Great Expectations at the boundaries of the warehouse, and the page that shows what they found."""
