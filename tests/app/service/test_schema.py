"""The service against its own schema: schemathesis sends what it allows and what it does not."""

from __future__ import annotations

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from app.service.schema import examples
from forensics.report import schema
from tests.app.service.served import photo

PHOTOS = st.one_of(st.sampled_from([photo(), photo(grey=250), photo()[:50], b""]), st.binary(max_size=500))
NAMES = ("application/octet-stream", "image/*", "image/png")


@pytest.fixture(scope="module")
def roomy(serving):
    return serving({"most": 200_000, "seconds": 30.0, "waiting": 8}).wait()


@pytest.fixture(scope="module")
def told(roomy):
    schemathesis.openapi.media_type(NAMES[0], PHOTOS, aliases=NAMES[1:])
    return schemathesis.openapi.from_url(f"{roomy.url}/openapi.json")


@pytest.mark.parametrize(
    ("method", "path", "mode", "tries"),
    [
        ("POST", "/inspect", GenerationMode.POSITIVE, 100),
        ("POST", "/inspect", GenerationMode.NEGATIVE, 100),
        ("GET", "/health", GenerationMode.POSITIVE, 3),
        ("GET", "/ready", GenerationMode.POSITIVE, 3),
        ("GET", "/metrics", GenerationMode.POSITIVE, 3),
    ],
)
def test_it_does_what_its_schema_says(told, method, path, mode, tries):
    operation = told[path][method]
    statuses: set[int] = set()

    @settings(
        max_examples=tries,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def each(case):
        # any bytes are allowed by the schema, and not all of them are photos
        got = case.call_and_validate(excluded_checks=[positive_data_acceptance], timeout=30)
        statuses.add(got.status_code)

    each()
    if path == "/inspect":
        assert statuses >= ({200, 422} if mode is GenerationMode.POSITIVE else {400}), statuses


def test_it_is_openapi_3_1_with_examples_that_it_allows(roomy):
    told = roomy.client.get("/openapi.json").json()
    assert told["openapi"].startswith("3.1")
    assert set(told["paths"]) == {"/inspect", "/health", "/ready", "/metrics"}
    answers = told["paths"]["/inspect"]["post"]["responses"]
    assert set(answers) == set("200 400 403 408 413 415 422 429 500 503 504".split())
    jsonschema.validate(list(examples().values()), schema())
    for status, answer in answers.items():
        kind, shown = next(iter(answer["content"].items()))
        name = shown["schema"]["$ref"].rsplit("/", 1)[1]
        whole = {"$ref": f"#/components/schemas/{name}", "components": told["components"]}
        for example in [shown["example"]] if "example" in shown else [e["value"] for e in shown["examples"].values()]:
            jsonschema.validate(example, whole)
            assert kind == "application/json" or example["status"] == int(status)
