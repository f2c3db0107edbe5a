"""The data dictionary: every dataset of the lake and every column, described once.

`get("daily_bars").arrow` is what its files hold, `.key` what identifies a row, `.columns` what each number means. One
module per group of datasets; the grammar is `app.stocks.schema`.
"""

from app.definitions.names import suggestion
from app.stocks.dictionary.corrections import CORRECTIONS
from app.stocks.dictionary.factors import FACTORS
from app.stocks.dictionary.indicators import INDICATORS
from app.stocks.dictionary.intraday import INTRADAY_BARS
from app.stocks.dictionary.market import DAILY_BARS, FUNDAMENTALS, QUARANTINE
from app.stocks.dictionary.reference import REFERENCE
from app.stocks.dictionary.scores import SCORES
from app.stocks.schema import Spec

DATASETS: dict[str, Spec] = {
    spec.name: spec
    for spec in (*REFERENCE, DAILY_BARS, INTRADAY_BARS, FUNDAMENTALS, INDICATORS, FACTORS, SCORES, QUARANTINE, CORRECTIONS)
}  # fmt: skip


def get(name: str) -> Spec:
    """The dataset of that name. Raises ValueError with a suggestion for another."""
    try:
        return DATASETS[name]
    except KeyError:
        known = ", ".join(DATASETS)
        raise ValueError(f"there is no dataset {name!r}{suggestion(name, DATASETS)} (the datasets are {known})") from None
