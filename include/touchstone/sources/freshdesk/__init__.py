"""Freshdesk: tickets with their conversations, people, companies, satisfaction ratings, and solutions."""
