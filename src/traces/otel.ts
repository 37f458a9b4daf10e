import {
  type Context,
  type Link,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import packageJson from "../../package.json" with { type: "json" };
import { bounds } from "../bounds.ts";
import { messageOf } from "../errors.ts";
import type { Command } from "../ledger/command.ts";
import type { AllOrNone, Ledger, Outcome } from "../ledger/ledger.ts";
import { TracedLedger } from "./traced-ledger.ts";
import type { RequestSpan, Span, SpanFields, Tracing, TraceSettings } from "./tracing.ts";

/**
 * Traces by OpenTelemetry's own library. Spans wait in a queue of a fixed size for a collector; while none takes them, the
 * newest are dropped, and nobody is told, since the ledger's work does not need them.
 *
 * What belongs to what is handed on by argument. The library's own way, a context that follows every `await`, would cost
 * each of them, also in requests that are not traced.
 */
export class OtelTracing implements Tracing {
  readonly #provider: TracerProvider;
  readonly #tracer: Tracer;
  readonly #ratio: number;
  readonly #propagator = new W3CTraceContextPropagator();
  /** The spans of the requests that commands came with. */
  readonly #requests = new WeakMap<Command, OtelSpan>();

  constructor(program: string, { endpoint, ratio, followsParent }: TraceSettings) {
    const exporter = new OTLPTraceExporter({
      url: `${endpoint.replace(/\/+$/, "")}/v1/traces`,
      timeoutMillis: bounds.trace_export_milliseconds_max,
    });
    const processor = new BatchSpanProcessor({
      exporter,
      maxQueueSize: bounds.trace_spans_waiting_max,
      scheduledDelayMillis: bounds.trace_export_milliseconds,
      exportTimeoutMillis: bounds.trace_export_milliseconds_max,
    });
    const ofOthers = new TraceIdRatioBasedSampler(ratio);
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({
        "service.name": `razonete-${program}`,
        "service.version": packageJson.version,
        "service.instance.id": `${process.pid}`,
      }),
      // Whether a trace begins here is decided before a span is made, see #isChosen.
      sampler: new ParentBasedSampler({
        root: new AlwaysOnSampler(),
        ...(followsParent ? {} : { remoteParentSampled: ofOthers, remoteParentNotSampled: ofOthers }),
      }),
      spanLimits: { linkCountLimit: LINKS_MAX },
      spanProcessors: [processor],
    });
    this.#tracer = this.#provider.getTracer(packageJson.name, packageJson.version);
    this.#ratio = ratio;
  }

  request(method: string, route: string, headers: Headers): RequestSpan | null {
    const context = headers.has("traceparent")
      ? this.#propagator.extract(ROOT_CONTEXT, headers, HEADERS)
      : ROOT_CONTEXT;
    if (!this.#isChosen(context)) return null;
    const attributes = { "http.request.method": method, "http.route": route };
    const span = this.#tracer.startSpan(`${method} ${route}`, { kind: SpanKind.SERVER, attributes }, context);
    if (!span.isRecording()) return null;
    return {
      ledger: (ledger) => this.#tracedLedger(ledger, span),
      end: (status, requestId) => {
        span.setAttribute("http.response.status_code", status);
        span.setAttribute("razonete.request_id", requestId);
        if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      },
    };
  }

  batch(name: string, commands: readonly (Command | undefined)[], fields: SpanFields): Span | null {
    const requests = new Set<OtelSpan>();
    for (const command of commands) {
      const request = command === undefined ? undefined : this.#requests.get(command);
      if (request !== undefined) requests.add(request);
    }
    const [first, ...others] = requests;
    if (first === undefined) return null;
    const links = others.slice(0, LINKS_MAX).map((other): Link => ({ context: other.spanContext() }));
    const parent = trace.setSpanContext(ROOT_CONTEXT, first.spanContext());
    return this.#started(name, parent, { ...fields, "razonete.batch.size": commands.length }, links);
  }

  work(name: string, fields: SpanFields): Span | null {
    return this.#isChosen(ROOT_CONTEXT) ? this.#started(name, ROOT_CONTEXT, fields, []) : null;
  }

  async close(): Promise<void> {
    // A collector that hangs makes it reject, or last.
    const sent = this.#provider.shutdown().catch(() => {});
    await Promise.race([sent, Bun.sleep(bounds.trace_close_milliseconds_max)]);
  }

  /** Most are not, so this is all that they cost. The sampler has the last word on those of which others have decided. */
  #isChosen(context: Context): boolean {
    return trace.getSpanContext(context) !== undefined || Math.random() < this.#ratio;
  }

  #started(name: string, parent: Context, attributes: SpanFields, links: Link[]): Span {
    const span = this.#tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes, links }, parent);
    return {
      end: (fields = {}) => {
        span.setAttributes(fields);
        span.end();
      },
      fail: (error) => {
        span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
        span.end();
      },
    };
  }

  #tracedLedger(ledger: Ledger, span: OtelSpan): Ledger {
    return new TracedLedger(ledger, {
      asks: (command) => this.#requests.set(command, span),
      learns: (outcome) => {
        const refusal = refusalOf(outcome);
        if (refusal !== null) span.setAttribute("razonete.refusal", refusal);
      },
    });
  }
}

const LINKS_MAX = 128;

const HEADERS = {
  keys: (headers: Headers) => [...headers.keys()],
  get: (headers: Headers, name: string) => headers.get(name) ?? undefined,
};

function refusalOf(outcome: Outcome | AllOrNone): string | null {
  if (outcome.type !== "refused") return null;
  return "refused" in outcome ? outcome.refused.refusal : outcome.refusal;
}
