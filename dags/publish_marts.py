"""
### Purpose
Builds facts for what changed, groups the questions that failed into knowledge gaps, works out what quality goes with in money, builds
and checks the marts, and shows them to readers in one transaction.

### Inputs and outputs
Reads `touchstone://scores`. Updates `touchstone://marts`.

### Schedule
Whenever scores have changed.

### If it fails
Readers keep the set that was published last. A failed gate 3 names the claim and the keys. The next run publishes
everything that has changed since the last publication, so nothing is skipped.

### Owner
data-platform
"""

from airflow.sdk import dag, get_current_context, task

from touchstone.orchestration.common import MARTS, SCORES, Tag, announce, as_of_of, dag_defaults, run_step


@dag(schedule=[SCORES], tags=[Tag.PUBLISH], doc_md=__doc__, **dag_defaults())
def publish_marts():
    @task
    def facts():
        run_step("facts", get_current_context())

    @task
    def gaps():
        run_step("gaps", get_current_context())

    @task
    def revenue():
        run_step("revenue", get_current_context())

    @task
    def marts():
        run_step("marts", get_current_context())

    @task
    def gate_3():
        run_step("gate_3", get_current_context())

    @task(outlets=[MARTS])
    def publish():
        context = get_current_context()
        run_step("publish", context)
        announce(context, MARTS, as_of_of(context))

    facts() >> gaps() >> revenue() >> marts() >> gate_3() >> publish()


publish_marts()
