"""What people put right: single values, over whatever a source says of them."""

from app.stocks.dictionary.market import ORDER_BOOK_ID, TRADE_DATE
from app.stocks.schema import Column, Spec

CORRECTIONS = Spec(
    "corrections",
    "Values that a person put right; they are put over what a source says whenever it says it",
    "人工更正（覆盖数据源的取值）",
    key=("dataset", "order_book_id", "trade_date", "column"),
    month_of=None,
    columns=(
        Column("dataset", "string", "", "whose value it is", "所属数据集", nullable=False),
        ORDER_BOOK_ID,
        TRADE_DATE,
        Column("column", "string", "", "which column of the row", "字段", nullable=False),
        Column("value", "string", "JSON", "the right value", "更正值", nullable=False),
        Column("replaced", "string", "JSON", "what the source says there, as it last came", "数据源的取值"),
        Column("reason", "string", "", "why, in a sentence", "更正原因", nullable=False),
        Column("who", "string", "", "who put it right", "更正人", nullable=False),
        Column("at", "string", "UTC", "when, as 2026-11-20T09:30:00Z", "更正时间", nullable=False, provenance=True),
    ),
)
