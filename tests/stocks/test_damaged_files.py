"""A published file that is cut, empty, gone or altered: its reader is told which one and what to do, and gets no other rows."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.errors import FileDamaged
from app.stocks.ops.calculation import calculate_indicators
from tests.stocks.lake_host import MemoryHost
from tests.stocks.market import DAYS, bars, pick
from tests.stocks.op_context import Bench

MONTH = f"{DAYS[3]:%Y-%m}"


@pytest.fixture
def host(tmp_path: Path) -> MemoryHost:
    made = MemoryHost(tmp_path)
    lake = made.lake()
    lake.stage("daily_bars", bars())
    made.publish(lake)
    return made


@pytest.fixture
def file(host: MemoryHost) -> Path:
    path = host.lake().path("daily_bars", MONTH)
    assert path is not None
    return path


def write(file: Path, content: bytes) -> None:
    file.chmod(0o644)
    file.write_bytes(content)


def refusal(host: MemoryHost) -> FileDamaged:
    with pytest.raises(FileDamaged) as refused:
        host.lake().read("daily_bars")
    return refused.value


CUTS = [1, 4, 100, -1, -4, -8, -9, -500]


@pytest.mark.parametrize("at", CUTS)
def test_a_cut_file_is_named_with_its_dataset_its_snapshot_and_the_remedy(host: MemoryHost, file: Path, at: int) -> None:
    whole = file.read_bytes()
    assert len(host.lake().read("daily_bars")), "it was read before: that must not count once it has changed"
    write(file, whole[:at])
    found = refusal(host)
    size = file.stat().st_size
    name = f"daily_bars/{file.name}"
    assert found.detail == (
        f"The file {name} of dataset 'daily_bars' in snapshot 1 does not hold what was written ({size} bytes are there)."
    )
    assert "openbell db verify --deep" in str(found.hint)
    assert str(host.folder) in str(found.hint)
    assert found.status < 500
    write(file, whole)
    assert len(host.lake().read("daily_bars"))


def test_an_empty_file_and_one_that_is_gone_are_said(host: MemoryHost, file: Path) -> None:
    write(file, b"")
    assert refusal(host).detail.endswith("in snapshot 1 is empty.")
    file.unlink()
    assert refusal(host).detail.endswith("in snapshot 1 is gone.")


def test_no_flipped_byte_of_a_footer_reaches_arrow(host: MemoryHost, file: Path) -> None:
    whole = file.read_bytes()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    for at in range(footer, len(whole), 7):
        altered = bytearray(whole)
        altered[at] ^= 0x20
        write(file, bytes(altered))
        assert "does not hold what was written" in refusal(host).detail, at


@pytest.mark.parametrize(
    "use",
    [
        lambda host: host.lake().symbols("daily_bars"),
        lambda host: host.lake().stage("daily_bars", pick(bars(), "600000.XSHG", DAYS[3]).assign(close=9.0)),
        lambda host: host.lake().read("daily_bars", symbols=["600000.XSHG"], columns=["close"]),
    ],
)
def test_every_way_to_a_damaged_file_says_so(host: MemoryHost, file: Path, use: Callable[[MemoryHost], object]) -> None:
    write(file, file.read_bytes()[:-100])
    with pytest.raises(FileDamaged, match=file.name):
        use(host)


def test_an_op_that_calculates_from_a_damaged_file_says_so(bench: Callable[..., Bench]) -> None:
    there = bench()
    context = there.run()
    data = context.lake.stage("daily_bars", bars())
    there.publish(context)
    named = there.host.snapshot()["datasets"]["daily_bars"]["files"][0]["path"]
    write(there.data_dir / "lake" / named, b"PAR1")
    with pytest.raises(FileDamaged, match=r"in no snapshot that is shown to readers does not hold what was written \(4 bytes"):
        calculate_indicators(there.run(), data)


def test_the_same_rows_written_again_heal_a_damaged_file(host: MemoryHost, file: Path) -> None:
    whole = file.read_bytes()
    write(file, whole[:-100])
    other = MemoryHost(host.folder.parent)
    other.lake().stage("daily_bars", bars())
    assert file.read_bytes() == whole
    assert len(host.lake().read("daily_bars"))
