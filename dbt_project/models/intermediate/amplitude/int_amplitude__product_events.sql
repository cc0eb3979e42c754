-- one row per event of product analytics, in the shape that all sources share
{{ product_events_of('amplitude', statements=['$identify', '$groupidentify']) }}
