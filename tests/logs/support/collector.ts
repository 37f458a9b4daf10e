import { fieldsOf, type Field } from "./protobuf.ts";

/** What a collector of OpenTelemetry gets, as far as the tests look at it. Ids are in hexadecimal. */
export interface CollectedSpan {
  readonly service: string;
  readonly name: string;
  readonly trace: string;
  readonly id: string;
  /** Empty where it has none. */
  readonly parent: string;
  /** Of the spans that it is linked with: `trace/id`. */
  readonly links: readonly string[];
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly failed: boolean;
}

export interface Collector extends AsyncDisposable {
  /** What OTEL_EXPORTER_OTLP_ENDPOINT has to be. */
  readonly url: string;
  readonly spans: CollectedSpan[];
  /** The path and the type of each request. */
  readonly requests: string[];
}

/** @param answer what it says once it has read a request; default: that it has taken it */
export function startCollector(
  answer: () => Response | Promise<Response> = () => new Response(new Uint8Array()),
): Collector {
  const spans: CollectedSpan[] = [];
  const requests: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      requests.push(`${new URL(request.url).pathname} ${request.headers.get("content-type")}`);
      spans.push(...spansOf(new Uint8Array(await request.arrayBuffer())));
      return answer();
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    spans,
    requests,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

/** Of an ExportTraceServiceRequest, by the numbers that opentelemetry-proto gives the fields. */
function spansOf(request: Uint8Array): CollectedSpan[] {
  return inside(request, 1).flatMap((ofResource) => {
    const [resource = new Uint8Array()] = inside(ofResource, 1);
    const service = String(attributesOf(inside(resource, 1))["service.name"]);
    return inside(ofResource, 2)
      .flatMap((ofScope) => inside(ofScope, 2))
      .map((span) => spanOf(service, span));
  });
}

function spanOf(service: string, span: Uint8Array): CollectedSpan {
  const [status = new Uint8Array()] = inside(span, 15);
  return {
    service,
    name: text(inside(span, 5)[0]),
    trace: hex(inside(span, 1)[0]),
    id: hex(inside(span, 2)[0]),
    parent: hex(inside(span, 4)[0]),
    links: inside(span, 13).map((link) => `${hex(inside(link, 1)[0])}/${hex(inside(link, 2)[0])}`),
    attributes: attributesOf(inside(span, 9)),
    failed: numberOf(fieldsOf(status), 3) === 2,
  };
}

function attributesOf(pairs: readonly Uint8Array[]): Record<string, string | number> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [value = new Uint8Array()] = inside(pair, 2);
      const [string] = inside(value, 1);
      return [
        text(inside(pair, 1)[0]),
        string === undefined ? (numberOf(fieldsOf(value), 3) ?? NaN) : text(string),
      ];
    }),
  );
}

function inside(message: Uint8Array, number: number): Uint8Array[] {
  return fieldsOf(message).flatMap((field) =>
    field.number === number && typeof field.value !== "number" ? [field.value] : [],
  );
}

function numberOf(fields: readonly Field[], number: number): number | null {
  const value = fields.find((field) => field.number === number)?.value;
  return typeof value === "number" ? value : null;
}

function text(bytes: Uint8Array = new Uint8Array()): string {
  return Buffer.from(bytes).toString("utf8");
}

function hex(bytes: Uint8Array = new Uint8Array()): string {
  return Buffer.from(bytes).toString("hex");
}
