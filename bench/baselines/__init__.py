"""What a team would build instead: three dialers for the bench to measure, each in a folder of its own.

They share what is the same in all of them (tables, the provider's client, the endpoint for callbacks), so that what
differs is the design: who limits the calls of a business, and what waits when no slot is free.
"""
