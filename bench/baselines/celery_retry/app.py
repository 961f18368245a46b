"""The Celery application's settings, each with its page; the tasks are beside this.

All are in https://docs.celeryq.dev/en/stable/userguide/configuration.html under their names.
"""

from __future__ import annotations

from typing import Any

from celery import Celery

QUEUE = "dials"
DIAL = "dial"
READY = "the worker takes tasks"
CONFIG: dict[str, Any] = {
    # a task is acknowledged when it is done, and comes again when its worker dies
    # (https://docs.celeryq.dev/en/stable/faq.html#should-i-use-retry-or-acks-late)
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    # no worker hoards tasks (https://docs.celeryq.dev/en/stable/userguide/optimizing.html#prefetch-limits)
    "worker_prefetch_multiplier": 1,
    # the broker confirms every message that is sent to it
    # (https://docs.celeryq.dev/projects/kombu/en/stable/reference/kombu.transport.pyamqp.html)
    "broker_transport_options": {"confirm_publish": True},
    # a classic queue, which is durable: with a quorum queue retries wait in the broker instead of in the worker
    # (https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/rabbitmq.html#using-quorum-queues), and
    # half as many calls came about
    "task_default_queue": QUEUE,
    "task_default_queue_type": "classic",
    # nobody reads results (https://docs.celeryq.dev/en/stable/userguide/tasks.html#ignore-results-you-don-t-want)
    "task_ignore_result": True,
    "broker_connection_retry_on_startup": True,
    "worker_enable_remote_control": False,
}


def make_app(amqp_url: str) -> Celery:
    """An application that sends and receives through this broker."""
    app = Celery("dialer", broker=amqp_url)
    app.conf.update(CONFIG)
    return app
