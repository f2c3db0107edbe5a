"""What stands still: which instruments there are, and on which days their exchange trades."""

from app.stocks.schema import Column, Spec

INSTRUMENTS = Spec(
    "instruments",
    "Every instrument, one row per period in which its facts held",
    "证券信息（按有效期）",
    key=("order_book_id", "valid_from"),
    month_of=None,
    columns=(
        Column("order_book_id", "string", "", "instrument, as 600000.XSHG", "证券代码", nullable=False),
        Column("valid_from", "date", "", "first day of this row's facts; 1900-01-01 when unknown", "起始日", nullable=False),
        Column("valid_to", "date", "", "last day of this row's facts; null while they hold", "截止日"),
        Column("name", "string", "", "short name", "证券简称"),
        Column("board", "string", "", "main, star, chinext or bjse", "板块"),
        Column("exchange", "string", "", "XSHG, XSHE or BJSE", "交易所"),
        Column("listed_date", "date", "", "first trading day; null when unknown", "上市日期"),
        Column("delisted_date", "date", "", "first day without trading; null while listed", "退市日期"),
        Column("round_lot", "integer", "shares", "smallest order", "最小交易单位"),
        Column("source", "string", "", "where the row came from", "数据来源", nullable=False, provenance=True),
    ),
)

TRADING_CALENDAR = Spec(
    "trading_calendar",
    "The sessions of each exchange",
    "交易日历",
    key=("calendar", "trade_date"),
    month_of=None,
    columns=(
        Column("calendar", "string", "", "exchange, as XSHG", "交易所", nullable=False),
        Column("trade_date", "date", "", "a day with trading", "交易日", nullable=False),
        Column("source", "string", "", "where the row came from", "数据来源", nullable=False, provenance=True),
    ),
)
