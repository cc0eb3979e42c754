"""SQL: any database, by a declared mapping of its tables to the vocabulary of the conversation file."""
