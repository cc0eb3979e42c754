"""Request Tracker 5 over REST2: tickets, all that happened to them, what was written, and who wrote it."""
