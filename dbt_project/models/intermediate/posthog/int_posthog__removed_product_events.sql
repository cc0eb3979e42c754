-- one row per event that PostHog no longer states when its day is read again
{{ removed_product_events_of('posthog') }}
