"""What can be read from a text alone: its sentiment, its markers, what it resembles, what it must not reveal."""
