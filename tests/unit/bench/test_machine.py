import platform

from bench.machine import Machine, cpu_name

MACHINE = Machine(2, "Some CPU", 7.8, "Linux 6.1 x86_64", "3.12.1", postgresql="17.6")


def test_the_cpu_is_the_first_processor_s_name() -> None:
    assert cpu_name("processor\t: 0\nmodel name\t: AMD EPYC\nprocessor\t: 1\nmodel name\t: other\n") == "AMD EPYC"


def test_a_cpu_without_a_name_is_its_architecture() -> None:
    assert cpu_name("processor\t: 0\nBogoMIPS\t: 50.00\n") == platform.machine()


def test_a_machine_comes_back_from_its_json_also_with_fields_of_later_days() -> None:
    assert Machine.from_json({**MACHINE.as_json(), "disk": "fast"}) == MACHINE


def test_a_machine_in_one_line_names_only_the_servers_that_took_part() -> None:
    assert str(MACHINE) == "2 cores of Some CPU, 7.8 GiB, Linux 6.1 x86_64, Python 3.12.1, PostgreSQL 17.6"


async def test_this_machine_is_described_without_servers() -> None:
    here = await Machine.here()
    assert here.cores >= 1
    assert here.memory_gib > 0
    assert here.python == platform.python_version()
    assert here.rabbitmq is None
