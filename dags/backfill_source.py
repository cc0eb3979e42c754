"""
### Purpose
Reads an interval of one source instance again, without moving its cursor.

### Inputs and outputs
Reads the source. Updates `touchstone://raw/<source>/<instance>`, so that what changed is transformed, scored and published.

### Schedule
By hand, with the form.

### If it fails
Safe to run again: rows are upserted by version, unchanged rows stay as they are.

### Owner
data-platform
"""

from airflow.sdk import Param, dag, get_current_context, task

from touchstone.orchestration.common import INGEST_POOL, Tag, announce, dag_defaults, raw_asset
from touchstone.orchestration.ingest import backfill_instance
from touchstone.sources.config import load_sources

NAMES = [f"{source.source}:{source.instance}" for source in load_sources()]


@dag(
    schedule=None,
    tags=[Tag.INGEST, Tag.MANUAL],
    doc_md=__doc__,
    params={
        "source": Param(NAMES[0], enum=NAMES, title="Source instance", description="Which instance to read again."),
        "from": Param("2026-01-01", type="string", format="date", title="From", description="First day, in UTC."),
        "to": Param("2026-01-31", type="string", format="date", title="To", description="Last day, in UTC."),
    },
    **dag_defaults(),
)
def backfill_source():
    @task(outlets=[raw_asset(*name.split(":")) for name in NAMES], pool=INGEST_POOL)
    def backfill():
        context = get_current_context()
        announce(context, raw_asset(*context["params"]["source"].split(":")), backfill_instance(context))

    backfill()


backfill_source()
