/** Whether anybody wants spans: what makes them is loaded only then. */

export type Environment = Readonly<Record<string, string | undefined>>

/** Whether spans are asked for: an endpoint is named, and nothing switches them off. */
export function asksForSpans(env: Environment): boolean {
  const { OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER = 'otlp' } = env
  const endpoint = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_ENDPOINT'] || ''
  return endpoint !== '' && OTEL_SDK_DISABLED?.toLowerCase() !== 'true' && OTEL_TRACES_EXPORTER === 'otlp'
}
