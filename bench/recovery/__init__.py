"""How long dialling pauses after a fault, measured at the provider's ledger: `python -m bench.recovery`.

Rules: everything that decides recovery has the contract's default; only caps, rates and the speed of the provider's
calls are raised, so that creates come densely. Two dispatchers run, and the active one is whoever says so in its
metrics. A pause counts from the last create before it to the first one after it, while jobs wait and slots are free;
where a create still arrives after the fault the longest pause is taken, not the first. Afterwards the history checker
judges the whole ledger, and without a clean judgement there are no figures.
"""
