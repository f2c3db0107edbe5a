"""The guide's own code blocks of jobs, schedules and sensors, word for word, as a module of its reader.

One is not here: the body of `completion_job` asks `if missing_dates:`, which test_guide.py shows refused.
"""

# fmt: off
# ruff: noqa: F403, F405, F841 (the guide's own style)

from app.definitions import DagsterRunStatus, RunRequest, job, run_status_sensor, schedule
from tests.unit.guide_ops import *

# ---- Job vs Pipeline


@job(name="stock_analysis_job")
def stock_analysis_job():
    """股票分析作业 - 这是Job"""
    raw_data = load_market_data_op()      # 操作1
    validated_data = validate_data_quality_op(raw_data)  # 操作2
    indicator_data = calculate_indicators_op(validated_data)  # 操作3
    scored_data = calculate_scores_op(indicator_data)    # 操作4
    save_results_op(scored_data)         # 操作5


# ---- 1. 细粒度Job设计


@job(name="daily_data_sync")
def daily_data_sync_job():
    """每日数据同步"""
    sync_from_rqdatac()
    validate_sync_quality()


@job(name="data_completion")
def data_completion_job():
    """数据补全"""
    detect_missing_data()
    fetch_missing_data()
    merge_and_validate()


@job(name="indicator_calculation")
def indicator_calculation_job():
    """指标计算"""
    load_base_data()
    calculate_technical_indicators()
    calculate_fundamental_indicators()


# 评分和存盘Job
@job(name="scoring_and_save")
def scoring_and_save_job():
    """评分计算和存盘"""
    load_indicator_data()
    calculate_scores()
    save_to_storage()
    update_metadata()


# ---- 2. 端到端Pipeline Job


@job(name="daily_full_pipeline")
def daily_full_pipeline_job():
    """完整的每日处理管道"""
    # 1. 数据同步
    raw_data = sync_data_op()

    # 2. 数据补全
    completed_data = complete_data_op(raw_data)

    # 3. 指标计算
    indicators = calculate_indicators_op(completed_data)

    # 4. 评分计算
    scores = calculate_scores_op(indicators)

    # 5. 存盘
    save_results_op(scores)


# ---- 方案一：独立Job模式


# 1. 每日数据同步Job
@job(name="daily_sync_job", tags={"type": "sync", "frequency": "daily"})
def daily_sync_job():
    """每日数据同步Job"""
    symbols = get_target_symbols()
    trading_dates = get_trading_dates()

    # 并行同步不同类型数据
    ohlcv_data = sync_ohlcv_op(symbols, trading_dates)
    fundamental_data = sync_fundamental_op(symbols, trading_dates)

    # 数据验证
    validate_sync_op(ohlcv_data, fundamental_data)


# 3. 指标计算Job
@job(name="indicator_job", tags={"type": "calculation", "depends": "completion"})
def indicator_job():
    """指标计算Job"""
    # 加载补全后的数据
    data = load_processed_data_op()

    # 并行计算不同指标
    technical_indicators = calc_technical_op(data)
    fundamental_indicators = calc_fundamental_op(data)

    # 合并指标
    merged_indicators = merge_indicators_op(technical_indicators, fundamental_indicators)


# 4. 评分和存盘Job
@job(name="scoring_save_job", tags={"type": "scoring", "depends": "indicator"})
def scoring_save_job():
    """评分和存盘Job"""
    # 加载指标数据
    indicators = load_indicators_op()

    # 计算评分
    scores = calculate_scores_op(indicators)

    # 存储结果
    save_to_parquet_op(scores)
    save_to_duckdb_op(scores)

    # 更新元数据
    update_metadata_op()


# ---- 方案二：组合Job模式


@job(name="morning_pipeline", tags={"time": "morning", "priority": "high"})
def morning_pipeline_job():
    """早间处理管道"""
    # 数据同步 + 补全
    data = sync_and_complete_op()

    # 指标计算
    indicators = calculate_indicators_op(data)

    # 临时存储
    save_temp_op(indicators)

@job(name="evening_pipeline", tags={"time": "evening", "priority": "medium"})
def evening_pipeline_job():
    """晚间处理管道"""
    # 加载临时数据
    indicators = load_temp_op()

    # 评分计算
    scores = calculate_scores_op(indicators)

    # 最终存盘
    save_final_op(scores)
    cleanup_temp_op()


# ---- 1. Job调度策略


@schedule(
    cron_schedule="0 9 * * 1-5",  # 周一到周五早上9点
    job=daily_sync_job,
    execution_timezone="Asia/Shanghai"
)
def daily_sync_schedule():
    """每日同步调度"""
    return {}

@schedule(
    cron_schedule="0 15 * * 1-5",  # 周一到周五下午3点
    job=indicator_job,
    execution_timezone="Asia/Shanghai"
)
def afternoon_calculation_schedule():
    """下午指标计算调度"""
    return {}


# ---- 2. Job依赖管理


@run_status_sensor(
    monitored_jobs=[daily_sync_job],
    run_status=DagsterRunStatus.SUCCESS
)
def trigger_completion_on_sync_success():
    """监听同步Job成功后触发补全"""
    return RunRequest(run_key=None, job_name="completion_job")


# ---- 实现示例


@job(name="daily_etl_pipeline")
def daily_etl_pipeline():
    """每日ETL管道"""
    # 1. 数据提取 (Extract)
    raw_data = extract_data_op()

    # 2. 数据转换 (Transform)
    cleaned_data = clean_data_op(raw_data)
    enriched_data = enrich_data_op(cleaned_data)

    # 3. 数据加载 (Load)
    load_to_storage_op(enriched_data)

@job(name="realtime_processing")
def realtime_processing_job():
    """实时处理Job"""
    # 实时数据流处理
    stream_data = consume_stream_op()
    processed_data = process_realtime_op(stream_data)
    save_realtime_op(processed_data)
