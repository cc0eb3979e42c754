"""Sources: one module per system, all of them landing raw documents with the same verbs."""
