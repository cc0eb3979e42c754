-- one row per event of product analytics, in the shape that all sources share
{{ product_events_of('posthog', statements=['$identify', '$create_alias', '$merge_dangerously', '$set', '$groupidentify']) }}
