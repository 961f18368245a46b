"""Liveness, readiness and a few metrics."""

from collections.abc import Iterator

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from simulator.exchange import Exchange
from simulator.rest import answer_json


class Health(Collector):
    """Handlers of `/healthz`, `/readyz` and `/metrics`; counts are read when they are asked for."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/healthz", self.alive),
            web.get("/readyz", self.ready),
            web.get("/metrics", self.metrics),
        ]

    async def alive(self, _request: web.Request) -> web.Response:
        return answer_json({"status": "ok"})

    async def ready(self, _request: web.Request) -> web.Response:
        return answer_json({"status": "ready"})

    async def metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), content_type="text/plain")

    def collect(self) -> Iterator[Metric]:
        tally = self._exchange.tally
        yield GaugeMetricFamily("simulator_calls_live", "Calls created and not ended", value=tally.live)
        placed = CounterMetricFamily("simulator_calls_placed", "Calls created", value=tally.creates.total())
        yield placed
        ended = CounterMetricFamily("simulator_calls_ended", "Calls ended", labels=["outcome"])
        for outcome, count in tally.outcomes.items():
            ended.add_metric([outcome], count)
        yield ended
