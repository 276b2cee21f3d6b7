"""What ended a group of tasks, for a person."""

from heliograph.errors import BrokerError
from heliograph.worker.transactions import first_cause


def test_the_error_for_a_person_is_found_however_deep_it_lies():
    error = BrokerError("no", code=90)
    inner = BaseExceptionGroup("inner", [ValueError("a defect"), BaseExceptionGroup("innermost", [error])])
    assert first_cause(BaseExceptionGroup("outer", [inner])) is error


def test_a_defect_stays_what_it_is():
    group = BaseExceptionGroup("outer", [BaseExceptionGroup("inner", [ValueError("a defect")])])
    assert first_cause(group) is group
