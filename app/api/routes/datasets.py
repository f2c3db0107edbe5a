"""Datasets: what is published."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.api.access import VIEWER
from app.api.asking import Manager
from app.api.paging import Page
from app.api.route import Route
from app.api.schemas.data import Dataset, DatasetVersion
from app.api.schemas.shown import Items

datasets = APIRouter(prefix="/datasets", tags=["datasets"], route_class=Route)


@datasets.get("", response_model=Items[Dataset], dependencies=[VIEWER])
def list_datasets(manager: Manager, page: Annotated[Page, Query()]) -> Any:
    """The datasets, as the newest snapshot has them."""
    return page.of_all(manager.list_datasets(), "dataset")


@datasets.get("/{name}", response_model=Dataset, dependencies=[VIEWER])
def get_dataset(manager: Manager, name: str) -> Any:
    """A dataset, as the newest snapshot has it."""
    return manager.get_dataset(name)


@datasets.get("/{name}/versions", response_model=Items[DatasetVersion], dependencies=[VIEWER])
def list_dataset_versions(manager: Manager, name: str, page: Annotated[Page, Query()]) -> Any:
    """A dataset's versions, newest first."""
    found = manager.dataset_versions(name, before=page.after_number(), limit=page.limit + 1)
    return page.shown(found, lambda row: row, lambda row: row["version"])
