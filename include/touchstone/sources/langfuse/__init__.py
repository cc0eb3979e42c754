"""Langfuse: the traces of AI agents, and what was said of them."""
