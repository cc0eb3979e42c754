"""
### Purpose
Builds core from what has landed: typed views, gate 1, redaction, core.

### Inputs and outputs
Reads the raw assets of all configured source instances; any one of them starts the run. Updates `touchstone://core`.

### Schedule
Whenever a source instance has landed rows.

### If it fails
Readers keep what is published. A failed gate 1 names the claim, the counts and the keys: correct the records at their
source and ingest again. Every task is safe to run again: it finds its work by the last success.

### Owner
data-platform
"""

from airflow.sdk import AssetAny, dag, get_current_context, task

from touchstone.orchestration.common import CORE, Tag, announce, as_of_of, dag_defaults, raw_asset, run_stage, run_step
from touchstone.sources.config import load_sources


@dag(
    schedule=AssetAny(*(raw_asset(source.source, source.instance) for source in load_sources())),
    tags=[Tag.TRANSFORM],
    doc_md=__doc__,
    **dag_defaults(),
)
def transform_interactions():
    @task
    def stage():
        run_stage(get_current_context())

    @task
    def gate_1():
        run_step("gate_1", get_current_context())

    @task
    def clean():
        run_step("clean", get_current_context())

    @task(outlets=[CORE])
    def core():
        context = get_current_context()
        run_step("core", context)
        announce(context, CORE, as_of_of(context))

    stage() >> gate_1() >> clean() >> core()


transform_interactions()
