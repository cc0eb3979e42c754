"""
### Purpose
Lands what is new in one source instance. This file makes one DAG for each instance of config/sources.yml.

### Inputs and outputs
Reads the source. Updates `touchstone://raw/<source>/<instance>`, which starts the transformation.

### Schedule
The `schedule` of the instance in config/sources.yml; without one, by hand or by `touchstone run`.

### If it fails
Other sources go on. Rows and cursor are committed together, so running it again goes on where it stopped; what cannot be
used is in ops.quarantine with its reason and remedy.

### Owner
data-platform
"""

from airflow.sdk import Param, dag, get_current_context, task

from touchstone.orchestration.common import INGEST_POOL, Tag, announce, dag_defaults, raw_asset
from touchstone.orchestration.ingest import ingest_instance
from touchstone.sources.config import SourceInstance, load_sources


def ingest_dag(source: SourceInstance):
    asset = raw_asset(source.source, source.instance)

    @dag(
        dag_id=f"ingest_{source.source}_{source.instance}",
        schedule=source.schedule,
        tags=[Tag.INGEST],
        doc_md=__doc__,
        params={
            "path": Param(
                None, type=["null", "string"], title="Path", description="Read this instead of the configured place."
            ),
            "as_of": Param(
                None, type=["null", "string"], title="As of", description="End of the ledger day, such as 2026-03-31."
            ),
        },
        **dag_defaults(),
    )
    def ingest_source():
        @task(outlets=[asset], pool=INGEST_POOL)
        def ingest():
            context = get_current_context()
            announce(context, asset, ingest_instance(source, context))

        ingest()

    return ingest_source()


for configured in load_sources():
    ingest_dag(configured)
