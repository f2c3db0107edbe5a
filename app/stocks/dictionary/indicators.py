"""Indicators: on back-adjusted prices and split-adjusted volume, over traded days only, null before their warm-up.

Each formula ends in its source; where that is TA-Lib, its definition and warm-up count.
"""

from app.stocks.dictionary.market import ORDER_BOOK_ID, TRADE_DATE
from app.stocks.schema import Column, Spec

_P = "CNY, back-adjusted"
_TDX = "通达信, KDJ(9,3,3)"


def _price(name: str, meaning: str, meaning_zh: str, formula: str) -> Column:
    return Column(name, "float", _P, meaning, meaning_zh, formula, role="price")


def _ratio(name: str, meaning: str, meaning_zh: str, formula: str, unit: str = "") -> Column:
    return Column(name, "float", unit, meaning, meaning_zh, formula)


TECHNICAL = (
    *(_price(f"ma{n}", f"mean close of {n} traded days", f"{n}日均线", f"SMA(close, {n}); TA-Lib") for n in (5, 10, 20, 60)),
    *(_price(f"ema{n}", f"exponential mean over {n} days", f"{n}日指数均线", f"EMA(close, {n}); TA-Lib") for n in (12, 26)),
    _price("macd_dif", "fast less slow mean", "MACD差离值DIF", "MACD(close, 12, 26, 9), first output; TA-Lib"),
    _price("macd_dea", "mean of macd_dif", "MACD信号线DEA", "MACD(close, 12, 26, 9), second output; TA-Lib"),
    _price("macd_hist", "macd_dif - macd_dea; Chinese screens draw twice that", "MACD柱（未乘2）", "macd_dif - macd_dea; TA-Lib"),
    *(
        _ratio(f"rsi{n}", f"relative strength, {n} days", f"{n}日RSI", f"RSI(close, {n}), Wilder; TA-Lib", "0..100")
        for n in (6, 12, 14, 24)
    ),
    _ratio("kdj_k", "KDJ (9,3,3), K", "KDJ的K值", f"2/3 K' + 1/3 RSV(9), seed 50; {_TDX}", "0..100"),
    _ratio("kdj_d", "KDJ (9,3,3), D", "KDJ的D值", f"2/3 D' + 1/3 K, seed 50; {_TDX}", "0..100"),
    _ratio("kdj_j", "KDJ (9,3,3), J", "KDJ的J值", f"3 K - 2 D; {_TDX}"),
    _price("boll_mid", "middle Bollinger band", "布林中轨", "SMA(close, 20); TA-Lib BBANDS"),
    _price("boll_up", "upper Bollinger band", "布林上轨", "boll_mid + 2 x population deviation of 20 closes; TA-Lib BBANDS"),
    _price("boll_low", "lower Bollinger band", "布林下轨", "boll_mid - 2 x population deviation of 20 closes; TA-Lib BBANDS"),
    _price("atr14", "average true range, 14 days", "14日真实波幅", "ATR(high, low, close, 14), Wilder; TA-Lib"),
    Column(
        "obv_20d",
        "float",
        "shares",
        "change of on-balance volume in 20 traded days",
        "20日能量潮变化",
        "OBV(close, volume) - the same 20 traded days before; Granville, TA-Lib OBV",
        role="volume",
    ),
    _ratio(
        "volatility_20d",
        "deviation of 20 returns, not annualised",
        "20日波动率",
        "sample deviation of close / close' - 1; TA-Lib STDDEV x sqrt(20 / 19)",
    ),
    _ratio("momentum_20d", "return of 20 traded days", "20日动量", "close / close 20 traded days before - 1; TA-Lib ROCP"),
    _ratio(
        "volume_ratio_5d",
        "volume against the five days before",
        "量比",
        "volume / mean(volume of the 5 days before); 通达信's 量比 at the close",
    ),
)

_AS_OF = "newest value by known_date, moved with the split-adjusted close since its day; the source's fundamentals"
FUNDAMENTAL = (
    _ratio("earnings_yield", "profit of four quarters per market value", "盈利收益率", _AS_OF),
    _ratio("book_yield", "equity per market value", "账面市值比", _AS_OF),
    _ratio("sales_yield", "revenue of four quarters per market value", "营收市值比", _AS_OF),
    _ratio(
        "roe_ttm", "profit of four quarters per equity", "净资产收益率", "newest value by known_date; the source's fundamentals"
    ),
    _ratio("log_market_cap", "natural logarithm of the market value", "对数总市值", f"ln(market_cap), {_AS_OF}"),
)

INDICATORS = Spec(
    "indicators",
    "Indicators of every instrument and traded day; TA-Lib's definitions where it has one",
    "技术与基本面指标（后复权，仅交易日）",
    key=("order_book_id", "trade_date"),
    made_of=("daily_bars", "fundamentals"),
    columns=(ORDER_BOOK_ID, TRADE_DATE, *TECHNICAL, *FUNDAMENTAL),
)
