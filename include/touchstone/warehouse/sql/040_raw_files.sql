-- The conversation file: headers and messages land apart, whichever shape they came in.
call ops.create_raw_stream('raw_files', 'conversations');
call ops.create_raw_stream('raw_files', 'messages');
