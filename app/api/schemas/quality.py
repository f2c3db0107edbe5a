"""The quality that a run found: what each check came to, and why its data were published or not."""

from pydantic import Field

from app.api.schemas.shown import Day, Instant, Shown


class CheckExample(Shown):
    """A row that a check found."""

    order_book_id: str | None
    trade_date: Day | None
    detail: str


class CheckVerdict(Shown):
    """What one check came to."""

    check: str
    meaning: str
    policy: str = Field(description="quarantine: such rows are kept out; warn: they are told; block: nothing is published.")
    weight: float = Field(description="Its share of the quality.")
    since: Day | None = Field(description="The first day that it is about; null: every day.")
    checked: int
    failed: int
    passed: float | None = Field(description="The part of the checked rows that passed; null when there was none.")
    standing: int = Field(description="Rows in the lake that should have been kept out; with any, nothing is published.")
    examples: list[CheckExample]


class QualityReport(Shown):
    """One step's judgement. A delivery that was mostly bad was refused before it was examined: it has no checks."""

    node: str
    at: Instant
    dataset: str
    trade_date: Day | None
    verdict: str = Field(description="passed, or refused.")
    refusals: list[str] = Field(description="Why it was not published, in sentences.")
    start_date: Day
    end_date: Day
    examined: int
    expected: int | None = None
    missing: int | None = None
    coverage: float | None = None
    min_coverage: float | None = None
    newest_expected: int | None = None
    newest_missing: int | None = None
    missing_instruments: int | None = None
    quality: float | None = Field(None, description="The weighted mean of what passed, 0..1.")
    adjusted: bool | None = None
    checks: list[CheckVerdict] | None = None


class RunQuality(Shown):
    """The judgements of a run's steps, in their order."""

    run_id: str
    job: str
    status: str
    items: list[QualityReport]
