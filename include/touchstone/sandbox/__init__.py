"""A simulated software firm with known truth, and the vendors' APIs that show it.

`company.build` makes the firm, `state` tells how a conversation stands at any moment, `truth` what a perfect extraction
yields and what a perfect judge would say, and `api` serves it all over HTTP.
"""
