"""
### Purpose
Writes the daily check: is anything broken in the data, the sources, the volume, escalations, policies, or the AI agent.

### Inputs and outputs
Reads the published marts. Writes `build/reports/daily/<day>.html` and, beside it, the same in short as an e-mail (`.eml`).

### Schedule
Every day at 06:00 UTC, whether or not something was published: a cycle that did not run is what the check tells first.

### If it fails
No mart is touched. `nothing is published that a report could be written from` means that the daily cycle has not published yet: start
the task again after `publish_marts`.

### Owner
data-platform
"""

from airflow.sdk import CronTriggerTimetable, dag, task

from touchstone.orchestration.common import Tag, dag_defaults, write_report


@dag(schedule=CronTriggerTimetable("0 6 * * *", timezone="UTC"), tags=[Tag.REPORT], doc_md=__doc__, **dag_defaults())
def write_daily_check():
    @task
    def check():
        return write_report("daily")

    check()


write_daily_check()
