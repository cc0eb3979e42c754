"""Clean questions and marts of intents for gates 2 and 3, and corruptions of the marts with the claim that each has to break."""

from __future__ import annotations

INTENT_TABLES = ("scores.intents",)
INTENT_SCORES = (
    """
    insert into scores.intent_models (model_version, state, intents, vectors, data_hash, fitted_count, report, artifact,
        artifact_hash, registered_as_of, is_complete)
    values ('m', 'active', '{refund}', 'static', 'd', 200, '{}', '', '', '2026-03-01', true)
    """,
    "select ops.ensure_month_partition('scores.intents'::regclass, timestamptz '2026-03-01')",
    """
    insert into scores.intents (interaction_started_at, interaction_key, input_hash, model_version, message_key, question_hash, intent,
        confidence, novelty, is_novel, is_abstained, scored_as_of, scored_at)
    select started_at, interaction_key, input_hash, 'm', '', '', 'refund', 0.9, 0.0, false, false, '2026-03-31', '2026-03-31'
    from core.interactions where is_eligible
    """,
)
_ROWS = {
    "fct_interaction_intents": """
        md5('i7') as interaction_key, 'refund' as predicted_intent, 'refund' as true_intent, 'label' as true_source,
        0.9 as confidence, 0.1 as novelty, false as is_abstained, false as is_novel, true as is_known_intent, true as is_correct,
        7::bigint as _ledger_id
    """,
    "rpt_intent_model_accuracy": """
        date '2026-03-01' as period_start, 'label' as true_source, 'refund' as true_intent, 'refund' as predicted_intent,
        40 as pair_count, 2 as novel_count, 40 as n, 40 as month_correct_count, 40 as month_n, 1.0 as pair_rate
    """,
    "rpt_intent_model_novelty": """
        date '2026-03-01' as period_start, 'label' as true_source, 4 as new_n, 1 as missed_count, 40 as known_n,
        2 as false_novel_count, 0.25 as miss_rate, 0.05 as false_novel_rate
    """,
    "rpt_novel_intents_weekly": """
        'c00001' as cluster_id, 'jobs' as cluster_name, 'promoted' as status, 'jobs' as promoted_intent, 'people' as owner_team,
        'none' as recommended_action, 5 as question_count, 5 as cumulative_question_count, 5 as all_question_count,
        1 as still_novel_count, date '2026-03-02' as period_start, timestamptz '2026-03-05' as promoted_at
    """,
}
INTENT_MARTS = tuple(f"create table marts_build.{name} as select {columns}" for name, columns in _ROWS.items())
_SET = {
    "fct_interaction_intents": {
        "confidence = null": "whoever abstains says nothing, and whoever reads says all",
        "is_correct = false": "an intent is right or wrong exactly where the model knows the truth and has read the question",
        "true_source = null": "a truth has its source",
    },
    "rpt_intent_model_accuracy": {"pair_count = 41": "the pairs of an intent, and of a month, add up"},
    "rpt_intent_model_novelty": {
        "missed_count = 5": "nothing is missed that was not new, and nothing taken for new that was not known"
    },
    "rpt_novel_intents_weekly": {
        "question_count = 6": "the weeks of a cluster add up",
        "owner_team = null": "every cluster has an owner and something that is recommended",
        "promoted_at = null": "a promoted cluster has its intent and its day",
    },
}
INTENT_BLOCKING = [
    (
        "insert into marts_build.fct_interaction_intents select * from marts_build.fct_interaction_intents",
        "every question is there once",
    ),
    *(
        (f"update marts_build.{name} set {corruption}", claim)
        for name, corruptions in _SET.items()
        for corruption, claim in corruptions.items()
    ),
]
