"""Whether a row that was kept out may be let in by hand: the same answer before the run and in it."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from app.stocks.lake.market_lake import MarketLake
from app.stocks.quality import quarantine, rows

_FINAL = {check.name for check in rows.CHECKS if check.final}


def entry(lake: MarketLake, fingerprint: str) -> pa.Table:
    """The row of the dataset quarantine, or none."""
    every = lake.read("quarantine")
    return every.filter(pc.equal(every.column("fingerprint"), fingerprint))


def refusal(lake: MarketLake, kept_out: pa.Table) -> str:
    """Why the row of that entry may not be let in; empty when it may."""
    found: dict[str, Any] = kept_out.to_pylist()[0]
    one, day = found["order_book_id"], found["trade_date"]
    if found.get("overridden_at"):
        return f"{found['overridden_by']} let it in already, at {found['overridden_at']}"
    if found["check"] in _FINAL:
        return f"nobody can let in what {found['check']} keeps out ({found['reason']}): nothing could be calculated from it"
    if lake.read(quarantine.BARS, columns=["close"], start=day, end=day, symbols=[one]).num_rows:
        return f"another row of {one} on {day} is in the lake; openbell correct changes it"
    return ""
