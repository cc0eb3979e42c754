-- one row per claim of a user of the product that an event has made
{{ product_claims_of('mixpanel') }}
