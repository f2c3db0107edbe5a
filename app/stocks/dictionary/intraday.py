"""Bars of minutes: each is named by the local time at which its last minute ends."""

from app.stocks.dictionary.market import ORDER_BOOK_ID, SOURCE, TRADE_DATE
from app.stocks.schema import Column, Spec

INTRADAY_BARS = Spec(
    "intraday_bars",
    "Bars of one minute or several, of traded days; prices as traded, not adjusted",
    "分钟行情（不复权）",
    key=("order_book_id", "at", "frequency"),
    columns=(
        ORDER_BOOK_ID,
        Column("at", "datetime", "Asia/Shanghai", "end of the bar's last minute, 09:31 to 15:00", "K线结束时间", nullable=False),
        Column("frequency", "string", "", "length of the bar: 1m, 5m, 15m, 30m or 60m of trading", "周期", nullable=False),
        TRADE_DATE,
        Column("open", "float", "CNY", "first price", "开盘价", role="price"),
        Column("high", "float", "CNY", "highest price", "最高价", role="price"),
        Column("low", "float", "CNY", "lowest price", "最低价", role="price"),
        Column("close", "float", "CNY", "last price", "收盘价", role="price"),
        Column("volume", "integer", "shares", "traded shares; 0 in a minute without trades", "成交量", role="volume"),
        Column("total_turnover", "float", "CNY", "traded value", "成交额"),
        SOURCE,
    ),
)
