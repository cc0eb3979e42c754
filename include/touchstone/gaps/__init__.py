"""Knowledge gaps: questions that AI agents cannot answer, grouped, followed from the first sign to a fix that is shown to work."""
