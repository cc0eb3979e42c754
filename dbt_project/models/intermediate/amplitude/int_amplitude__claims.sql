-- one row per claim of a user of the product that an event has made
{{ product_claims_of('amplitude', has_former_id=true) }}
