-- Gaps also open where questions fail although the AI agent was sure. The facts that they are counted from are built anew, and with
-- them every question.
alter table if exists derived.gap_questions add column if not exists misled_at timestamptz;
alter table if exists derived.gap_measures
add column if not exists misled_count int not null default 0,
drop constraint if exists gap_measures_opened_by_check,
add constraint gap_measures_opened_by_check
check (opened_by in ('lacking_knowledge', 'low_confidence', 'sure_but_unhelpful', 'worse_than_before', 'decision'));
