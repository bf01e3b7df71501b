"""Why there is no report: one JSON form for all (RFC 9457), with a reason that says what to do."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """Ends a request. `retry`: seconds after which it is worth another try."""

    def __init__(self, status: int, detail: str, retry: int | None = None, headers: dict[str, str] | None = None):
        super().__init__(detail)
        self.status, self.detail = HTTPStatus(status), detail
        self.headers = dict(headers or {})
        if retry is not None:
            self.headers["Retry-After"] = str(retry)

    def response(self) -> JSONResponse:
        told = {"status": int(self.status), "title": self.status.phrase, "detail": self.detail}
        return JSONResponse(told, self.status, self.headers, MEDIA_TYPE)


def answer_all(app: FastAPI) -> None:
    """Every failure takes this form; what FastAPI calls 422 is 400 here, since 422 is an unreadable photo's."""

    @app.exception_handler(Problem)
    async def of_ours(_: Request, problem: Problem) -> JSONResponse:
        return problem.response()

    @app.exception_handler(HTTPException)
    async def of_routing(_: Request, error: HTTPException) -> JSONResponse:
        return Problem(error.status_code, str(error.detail), headers=error.headers).response()

    @app.exception_handler(RequestValidationError)
    async def of_parameters(_: Request, error: RequestValidationError) -> JSONResponse:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        return Problem(400, f"{told}. Allowed: stability=true or false, name=a file's name").response()

    @app.exception_handler(Exception)
    async def of_mistakes(_: Request, error: Exception) -> JSONResponse:
        return Problem(500, f"a mistake of the service ({type(error).__name__}); please report it").response()
