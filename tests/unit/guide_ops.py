"""The ops that the guide's jobs call: the inputs are the guide's, the work is left out."""

import inspect
import logging

from app.definitions import RetryPolicy, op
from app.definitions.op import Op

logger = logging.getLogger(__name__)


def stub(name: str, *inputs: str, optional: bool = False) -> Op:
    """An op of that name that does nothing."""

    def nothing(*values: object) -> None:
        """Does nothing."""

    default = None if optional else inspect.Parameter.empty
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    nothing.__signature__ = inspect.Signature([inspect.Parameter(each, kind, default=default) for each in inputs])
    nothing.__annotations__ = {}
    return op(name=name.removesuffix("_op"))(nothing)


@op(retry_policy=RetryPolicy(max_retries=3, delay=60), tags={"importance": "critical"})
def sync_ohlcv_op(symbols, dates):
    """带重试的数据同步操作"""
    try:
        return sync_ohlcv_data(symbols, dates)
    except Exception as e:
        logger.error(f"同步失败: {e}")
        raise


def sync_ohlcv_data(symbols: object, dates: object) -> None:
    raise ConnectionError("no vendor here")


# One guide calls it with its input and without.
calculate_scores = calculate_scores_op = stub("calculate_scores", "indicators", optional=True)
update_metadata = update_metadata_op = stub("update_metadata")
load_market_data_op = stub("load_market_data_op")
validate_data_quality_op = stub("validate_data_quality_op", "raw")
calculate_indicators_op = stub("calculate_indicators_op", "data")
save_results_op = stub("save_results_op", "scores")
sync_from_rqdatac = stub("sync_from_rqdatac")
validate_sync_quality = stub("validate_sync_quality")
detect_missing_data = stub("detect_missing_data")
fetch_missing_data = stub("fetch_missing_data")
merge_and_validate = stub("merge_and_validate")
load_base_data = stub("load_base_data")
calculate_technical_indicators = stub("calculate_technical_indicators")
calculate_fundamental_indicators = stub("calculate_fundamental_indicators")
load_indicator_data = stub("load_indicator_data")
save_to_storage = stub("save_to_storage")
sync_data_op = stub("sync_data_op")
complete_data_op = stub("complete_data_op", "data")
get_target_symbols = stub("get_target_symbols")
get_trading_dates = stub("get_trading_dates")
sync_fundamental_op = stub("sync_fundamental_op", "symbols", "dates")
validate_sync_op = stub("validate_sync_op", "ohlcv", "fundamental")
load_processed_data_op = stub("load_processed_data_op")
calc_technical_op = stub("calc_technical_op", "data")
calc_fundamental_op = stub("calc_fundamental_op", "data")
merge_indicators_op = stub("merge_indicators_op", "technical", "fundamental")
load_indicators_op = stub("load_indicators_op")
save_to_parquet_op = stub("save_to_parquet_op", "scores")
save_to_duckdb_op = stub("save_to_duckdb_op", "scores")
sync_and_complete_op = stub("sync_and_complete_op")
save_temp_op = stub("save_temp_op", "indicators")
load_temp_op = stub("load_temp_op")
save_final_op = stub("save_final_op", "scores")
cleanup_temp_op = stub("cleanup_temp_op")
extract_data_op = stub("extract_data_op")
clean_data_op = stub("clean_data_op", "raw")
enrich_data_op = stub("enrich_data_op", "data")
load_to_storage_op = stub("load_to_storage_op", "data")
consume_stream_op = stub("consume_stream_op")
process_realtime_op = stub("process_realtime_op", "stream")
save_realtime_op = stub("save_realtime_op", "data")
detect_gaps_op = stub("detect_gaps_op")
fetch_missing_op = stub("fetch_missing_op", "dates")
merge_data_op = stub("merge_data_op", "data")
