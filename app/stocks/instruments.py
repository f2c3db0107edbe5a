"""What an instrument's id tells: exchange, board, currency. `600000.XSHG`, `000001.XSHE`, `920819.BJSE`, simulated `.SIM`."""

import re

EXCHANGES = ("XSHG", "XSHE", "BJSE")
BOARDS = ("main", "chinext", "star", "bjse")
SIMULATED = "SIM"

_ID = re.compile(r"([0-9]{6})\.(XSHG|XSHE|BJSE|SIM)")
# By exchange, since index codes (000001.XSHG) share the digits of Shenzhen stocks.
_BOARDS = {
    "XSHG": {"main": "600 601 603 605", "star": "688 689", "b": "900"},
    "XSHE": {"main": "000 001 002 003", "chinext": "300 301 302", "b": "200"},
    "BJSE": {"bjse": "920 43 83 87 88"},
    "SIM": {"main": "60 00", "chinext": "30", "star": "68", "bjse": "92"},
}
_BOARD_OF = {
    (exchange, prefix): board
    for exchange, boards in _BOARDS.items()
    for board, prefixes in boards.items()
    for prefix in prefixes.split()
}
_SIMULATED_EXCHANGE = {"60": "XSHG", "68": "XSHG", "00": "XSHE", "30": "XSHE", "92": "BJSE"}


def is_id(text: str) -> bool:
    """Whether the text is a canonical id, of whatever kind of instrument."""
    return _ID.fullmatch(text) is not None


def board_of(order_book_id: str) -> str | None:
    """main, chinext, star or bjse for an A-share; b for a B-share; None for an index, a fund or no id at all."""
    match = _ID.fullmatch(order_book_id)
    if match is None:
        return None
    digits, exchange = match.groups()
    return _BOARD_OF.get((exchange, digits[:3])) or _BOARD_OF.get((exchange, digits[:2]))


def exchange_of(order_book_id: str) -> str:
    """The exchange where it trades; a simulated one's is told by its first digits, as the real one's board is."""
    digits, _, exchange = order_book_id.partition(".")
    return _SIMULATED_EXCHANGE.get(digits[:2], SIMULATED) if exchange == SIMULATED else exchange
