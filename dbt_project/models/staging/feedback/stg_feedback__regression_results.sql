-- one row per case, metric, version and run of a test suite, as last corrected
select
    record_id,
    record_key,
    record ->> 'suite' as suite,
    record ->> 'case_id' as case_id,
    record ->> 'case_type' as case_type,
    record ->> 'metric' as metric,
    record ->> 'agent_version' as agent_version,
    (record ->> 'value')::double precision as value,
    (record ->> 'passed')::boolean as passed,
    (record ->> 'ran_at')::timestamptz as ran_at,
    taken_up_as_of,
    run_id
from {{ source('feedback', 'records') }}
where kind = 'regression_results' and superseded_by is null
