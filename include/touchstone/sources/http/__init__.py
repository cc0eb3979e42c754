"""Sources that are read over HTTP: a client that neither loses patience nor records, and pages that land with their cursor.

A connector (`touchstone.sources.zendesk.connector`, ...) is a declared table of streams; each stream names the dialect in which its
pages are walked (`walks`). `runner` lands every page in one transaction with the cursor that follows it.
"""
