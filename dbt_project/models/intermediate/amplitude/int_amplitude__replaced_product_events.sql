-- one row per statement of an event that left or was replaced, in the shape that all sources share
{{ replaced_product_events_of('amplitude', statements=['$identify', '$groupidentify']) }}
