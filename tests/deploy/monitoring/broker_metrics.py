"""RabbitMQ's own exporter, switched on in a node that runs, on a port of loopback."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from stack.ports import free_port
from stack.rabbitmq import LocalNode
from stack.system import Stack

PLUGIN = "rabbitmq_prometheus"
TIMEOUT = 300.0


async def export_broker(stack: Stack) -> int:
    """Switch the exporter on, and return its port. Skips where the node runs in a container."""
    node = stack.rabbitmq
    if not isinstance(node, LocalNode):
        pytest.skip("RabbitMQ runs in a container here, where its exporter cannot be given a port")
    scripts = Path(node.child.command[0]).parent
    port = free_port()
    place = f'[{{ip, "127.0.0.1"}}, {{port, {port}}}]'
    setting = f"application:set_env({PLUGIN}, tcp_config, {place}, [{{persistent, true}}])."
    await _run(node, scripts / "rabbitmqctl", "eval", setting)
    await _run(node, scripts / "rabbitmq-plugins", "enable", "--online", PLUGIN)
    return port


async def _run(node: LocalNode, script: Path, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        str(script), *arguments, env=node.child.env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(TIMEOUT):
        output, _ = await process.communicate()
    assert process.returncode == 0, f"{script.name} {' '.join(arguments)}\n{output.decode()}"
