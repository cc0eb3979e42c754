-- HubSpot as CRM and as helpdesk. interaction_id is the ticket's id; an archived object lands as its row with "archived": true.
call ops.create_raw_stream('raw_hubspot', 'tickets');
call ops.create_raw_stream('raw_hubspot', 'threads');
call ops.create_raw_stream('raw_hubspot', 'messages');
call ops.create_raw_stream('raw_hubspot', 'feedback_submissions');
call ops.create_raw_stream('raw_hubspot', 'associations');
call ops.create_raw_stream('raw_hubspot', 'companies');
call ops.create_raw_stream('raw_hubspot', 'contacts');
call ops.create_raw_stream('raw_hubspot', 'deals');
call ops.create_raw_stream('raw_hubspot', 'owners');
call ops.create_raw_stream('raw_hubspot', 'actors');
call ops.create_raw_stream('raw_hubspot', 'pipelines');
