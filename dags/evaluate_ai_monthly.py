"""
### Purpose
Writes the monthly evaluation of AI agents: what got worse, what to do, new knowledge gaps, and cases to read.

### Inputs and outputs
Reads the published marts of evaluation. Writes `build/ai_evaluation/month-<first day>.html`.

### Schedule
On the first day of each month at 07:00 UTC.

### If it fails
No mart is touched. `no evaluation of AI agents is published` means that the daily cycle has not published yet: start the task
again after `publish_marts`.

### Owner
data-platform
"""

from airflow.sdk import CronTriggerTimetable, dag, task

from touchstone.orchestration.common import Tag, dag_defaults, write_report


@dag(schedule=CronTriggerTimetable("0 7 1 * *", timezone="UTC"), tags=[Tag.REPORT], doc_md=__doc__, **dag_defaults())
def evaluate_ai_monthly():
    @task
    def evaluation():
        return write_report("ai_month")

    evaluation()


evaluate_ai_monthly()
