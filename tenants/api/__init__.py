"""HTTP edges of tenants, people, tokens and the audit record."""
