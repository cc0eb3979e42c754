"""Pages for people, written from the published marts."""
