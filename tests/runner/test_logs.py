"""Whatever way an op says something, it arrives as a line of its step."""

from app.engine.children import Child
from tests.runner.runs import execute, node


def test_all_loggers_lead_into_one_log(child: Child) -> None:
    ran = execute(child, node("a", "logs"))
    lines = {event["message"]: event for event in ran.of("log")}
    assert {(line["node"], line["attempt"]) for line in lines.values()} == {("a", 1)}
    levels = {message: line["level"] for message, line in lines.items()}
    assert levels["by context"] == "info"
    assert levels["by logging"] == "warning"
    assert levels["by structlog"] == "error"
    assert levels["by a thread of its own"] == "info"
    assert any("UserWarning: by warnings" in message for message in levels)
    assert lines["by structlog"]["fields"] == {"where": "here"}
    assert lines["by logging"]["fields"] == {"logger": "mine"}


def test_any_field_can_be_written(child: Child) -> None:
    fields = next(event["fields"] for event in execute(child, node("a", "logs")).of("log") if event["message"] == "by context")
    assert fields["rows"] == 3
    assert fields["odd"] == "nan"
    assert "object object" in fields["what"]
    assert fields["nul"] == "\\x00"


def test_lines_of_parallel_steps_are_told_apart(child: Child) -> None:
    ran = execute(child, node("a", "floods", params={"lines": 50}), node("b", "floods", params={"lines": 50}))
    for name in ("a", "b"):
        assert [event["fields"]["number"] for event in ran.of("log", name)] == list(range(50))


def test_lines_stand_between_the_begin_and_the_end_of_their_step(child: Child) -> None:
    kinds = [event["type"] for event in execute(child, node("a", "logs")).events]
    assert (kinds[0], kinds[-2], kinds[-1]) == ("step_began", "step_succeeded", "run_ended")
    assert set(kinds[1:-2]) == {"log"}
