"""
### Purpose
Writes the weekly report: trends, wins and declines beside the changes that they follow, new gaps, fixes, and where customers struggle.

### Inputs and outputs
Reads the published marts. Writes `build/reports/weekly/<Monday>.html` and, beside it, the same in short as an e-mail (`.eml`).

### Schedule
Mondays at 06:30 UTC, on the week before.

### If it fails
No mart is touched. `nothing is published that a report could be written from` means that the daily cycle has not published yet: start
the task again after `publish_marts`.

### Owner
data-platform
"""

from airflow.sdk import CronTriggerTimetable, dag, task

from touchstone.orchestration.common import Tag, dag_defaults, write_report


@dag(schedule=CronTriggerTimetable("30 6 * * MON", timezone="UTC"), tags=[Tag.REPORT], doc_md=__doc__, **dag_defaults())
def write_weekly_report():
    @task
    def report():
        return write_report("weekly")

    report()


write_weekly_report()
