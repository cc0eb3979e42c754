"""Zendesk Support: tickets and what happened to them, people, ratings, articles, and the AI agents' own export."""
