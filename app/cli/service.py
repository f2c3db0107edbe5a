"""Finding the service that runs on this machine, and asking it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from app import settings as configuration
from app.errors import Fault, OpenbellError
from app.settings import PREFIX, Settings

if TYPE_CHECKING:
    from httpx2 import Response

BASE = "/api/v1"
TIMEOUT_SECONDS = 70
"""Longer than the longest `?wait=`."""
_PAGE = 500


class NoService(OpenbellError):
    """No service answers."""

    code = "no_service"


class Refused(OpenbellError):
    """The service refused."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        faults = [Fault(fault.get("pointer", ""), fault.get("message", "")) for fault in problem.get("errors", ())]
        detail = problem.get("detail") or problem.get("title") or f"The service answered {status}."
        super().__init__(detail, hint=problem.get("hint"), faults=faults)
        self.status = status
        self.code = problem.get("code", self.code)


class Unclear(OpenbellError):
    """That does not name exactly one thing."""

    status = 404
    code = "unclear"


class Service:
    """A service at an address. Paths are relative to /api/v1; names in them must be quoted by `path`."""

    def __init__(self, address: str, key: str, where: Path) -> None:
        # It takes 80 ms to import, and `openbell --help` needs none of it.
        import httpx2

        self.address = address
        self.where = where
        self._errors = (httpx2.RequestError,)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # No proxy of the environment stands between a machine and itself.
        self._client = httpx2.Client(base_url=address + BASE, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False)

    def get(self, path: str, **params: Any) -> Any:
        """What stands there. Raises NoService, Refused."""
        return self._ask("GET", path, params={name: value for name, value in params.items() if value is not None})

    def items(self, path: str, **params: Any) -> Iterator[dict[str, Any]]:
        """Everything of a list, page by page. Raises NoService, Refused."""
        cursor = None
        while True:
            page = self.get(path, limit=_PAGE, cursor=cursor, **params)
            yield from page["items"]
            if (cursor := page["next_cursor"]) is None:
                return

    def lines(self, path: str, accept: str, last_event: str | None = None) -> Iterator[str]:
        """A text as it comes, line by line; a stream of events goes on behind the last one. Raises NoService, Refused."""
        headers = {"Accept": accept} | ({"Last-Event-ID": last_event} if last_event is not None else {})
        with self._streamed(path, headers=headers) as answer:
            yield from answer.iter_lines()

    def parts(self, path: str, **params: Any) -> Iterator[bytes]:
        """The bytes that stand there, as they come. Raises NoService, also when they end before their end, and Refused."""
        with self._streamed(path, params={name: value for name, value in params.items() if value is not None}) as answer:
            yield from answer.iter_bytes()

    @contextmanager
    def _streamed(self, path: str, **options: Any) -> Iterator[Any]:
        try:
            with self._client.stream("GET", path, **options) as answer:
                if not answer.is_success:
                    answer.read()
                    raise Refused(answer.status_code, _problem(answer))
                yield answer
        except self._errors as error:
            raise self._silent(error) from None

    def post(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
        """Ask for something to be made or done. Raises NoService, Refused."""
        return self._ask("POST", path, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def delete(self, path: str, **params: Any) -> Any:
        """Take something away. Raises NoService, Refused."""
        return self._ask("DELETE", path, params=params)

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._client.request(method, path, **options)
        except self._errors as error:
            raise self._silent(error) from None
        if answer.is_success:
            return answer.json() if answer.content else None
        raise Refused(answer.status_code, _problem(answer))

    def _silent(self, error: Exception) -> NoService:
        return NoService(
            f"No service answers at {self.address}, which {self.where} names ({error}).",
            hint="Start it with `openbell serve`; `openbell doctor` looks for what is wrong.",
        )


def connect() -> Service:
    """The service that the settings of this folder name. Raises ConfigurationError, NoService."""
    return find(configuration.load())


def find(settings: Settings) -> Service:
    """The service of this data dir, with its admin key. Raises NoService, saying where it looked."""
    where = settings.data_dir / "service.json"
    try:
        said = json.loads(where.read_text())
        address, stopping = said["address"], said.get("stopping", False)
    except FileNotFoundError:
        raise NoService(
            f"No service is running: there is no {where}.",
            hint=f"Start one with `openbell serve`, or name the data dir of the one that runs in {PREFIX}DATA_DIR.",
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoService(f"{where} does not say where the service is ({error!r}).") from None
    if stopping:
        raise NoService(
            f"The service at {address} is stopping (process {said.get('pid')}).",
            hint="It gives its runs their time to end; start one with `openbell serve` then. No run is lost.",
        )
    return Service(address, _admin_key(settings), where)


def path(*parts: str) -> str:
    """A path of quoted parts."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def _admin_key(settings: Settings) -> str:
    if settings.admin_key is not None:
        return settings.admin_key.get_secret_value()
    file = settings.data_dir / "admin.key"
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise NoService(
            f"The admin key in {file} cannot be read ({error.strerror}).", hint="Run this as the service's user."
        ) from None


def _problem(answer: "Response") -> dict[str, Any]:
    try:
        problem = answer.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}
