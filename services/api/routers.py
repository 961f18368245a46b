"""Every router of the API, in the order of its documentation."""

from __future__ import annotations

from fastapi import APIRouter

from services.api import routes_businesses, routes_ending, routes_leads, routes_runs, routes_start

ROUTERS: tuple[APIRouter, ...] = (
    routes_businesses.router,
    routes_leads.router,
    routes_start.router,
    routes_runs.router,
    routes_ending.router,
)
