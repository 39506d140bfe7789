"""Reports by libraries that nobody here wrote, on standard output: `otlp-traces`, `cloudevents`, `spdx3`."""

import sys
from datetime import UTC, datetime

AT = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)


def otlp_traces():
    from opentelemetry.exporter.otlp.json.file import FileSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.trace import Status, StatusCode

    provider = TracerProvider(resource=Resource.create({"service.name": "orders"}))
    provider.add_span_processor(SimpleSpanProcessor(FileSpanExporter(path="/dev/stdout")))
    tracer = provider.get_tracer("shop")
    nanos = int(AT.timestamp()) * 1_000_000_000
    for name, wrong in [("GET /orders", False), ("GET /prices", True)]:
        root = tracer.start_span(name, start_time=nanos)
        if wrong:
            root.set_status(Status(StatusCode.ERROR, "no price"))
        root.end(end_time=nanos + 250_000_000)
    provider.shutdown()


def cloudevents():
    from cloudevents.core.formats.json import JSONFormat
    from cloudevents.core.v1.event import CloudEvent

    attributes = {
        "id": "7",
        "source": "https://ci.example/orders",
        "type": "example.build.finished",
        "specversion": "1.0",
        "subject": "orders",
        "time": AT,
    }
    sys.stdout.buffer.write(JSONFormat().write(CloudEvent(attributes, {"passed": True})))


def spdx3():
    from spdx_python_model import v3_0_1 as spdx

    creation = spdx.CreationInfo(specVersion="3.0.1", created=AT)
    author = spdx.Person(spdxId="https://shop.example/author", name="Alice", creationInfo=creation)
    creation.createdBy.append(author.spdxId)
    objects = spdx.SHACLObjectSet([author])
    packages = [
        spdx.software_Package(spdxId=f"https://shop.example/{name}", name=name, creationInfo=creation)
        for name in ("orders", "left-pad")
    ]
    document = spdx.SpdxDocument(spdxId="https://shop.example/document", creationInfo=creation)
    document.rootElement.append(packages[0])
    document.element.extend(packages)
    for element in [*packages, document]:
        objects.add(element)
    spdx.JSONLDSerializer().write(objects, sys.stdout.buffer)


{"otlp-traces": otlp_traces, "cloudevents": cloudevents, "spdx3": spdx3}[sys.argv[1]]()
