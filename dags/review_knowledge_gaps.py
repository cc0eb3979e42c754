"""
### Purpose
Writes the weekly review of knowledge gaps: for operations, and for each team that owns some of them, a page and a sheet.

### Inputs and outputs
Reads the published marts of knowledge gaps. Writes `build/gap_review/<last day>/`: `index.html`, `gaps.csv`, and `<team>.html` and
`<team>.csv` for each team.

### Schedule
Mondays at 06:00 UTC.

### If it fails
No mart is touched. `no knowledge gaps are published` means that the daily cycle has not published yet: start the task again
after `publish_marts`.

### Owner
data-platform
"""

from airflow.sdk import CronTriggerTimetable, dag, task

from touchstone.orchestration.common import Tag, dag_defaults, write_report


@dag(schedule=CronTriggerTimetable("0 6 * * MON", timezone="UTC"), tags=[Tag.REPORT], doc_md=__doc__, **dag_defaults())
def review_knowledge_gaps():
    @task
    def gap_review():
        return write_report("gaps")

    gap_review()


review_knowledge_gaps()
