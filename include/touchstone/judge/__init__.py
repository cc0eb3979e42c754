"""An optional judge: a language model behind any OpenAI-compatible endpoint answers questions about an interaction, with quotes.

It is off by default, and it is never the last word: what it says is checked against a schema and against the text, the rules'
verdict is kept beside its own, and whatever has no usable answer falls back to the rules and says why.

    with Store() as store, open_judge(judge_settings(), store, run_id) as judge:
        judgements = judge.judge(cases)

`cases` has what goes in and comes out, `judge` the judges, `store` what they share, `settings` how they are set up.
"""
