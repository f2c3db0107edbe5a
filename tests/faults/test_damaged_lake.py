"""A damaged file of the lake under a service: the step, the query and the notebook that need it fail with one sentence."""

from collections.abc import Callable

import pytest

from app.errors import FileDamaged
from tests.engine.conftest import House, by_node, node
from tests.faults.lake_ops import DATASET
from tests.faults.test_publication import OPS


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_needs_a_damaged_file_is_told_which_and_what_to_do(make_house: Callable[..., House]) -> None:
    house = make_house(**{**OPS, "op_modules": ["tests.faults.lake_ops", "app.stocks.queries"]})
    house.run(node("a", "publish_bars", symbol="600000.XSHG"))
    (file,) = (house.settings.data_dir / "lake" / DATASET).glob("*.parquet")
    whole = bytearray(file.read_bytes())
    whole[-20] ^= 0x20  # a byte of the footer
    file.chmod(0o644)
    file.write_bytes(whole)
    sentence = f"The file {DATASET}/{file.name} of dataset '{DATASET}' in snapshot 1 does not hold what was written"
    step = by_node(house.run(node("a", "publish_bars", symbol="600001.XSHG")))["a"]
    assert (step["status"], step["reason"], step["error"]["type"]) == ("failed", "exception", "FileDamaged")
    assert step["error"]["message"].startswith(sentence)
    assert "openbell db verify --deep" in step["error"]["hint"]
    with pytest.raises(FileDamaged, match=sentence) as refused:
        house.engine.queries.ask("dataset_preview", {"dataset": DATASET}, timeout=30)
    assert refused.value.status == 409
    with pytest.raises(FileDamaged, match=sentence):
        house.manager.read_dataset(DATASET)
