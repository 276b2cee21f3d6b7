"""Which errors a route may answer with."""

from heliograph.api.flows.routes import Route
from heliograph.api.flows.shapes import Flow, LanesQuery


async def nothing(_, __):
    return None


def test_errors_follow_from_what_it_takes():
    assert Route("GET", "", "a", "", nothing, Flow).errors == (500,)
    assert Route("GET", "/flows/{flow}", "a", "", nothing, Flow).errors == (404, 500)
    assert Route("GET", "", "a", "", nothing, Flow, query=LanesQuery).errors == (400, 404, 500)
    assert Route("POST", "", "a", "", nothing, Flow, asks_clusters=True).errors == (403, 409, 500, 502)
    assert Route("POST", "", "a", "", nothing, Flow, may_be_busy=True).errors == (403, 500, 503)
