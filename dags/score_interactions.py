"""
### Purpose
Scores every interaction that has no score of the active scorer for its present content, takes up what people say back, asks them
for what is due, reads what customers ask for with the active model of intents, and checks the scores.

### Inputs and outputs
Reads `touchstone://core`, `feedback.inbox` and `feedback.review_inbox`. Updates `touchstone://scores`.

### Schedule
Whenever core has changed.

### If it fails
Readers keep what is published. Scores are written batch by batch, each in one transaction: running the task again scores
what is missing. A failed gate 2 names the claim; scores of older versions are never changed.

### Owner
data-platform
"""

from airflow.sdk import dag, get_current_context, task

from touchstone.orchestration.common import CORE, SCORES, Tag, announce, as_of_of, dag_defaults, run_step


@dag(schedule=[CORE], tags=[Tag.SCORE], doc_md=__doc__, **dag_defaults())
def score_interactions():
    @task
    def score():
        run_step("score", get_current_context())

    @task
    def review():
        run_step("review", get_current_context())

    @task
    def intents():
        run_step("intents", get_current_context())

    @task(outlets=[SCORES])
    def gate_2():
        context = get_current_context()
        run_step("gate_2", context)
        announce(context, SCORES, as_of_of(context))

    score() >> review() >> intents() >> gate_2()


score_interactions()
