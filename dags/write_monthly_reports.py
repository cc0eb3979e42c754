"""
### Purpose
Writes the monthly report (outcomes, where to invest, return of AI agents, retention) and the executive page.

### Inputs and outputs
Reads the published marts. Writes `build/reports/monthly/<first day>.html` and `build/reports/executive/<first day>.html` and, beside
each, the same in short as an e-mail (`.eml`).

### Schedule
On the 1st of each month at 07:30 UTC, on the month before; again on the 16th, when its figures of money have settled.

### If it fails
No mart is touched. `nothing is published that a report could be written from` means that the daily cycle has not published yet: start
the task again after `publish_marts`.

### Owner
data-platform
"""

from airflow.sdk import CronTriggerTimetable, dag, task

from touchstone.orchestration.common import Tag, dag_defaults, write_report


@dag(
    schedule=CronTriggerTimetable("30 7 1,16 * *", timezone="UTC"), tags=[Tag.REPORT], doc_md=__doc__, **dag_defaults()
)
def write_monthly_reports():
    @task
    def monthly():
        return write_report("monthly")

    @task
    def executive():
        return write_report("executive")

    monthly() >> executive()


write_monthly_reports()
