"""What is measured, and how: `python -m bench.recovery` measures how long dialling pauses after a fault.

Rules: what counts is what the provider's ledger says; a figure is never written by hand, the command that measures it
writes its JSON file into `bench/results`, with the machine on which it was measured.
"""
