"""What customers want: intents, questions that are new, groups of questions, the taxonomy, and what was given and asked again."""
