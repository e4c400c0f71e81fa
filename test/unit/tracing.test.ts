import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { asksForSpans } from '../../src/drivers/spans-wanted.ts'
import { parseTraceparent, traceparentOf } from '../../src/tracing.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'

describe('a traceparent', () => {
  it('is read, and written as it was', () => {
    const text = `00-${TRACE}-${SPAN}-01`
    const parent = parseTraceparent(text)
    expect(parent).toEqual({ traceId: TRACE, spanId: SPAN, flags: 1 })
    expect(parent && traceparentOf(parent)).toBe(text)
  })

  it.each([
    undefined,
    '',
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
  ])('is none: %s', (text) => {
    expect(parseTraceparent(text)).toBeUndefined()
  })
})

describe('spans', () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }

  it.each([
    [{}, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, false],
    [endpoint, true],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4318/v1/traces' }, true],
    [{ ...endpoint, OTEL_SDK_DISABLED: 'TRUE' }, false],
    [{ ...endpoint, OTEL_SDK_DISABLED: 'false' }, true],
    [{ ...endpoint, OTEL_TRACES_EXPORTER: 'none' }, false],
  ])('are asked for by the variables that every program has: %o', (env, asked) => {
    expect(asksForSpans(env)).toBe(asked)
  })

  it('that nobody asks for cost a node no package: what would make one is not loaded', () => {
    expect(packagesOf({})).toEqual([])
    expect(packagesOf(endpoint)).toContain('@opentelemetry/sdk-trace-base')
  })
})

/** Those that a node has loaded by the time that it has taken a publish. */
function packagesOf(env: Readonly<Record<string, string>>): string[] {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_'))
  const program = fileURLToPath(new URL('../fixtures/loaded-modules.mjs', import.meta.url))
  const text = execFileSync(process.execPath, [program], {
    env: { ...Object.fromEntries(own), ...env },
    encoding: 'utf8',
  })
  return JSON.parse(text) as string[]
}
