"""What stands beside prices: which instruments there are, their codes and corporate actions, and when their exchange trades."""

from app.stocks.dictionary.market import ORDER_BOOK_ID, SOURCE, TRADE_DATE
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
        Column("is_st", "boolean", "", "under special treatment in these days; null when unknown", "是否ST"),
        Column("industry", "string", "", "the source's own classification; null when unknown", "所属行业"),
        SOURCE,
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
        SOURCE,
    ),
)

CORPORATE_ACTIONS = Spec(
    "corporate_actions",
    "What shareholders got on an ex-date: cash and new shares, by share held before",
    "分红送转（按除权除息日）",
    key=("order_book_id", "ex_date"),
    month_of=None,
    columns=(
        ORDER_BOOK_ID,
        Column("ex_date", "date", "", "first session without the right", "除权除息日", nullable=False),
        Column("cash_dividend", "float", "CNY", "cash a share, before tax; 0 for none", "每股派息（税前）", nullable=False),
        Column("split_ratio", "float", "", "shares after, by share before; 1 for no split", "每股变为股数", nullable=False),
        SOURCE,
    ),
)

CODE_CHANGES = Spec(
    "code_changes",
    "Codes that an exchange changed; all rows of the instrument stand under the current one",
    "证券代码变更",
    key=("old_id",),
    month_of=None,
    columns=(
        Column("old_id", "string", "", "the code before", "原证券代码", nullable=False),
        Column("order_book_id", "string", "", "the code that followed it", "现证券代码", nullable=False),
        Column("from_date", "date", "", "first day of the new code", "变更日期", nullable=False),
        SOURCE,
    ),
)

CONFIRMED_EMPTY = Spec(
    "confirmed_empty",
    "Expected rows of daily_bars that the source, asked when it was ready for their day, does not have, or not fit to be taken",
    "数据源确认无（可用）数据的日行情",
    key=("order_book_id", "trade_date"),
    month_of=None,
    columns=(
        ORDER_BOOK_ID,
        TRADE_DATE,
        Column("answer", "string", "", "empty: no row; unfit: a row that a check kept out", "数据源的答复", nullable=False),
        Column("asked_date", "date", "", "day on which the source was asked last", "最近询问日期", nullable=False),
        Column("expires_date", "date", "", "from this day on it is asked again", "有效期至", nullable=False),
        Column(
            "edition",
            "string",
            "",
            "state of the source's files then; another one is asked at once",
            "数据文件版本",
            nullable=False,
        ),
        SOURCE,
    ),
)

REFERENCE = (INSTRUMENTS, TRADING_CALENDAR, CODE_CHANGES, CORPORATE_ACTIONS, CONFIRMED_EMPTY)
