"""Salesforce: the CRM, and the cases of its service desk with what was said in them."""
