-- ops.built_relations takes over from ops.built_views; the views are made once more.
drop table if exists ops.built_views;
