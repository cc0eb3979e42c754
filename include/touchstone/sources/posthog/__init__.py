"""PostHog: product events, by queries in HogQL."""
