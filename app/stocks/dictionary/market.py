"""What the market and its companies said: daily bars, fundamentals, and the rows that were kept out."""

from app.stocks.schema import Column, Spec

ORDER_BOOK_ID = Column("order_book_id", "string", "", "instrument, as 600000.XSHG", "证券代码", nullable=False)
TRADE_DATE = Column("trade_date", "date", "", "trading day", "交易日", nullable=False)
SOURCE = Column("source", "string", "", "where the row came from; inferred: by rule", "数据来源", nullable=False, provenance=True)

DAILY_BARS = Spec(
    "daily_bars",
    "One row per instrument and session, suspended days included; prices as traded, not adjusted",
    "日行情（不复权，含停牌日）",
    key=("order_book_id", "trade_date"),
    columns=(
        ORDER_BOOK_ID,
        TRADE_DATE,
        Column("open", "float", "CNY", "first price; null when suspended", "开盘价", role="price"),
        Column("high", "float", "CNY", "highest price; null when suspended", "最高价", role="price"),
        Column("low", "float", "CNY", "lowest price; null when suspended", "最低价", role="price"),
        Column("close", "float", "CNY", "last price; null when suspended", "收盘价", role="price"),
        Column("prev_close", "float", "CNY", "reference price of the day, already cut on an ex-date", "前收盘价", role="price"),
        Column("volume", "integer", "shares", "traded shares", "成交量", role="volume"),
        Column("total_turnover", "float", "CNY", "traded value", "成交额"),
        Column("turnover_rate", "float", "0..1", "traded part of the float shares", "换手率"),
        Column("adj_factor", "float", "", "cumulative factor of all ex-rights; null when unknown", "复权因子"),
        Column("split_factor", "float", "", "cumulative factor of splits alone; null when unknown", "拆股因子"),
        Column("limit_up", "float", "CNY", "highest price allowed; null where there is no limit", "涨停价", role="price"),
        Column("limit_down", "float", "CNY", "lowest price allowed; null where there is no limit", "跌停价", role="price"),
        Column("is_suspended", "boolean", "", "no trading that day", "是否停牌", nullable=False),
        Column("is_st", "boolean", "", "under special treatment; null when unknown", "是否ST"),
        SOURCE,
    ),
)

_AT_CLOSE = "at the close of trade_date"
FUNDAMENTALS = Spec(
    "fundamentals",
    "Valuation as it stood at a close, one row per instrument and day on which a vendor gave one",
    "基本面（按收盘价计的估值）",
    key=("order_book_id", "trade_date"),
    columns=(
        ORDER_BOOK_ID,
        TRADE_DATE,
        Column("known_date", "date", "", "first session on which the row may be used", "可用日期", nullable=False),
        Column(
            "earnings_yield", "float", "", f"profit of four quarters per market value {_AT_CLOSE}", "盈利收益率", "1 / pe_ttm"
        ),
        Column("book_yield", "float", "", f"equity per market value {_AT_CLOSE}", "账面市值比", "1 / pb"),
        Column("sales_yield", "float", "", f"revenue of four quarters per market value {_AT_CLOSE}", "营收市值比", "1 / ps_ttm"),
        Column("roe_ttm", "float", "", "profit of four quarters per equity", "净资产收益率", "earnings_yield / book_yield"),
        Column("market_cap", "float", "CNY", f"close times all shares {_AT_CLOSE}", "总市值"),
        SOURCE,
    ),
)

OVERRIDDEN = "overridden"
"""The fact that tells that a person has let a row in."""
_OVERRIDES = (
    Column("overridden_at", "string", "UTC", "when a person let the row in", "人工放行时间"),
    Column("overridden_by", "string", "", "who let it in", "放行人"),
    Column("override_reason", "string", "", "why, in a sentence", "放行原因"),
)
QUARANTINE = Spec(
    "quarantine",
    "Rows that a check kept out of their dataset",
    "隔离数据",
    key=("dataset", "fingerprint"),
    month_of=None,
    grows=lambda facts: _OVERRIDES if facts.get(OVERRIDDEN) else (),
    columns=(
        Column("dataset", "string", "", "where the row would have gone", "目标数据集", nullable=False),
        Column("fingerprint", "string", "", "hash of the rejected row, so that it is kept once", "指纹", nullable=False),
        Column("order_book_id", "string", "", "instrument, if the row has one", "证券代码"),
        Column("trade_date", "date", "", "trading day, if the row has one", "交易日"),
        Column("check", "string", "", "the check that it failed", "未通过的检查", nullable=False),
        Column("reason", "string", "", "why, in a sentence", "原因", nullable=False),
        Column("row", "string", "JSON", "the row as it came", "原始数据", nullable=False),
        Column("occurrences", "integer", "rows", "how often exactly this row came", "出现次数", nullable=False),
        SOURCE,
    ),
)
