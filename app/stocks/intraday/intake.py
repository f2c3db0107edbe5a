"""Taking bars of minutes in: ask the source for the traded days that lack them, keep out what cannot be true, stage the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from app.stocks import bar_keys
from app.stocks.intake.failures import refused
from app.stocks.intake.intake import Intake
from app.stocks.intake.window import Window
from app.stocks.intraday import aggregate
from app.stocks.intraday.reading import blocks
from app.stocks.intraday.report import Report
from app.stocks.intraday.screen import Screened, screen
from app.stocks.lake.market_lake import MarketLake
from app.stocks.lake.rows import conform, split
from app.stocks.sources import Data, Unavailable

_NAME = "intraday_bars"
_KEY = ("order_book_id", "trade_date")
_DAILY = [*_KEY, "high", "low", "close", "volume", "total_turnover", "is_suspended"]
_IDS = 300
"""So many instruments are asked for at once: a month of their minutes is a million and a half rows."""


@dataclass
class Taken:
    """What a step took in, in bars."""

    fetched: int = 0
    kept_out: int = 0


def take(intake: Intake, window: Window, frequency: str, symbols: Sequence[str] | None, *, refetch: bool) -> Taken:
    """Fetch and stage the bars of the window's traded days that the lake lacks, or of all of them."""
    taken = Taken()
    for month in window.months():
        wanted = traded(intake.lake, month, symbols)
        if not refetch:
            wanted = wanted.filter(pc.invert(bar_keys.among(wanted, _held(intake.lake, month, frequency, symbols))))
        ids = sorted(pc.unique(wanted.column("order_book_id")).to_pylist())
        with intake.lake.writer(_NAME) as writer:
            for at in range(0, len(ids), _IDS):
                intake.context.raise_if_cancelled()
                screened = _fetch(intake, wanted, ids[at : at + _IDS], frequency, taken)
                if screened is not None and screened.bars.table.num_rows:
                    spec = intake.lake.spec(_NAME)
                    writer.append(split(spec, conform(spec, screened.bars.table)))
    return taken


def _fetch(intake: Intake, wanted: pa.Table, ids: list[str], frequency: str, taken: Taken) -> Screened | None:
    own = wanted.filter(pc.is_in(wanted.column("order_book_id"), pa.array(ids, pa.string())))
    days = pc.min_max(own.column("trade_date"))
    answer = intake.source.intraday_bars(ids, days["min"].as_py(), days["max"].as_py(), frequency)
    if isinstance(answer, Unavailable):
        raise refused(intake.source.name, answer)
    if not isinstance(answer, Data):
        return None
    delivered = answer.table.filter(bar_keys.among(answer.table, own))
    screened = screen(delivered, frequency, intake.sessions)
    if screened.kept_out.num_rows:
        intake.lake.stage("quarantine", screened.kept_out)
    taken.fetched += delivered.num_rows
    taken.kept_out += sum(screened.kept_out.column("occurrences").to_pylist())
    return screened


def traded(lake: MarketLake, window: Window, symbols: Sequence[str] | None) -> pa.Table:
    """The keys of the days on which each instrument traded, by the daily bars."""
    rows = lake.read("daily_bars", columns=[*_KEY, "is_suspended"], start=window.start, end=window.end, symbols=symbols)
    return rows.filter(pc.invert(rows.column("is_suspended"))).select(list(_KEY))


def _held(lake: MarketLake, window: Window, frequency: str, symbols: Sequence[str] | None) -> pa.Table:
    columns = [*_KEY, "frequency"]
    rows = lake.read(_NAME, columns=columns, start=window.start, end=window.end, symbols=symbols)
    return rows.filter(pc.equal(rows.column("frequency"), frequency)).group_by(list(_KEY)).aggregate([])


def judge(lake: MarketLake, frequency: str, window: Window, symbols: Sequence[str] | None) -> Report:
    """What the bars of the window come to, against the daily ones; month by month, in blocks."""
    report = Report()
    for month in window.months():
        daily = lake.read("daily_bars", columns=_DAILY, start=month.start, end=month.end, symbols=symbols)
        keys = daily.filter(pc.invert(daily.column("is_suspended"))).select(list(_KEY))
        report.count_days(keys, _held(lake, month, frequency, symbols))
        for bars in blocks(lake, frequency, start=month.start, end=month.end, symbols=symbols):
            report.take(bars, daily)
    return report


def lengthen(
    lake: MarketLake, frequency: str, to: Sequence[str], start: date | None, end: date | None, symbols: Sequence[str] | None
) -> int:
    """Stage the longer bars that those of the frequency make, in blocks; how many."""
    spec, rows = lake.spec(_NAME), 0
    with lake.writer(_NAME) as writer:
        for bars in blocks(lake, frequency, start=start, end=end, symbols=symbols):
            made = pa.concat_tables([aggregate.longer(bars, each) for each in to])
            rows += made.num_rows
            writer.append(split(spec, conform(spec, made.append_column("source", pa.repeat(aggregate.AGGREGATED, len(made))))))
    return rows
