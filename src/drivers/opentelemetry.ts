/**
 * The only door to OpenTelemetry: spans over OTLP. It is configured by the variables that every program has for it
 * (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/), and its packages are loaded only where
 * they name an endpoint. Three of them are installed only by who wants spans: they are more files than all the rest of what a
 * gateway needs (`scripts/published.mjs`).
 */
import { readFileSync } from 'node:fs'
import type { Context, DiagLogger, Span as OtelSpan, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { Environment } from './spans-wanted.ts'
import { parseTraceparent, traceparentOf, type Span, type Step, type Tracing } from '../tracing.ts'

export interface OpenTelemetryOptions {
  readonly env: Environment
  /** Of the process that the spans are of; what `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` say goes before. */
  readonly resource: Readonly<Record<string, string | undefined>>
  /** Spans could not be sent, or a variable says what is not allowed. */
  failed(error: Error): void
}

export interface OpenTelemetry extends Tracing {
  /** Sends what is still held, within a moment, and ends. */
  close(): Promise<void>
}

/** Thrown at start only, and meant for the operator: one sentence with what to do. */
export class SpansError extends Error {
  override readonly name = 'SpansError'
}

const CLOSE_MS = 2000
const PROTOCOL = 'http/json'

/** Fails with `SpansError` where what sends them is not installed. */
export async function openTelemetry(options: OpenTelemetryOptions): Promise<OpenTelemetry> {
  const { env, resource } = options
  const failed = (error: Error): void => options.failed(error)
  const [api, sdk, exporter, resources] = await packages()
  // What the packages have to say they say here and nowhere else.
  api.diag.setLogger(diagnosis(failed), {
    logLevel: api.DiagLogLevel.WARN,
    suppressOverrideMessage: true,
  })
  const asked = env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] ?? env['OTEL_EXPORTER_OTLP_PROTOCOL'] ?? PROTOCOL
  if (asked !== PROTOCOL)
    failed(new Error(`OTEL_EXPORTER_OTLP_PROTOCOL is ${asked}: spans are sent as ${PROTOCOL} all the same`))
  const said = Object.entries(resource).filter(([, value]) => value !== undefined)
  const provider = new sdk.BasicTracerProvider({
    resource: resources
      .defaultResource()
      .merge(resources.resourceFromAttributes(Object.fromEntries(said)))
      .merge(resources.detectResources({ detectors: [resources.envDetector] })),
    spanProcessors: [new sdk.BatchSpanProcessor(new exporter.OTLPTraceExporter())],
  })
  const tracer = provider.getTracer('sluice')
  const kinds: Readonly<Record<Step, SpanKind>> = {
    publish: api.SpanKind.SERVER,
    append: api.SpanKind.CLIENT,
    send: api.SpanKind.PRODUCER,
    deliver: api.SpanKind.CONSUMER,
    forward: api.SpanKind.CLIENT,
  }
  const contextOf = (text: string | undefined): Context => {
    const parent = parseTraceparent(text)
    if (parent === undefined) return api.ROOT_CONTEXT
    const { traceId, spanId, flags } = parent
    return api.trace.setSpanContext(api.ROOT_CONTEXT, { traceId, spanId, traceFlags: flags, isRemote: true })
  }
  return {
    begin(step, parent, attributes) {
      const span = tracer.startSpan(`sluice ${step}`, { kind: kinds[step], attributes }, contextOf(parent))
      return span.isRecording() ? spanOf(span, api.SpanStatusCode.ERROR) : undefined
    },
    async close() {
      let late: NodeJS.Timeout | undefined
      const over = new Promise<void>((resolve) => (late = setTimeout(resolve, CLOSE_MS)))
      // A collector that does not answer holds no node up; that it does not was told when it was asked last.
      await Promise.race([provider.shutdown().catch(failed), over])
      clearTimeout(late)
      api.diag.disable()
    },
  }
}

/** Fails with `SpansError` where they are not installed. */
function packages() {
  return Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace-base'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]).catch((error: unknown) => {
    if ((error as { readonly code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new SpansError(
      'spans are asked for (OTEL_EXPORTER_OTLP_ENDPOINT), and what sends them is not installed: ' +
        `npm install ${installedBy()}; OTEL_SDK_DISABLED=true starts without`,
      { cause: error },
    )
  })
}

/** The versions that this package was tried with, as its `package.json` has them. */
function installedBy(): string {
  const file = new URL('../../package.json', import.meta.url)
  const { dependencies, peerDependencies } = JSON.parse(readFileSync(file, 'utf8')) as Readonly<
    Record<string, Readonly<Record<string, string>> | undefined>
  >
  return Object.entries({ ...dependencies, ...peerDependencies })
    .flatMap(([name, range]) =>
      name.startsWith('@opentelemetry/') ? [`${name}@${range.replace('^', '')}`] : [],
    )
    .join(' ')
}

function spanOf(span: OtelSpan, failed: SpanStatusCode): Span {
  const { traceId, spanId, traceFlags } = span.spanContext()
  return {
    traceparent: traceparentOf({ traceId, spanId, flags: traceFlags }),
    end(more, error) {
      if (more !== undefined) span.setAttributes(more)
      if (error !== undefined) {
        const message = textOf(error)
        span.setStatus({ code: failed, message })
      }
      span.end()
    },
  }
}

function diagnosis(failed: (error: Error) => void): DiagLogger {
  const tell = (message: string, ...rest: unknown[]): void =>
    failed(new Error([message, ...rest.map(textOf)].join(' ').slice(0, 500)))
  const nothing = (): void => undefined
  return { error: tell, warn: tell, info: nothing, debug: nothing, verbose: nothing }
}

function textOf(value: unknown): string {
  return value instanceof Error ? value.message : typeof value === 'string' ? value : JSON.stringify(value)
}
