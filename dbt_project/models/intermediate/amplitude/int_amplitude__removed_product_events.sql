-- one row per event that Amplitude no longer states when its hour is read again
{{ removed_product_events_of('amplitude') }}
