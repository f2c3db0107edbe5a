"""Datasets: what is published."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from app.api import rows
from app.api.access import VIEWER
from app.api.asking import Manager
from app.api.paging import Page
from app.api.route import Route
from app.api.schemas.data import Dataset, DatasetDescription, DatasetVersion, RowItems, RowsQuery
from app.api.schemas.problem import Responses, problems
from app.api.schemas.shown import Items

datasets = APIRouter(prefix="/datasets", tags=["datasets"], route_class=Route)
_MEDIA: Responses = {200: {"content": {media.partition(";")[0]: {} for media in rows.MEDIA.values()}}}
_FORMS: Responses = {**_MEDIA, **problems(404, 409, 413, 429)}


@datasets.get("", response_model=Items[Dataset], dependencies=[VIEWER])
def list_datasets(manager: Manager, page: Annotated[Page, Query()]) -> Any:
    """The datasets, as the newest snapshot has them."""
    return page.of_all(manager.list_datasets(), "dataset")


@datasets.get("/{name}", response_model=DatasetDescription, dependencies=[VIEWER])
def get_dataset(manager: Manager, name: str) -> Any:
    """A dataset, as the newest snapshot has it: what it means, and how many rows each month has."""
    return manager.describe_dataset(name)


@datasets.get("/{name}/data", response_model=RowItems, responses=_FORMS, dependencies=[VIEWER])
def read_dataset(
    manager: Manager, name: str, asked: Annotated[RowsQuery, Query()], accept: Annotated[str, Header()] = "*/*"
) -> Response:
    """A dataset's rows: JSON in pages, CSV or Arrow as a stream, or a Parquet file."""
    return rows.answer(manager, name, asked, accept)


@datasets.get("/{name}/versions", response_model=Items[DatasetVersion], dependencies=[VIEWER])
def list_dataset_versions(manager: Manager, name: str, page: Annotated[Page, Query()]) -> Any:
    """A dataset's versions, newest first."""
    found = manager.dataset_versions(name, before=page.after_number(), limit=page.limit + 1)
    return page.shown(found, lambda row: row, lambda row: row["version"])
