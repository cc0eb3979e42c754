-- Product analytics: one row per event, whose id is the md5 of what makes two statements of it the same.
call ops.create_raw_stream('raw_mixpanel', 'events');
