-- Zendesk Support, its help centre, and the data export of its AI agents. interaction_id is the ticket's id.
call ops.create_raw_stream('raw_zendesk', 'tickets');
call ops.create_raw_stream('raw_zendesk', 'metric_sets');
call ops.create_raw_stream('raw_zendesk', 'ticket_events');
call ops.create_raw_stream('raw_zendesk', 'ticket_metric_events');
call ops.create_raw_stream('raw_zendesk', 'satisfaction_ratings');
call ops.create_raw_stream('raw_zendesk', 'deleted_tickets');
call ops.create_raw_stream('raw_zendesk', 'ai_conversations');
call ops.create_raw_stream('raw_zendesk', 'users');
call ops.create_raw_stream('raw_zendesk', 'organizations');
call ops.create_raw_stream('raw_zendesk', 'groups');
call ops.create_raw_stream('raw_zendesk', 'group_memberships');
call ops.create_raw_stream('raw_zendesk', 'brands');
call ops.create_raw_stream('raw_zendesk', 'ticket_fields');
call ops.create_raw_stream('raw_zendesk', 'sla_policies');
call ops.create_raw_stream('raw_zendesk', 'articles');
