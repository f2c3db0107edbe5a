"""A lake whose database is gone, empty or another one: refused before anything is written, and a restore puts it right."""

from pathlib import Path

import pytest
from sqlalchemy import text

from app import main
from app.cli.doctor import state
from app.errors import ConfigurationError
from app.settings import Settings
from app.store import identity, migrate
from tests.faults.place import Place

ANOTHER = "belongs to another database"


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Place:
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    return Place(tmp_path, capsys, url)


@pytest.fixture
def settings(place: Place) -> Settings:
    return Settings(data_dir=place.data_dir, database_url="" if place.url.startswith("sqlite") else place.url)


@pytest.fixture
def used(place: Place, settings: Settings) -> Place:
    """A data dir that a service opened, and a run published in."""
    start(settings)
    with place.opened() as database:
        database.write(lambda connection: connection.execute(text("DELETE FROM lake")))
    place.publish()
    with place.opened() as database:
        said = (place.data_dir / "lake" / identity.FILE).read_text().strip()
        database.write(lambda connection: connection.execute(text(f"UPDATE lake SET identity = '{said}'")))
    return place


def start(settings: Settings) -> None:
    main.open_database(settings).close()


def empty(place: Place) -> None:
    """As a volume that was not mounted, or a server's database that was made anew."""
    if place.url.startswith("sqlite"):
        for file in place.data_dir.glob("openbell.db*"):
            file.unlink()
    else:
        with place.opened() as database, database.engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))


def listed(place: Place) -> dict[str, int]:
    return {str(path): path.stat().st_size for path in place.data_dir.rglob("*")}


def test_a_lake_without_its_database_is_told_everywhere_and_nothing_is_written(used: Place, settings: Settings) -> None:
    start(settings)
    empty(used)
    before = listed(used)
    with pytest.raises(ConfigurationError, match=ANOTHER) as refused:
        start(settings)
    assert "openbell db restore" in str(refused.value)
    assert ANOTHER in used("migrate", code=2)["detail"]
    (finding,) = state.database(settings)
    assert (finding.status, ANOTHER in finding.detail) == ("failed", True)
    assert listed(used) == before


def test_another_database_is_refused(used: Place, settings: Settings) -> None:
    empty(used)
    with used.opened() as database:
        migrate.upgrade(database.engine)
    with pytest.raises(ConfigurationError, match=ANOTHER):
        start(settings)
    assert ANOTHER in used.wrong()["identity"][0]


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_database_file_without_a_byte_is_refused(used: Place, settings: Settings) -> None:
    empty(used)
    used.file.touch()
    with pytest.raises(ConfigurationError, match="is empty"):
        start(settings)
    assert used.file.stat().st_size == 0


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_lost_database_comes_back_from_a_backup(used: Place, settings: Settings) -> None:
    used("backup")
    empty(used)
    used("restore")
    start(settings)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_backup_from_before_there_were_identities_bears_the_lakes_after_its_restore(used: Place, settings: Settings) -> None:
    with used.opened() as database:
        database.write(lambda connection: connection.execute(text("UPDATE lake SET identity = NULL")))
    folder = used("backup")["folder"]
    with pytest.raises(ConfigurationError, match=ANOTHER):
        start(settings)
    used("restore", folder)
    start(settings)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_backup_of_another_lakes_database_changes_nothing(used: Place) -> None:
    with used.opened() as database:
        database.write(lambda connection: connection.execute(text("UPDATE lake SET identity = 'another'")))
    folder = used("backup")["folder"]
    before = used.file.read_bytes()
    assert "another database" in used("restore", folder, code=2)["detail"]
    assert used.file.read_bytes() == before
    assert not list((used.data_dir / "backups").glob("replaced-*"))


def test_a_data_dir_from_before_there_were_identities_is_adopted(place: Place, settings: Settings) -> None:
    place.publish()
    start(settings)
    assert (place.data_dir / "lake" / identity.FILE).is_file()
    empty(place)
    with pytest.raises(ConfigurationError, match=ANOTHER):
        start(settings)


def test_a_lake_without_a_file_of_data_is_anybodys(place: Place, settings: Settings) -> None:
    start(settings)
    first = (place.data_dir / "lake" / identity.FILE).read_text()
    empty(place)
    with place.opened() as database:
        migrate.upgrade(database.engine)
    start(settings)
    assert (place.data_dir / "lake" / identity.FILE).read_text() != first


def test_a_lake_of_which_the_database_knows_nothing_is_refused(place: Place, settings: Settings) -> None:
    place.publish()
    empty(place)
    with place.opened() as database:
        migrate.upgrade(database.engine)
    with pytest.raises(ConfigurationError, match=ANOTHER):
        start(settings)


def test_readers_that_are_shown_more_than_the_database_knows_are_told(used: Place) -> None:
    (used.data_dir / "current").symlink_to("views/7")
    assert "snapshot 7" in used.wrong()["identity"][0]
