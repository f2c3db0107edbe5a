"""Settings: read from the environment and `.env`, checked together, misspelt ones named."""

from pathlib import Path

import pytest

from app import settings
from app.errors import ConfigurationError


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(settings.Settings.model_config, "env_file", str(tmp_path / ".env"))
    return tmp_path / ".env"


def test_lists_are_words_by_comma(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBELL_ROLES", "api, worker")
    assert settings.load().roles == ("api", "worker")
    assert settings.load(roles="scheduler").roles == ("scheduler",)


def test_every_fault_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBELL_PORT", "many")
    monkeypatch.setenv("OPENBELL_SLOTS", "0")
    monkeypatch.setenv("OPENBELL_SOLTS", "2")
    with pytest.raises(ConfigurationError) as caught:
        settings.load()
    assert {fault.pointer for fault in caught.value.faults} == {"OPENBELL_PORT", "OPENBELL_SLOTS", "OPENBELL_SOLTS"}
    assert "did you mean OPENBELL_SLOTS?" in str(caught.value)


def test_a_misspelt_name_in_the_env_file_is_an_error(env_file: Path) -> None:
    env_file.write_text("OPENBELL_PROT=1\n")
    with pytest.raises(ConfigurationError, match="OPENBELL_PROT: there is no such setting; did you mean OPENBELL_PORT"):
        settings.load()


def test_the_environment_wins_over_the_env_file(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file.write_text("OPENBELL_PORT=1\nOPENBELL_SLOTS=2\n")
    monkeypatch.setenv("OPENBELL_PORT", "3")
    loaded = settings.load()
    assert (loaded.port, loaded.slots) == (3, 2)


def test_the_example_uncommented_changes_nothing(env_file: Path) -> None:
    example = (Path(__file__).parents[1] / ".env.example").read_text()
    env_file.write_text(example.replace("#OPENBELL_", "OPENBELL_"))
    assert settings.load() == settings.Settings(_env_file=None)


def test_names_that_kubernetes_injects_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBELL_PORT_8000_TCP", "tcp://10.0.0.1:8000")
    monkeypatch.setenv("OPENBELL_SERVICE_HOST", "10.0.0.1")
    settings.load()


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ({"roles": "api,cook"}, "OPENBELL_ROLES"),
        ({"source": "files"}, "OPENBELL_FILES_PATH"),
        ({"beat_seconds": 20, "lease_seconds": 30}, "OPENBELL_LEASE_SECONDS"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(overrides: dict[str, object], name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings.load(**overrides)
    assert [fault.pointer for fault in caught.value.faults] == [name]
