"""Questions that a warm process answers, within their time or not at all."""

import threading
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from app.definitions.messages import Ask, Reply
from app.engine.children import ForkServer, QueryChild
from app.errors import Invalid, NotFound, Unavailable
from tests.runner.processes import is_alive, kill


@pytest.fixture
def answered(forkserver: ForkServer) -> Iterator[QueryChild]:
    """A query child whose own questions are answered."""

    def answer(ask: Ask) -> Reply:
        if ask["params"].get("calendar") == "XMOON":
            raise NotFound("There is no calendar 'XMOON'.")
        return {"type": "reply", "id": ask["id"], "result": ["2026-01-05"]}

    queries = QueryChild(forkserver, answer)
    yield queries
    queries.close()


def pid_of(queries: QueryChild) -> int:
    return int(queries.ask("process_id", {}))


def test_a_query_answers_json(queries: QueryChild) -> None:
    assert queries.ask("doubled", {"number": 4}) == {"twice": 8}


def test_a_frame_is_answered_as_arrow(queries: QueryChild) -> None:
    stream = queries.ask("table", {"rows": 3})
    assert pa.ipc.open_stream(stream).read_all().to_pydict()["n"] == [0, 1, 2]
    large = pa.ipc.open_stream(queries.ask("table", {"rows": 1_000_000})).read_all()
    assert large.num_rows == 1_000_000


def test_a_query_asks_in_turn(answered: QueryChild, queries: QueryChild) -> None:
    assert answered.ask("sessions_of", {"calendar": "XSHG"}) == ["2026-01-05"]
    with pytest.raises(Unavailable, match="no calendar 'XMOON'"):
        answered.ask("sessions_of", {"calendar": "XMOON"})
    with pytest.raises(Unavailable, match="nothing here answers 'sessions'"):
        queries.ask("sessions_of", {"calendar": "XSHG"})


def test_errors_are_told_as_text_and_ours_as_what_they_are(queries: QueryChild) -> None:
    with pytest.raises(NotFound, match="no query 'double'; did you mean 'doubled'"):
        queries.ask("double", {})
    with pytest.raises(Invalid, match="query 'doubled' does not accept its params: number"):
        queries.ask("doubled", {"number": "four"})
    with pytest.raises(Unavailable, match="LookupError: no such thing"):
        queries.ask("breaks", {})


def test_a_query_that_takes_too_long_is_ended_and_the_next_is_answered(queries: QueryChild) -> None:
    first = pid_of(queries)
    with pytest.raises(Unavailable, match=r"'never' took longer than 0\.2 s"):
        queries.ask("never", {}, timeout=0.2)
    assert not is_alive(first)
    assert queries.ask("doubled", {"number": 1}) == {"twice": 2}
    assert pid_of(queries) != first


def test_a_query_that_ends_the_process_says_how(queries: QueryChild) -> None:
    with pytest.raises(Unavailable, match="exit code 9"):
        queries.ask("dies", {})
    assert queries.ask("doubled", {"number": 1}) == {"twice": 2}


def test_a_process_that_was_killed_meanwhile_is_replaced_unseen(queries: QueryChild) -> None:
    kill(pid_of(queries))
    assert queries.ask("doubled", {"number": 1}) == {"twice": 2}


def test_many_threads_may_ask(queries: QueryChild) -> None:
    answers: dict[int, Any] = {}

    def ask(number: int) -> None:
        answers[number] = queries.ask("doubled", {"number": number}, timeout=30)["twice"]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: number * 2 for number in range(20)}


def test_who_waits_behind_another_for_too_long_is_told_so(queries: QueryChild) -> None:
    queries.ask("doubled", {"number": 1})
    errors: list[Unavailable] = []
    began = threading.Event()

    def ask(timeout: float) -> None:
        began.set()
        try:
            queries.ask("never", {}, timeout=timeout)
        except Unavailable as error:
            errors.append(error)

    thread = threading.Thread(target=ask, args=(2,))
    thread.start()
    began.wait()
    while not queries._lock.locked():
        pass
    with pytest.raises(Unavailable, match=r"waited for longer than 0\.1 s"):
        queries.ask("doubled", {"number": 1}, timeout=0.1)
    thread.join()
    assert "took longer" in str(errors[0])


def test_an_idle_process_is_ended(forkserver: ForkServer, monkeypatch: pytest.MonkeyPatch) -> None:
    queries = QueryChild(forkserver)
    pid = pid_of(queries)
    queries.reap_idle()
    assert is_alive(pid)
    monkeypatch.setattr(queries, "_used", -1e9)
    queries.reap_idle()
    assert not is_alive(pid)
    assert pid_of(queries) != pid
    queries.close()


def test_a_snapshot_is_revealed(answered: QueryChild, queries: QueryChild) -> None:
    state: Any = {"snapshot": 4, "published_at": "2026-01-05T00:00:00Z", "datasets": {}}
    answered.reveal(state)
    with pytest.raises(Unavailable, match="no room for a view"):
        answered.reveal({**state, "published_at": "never"})
