import { describe, expect, it } from 'vitest'
import { createLog } from '../../../src/observe/log.ts'
import { prettyLine } from '../../../src/observe/pretty.ts'

/** What `log` writes with these fields, as a terminal shows it. */
function shown(fields: object, message: string): string {
  let line = ''
  createLog({
    ...{ level: 'debug', pretty: false, bindings: { node: 'n1' } },
    destination: { write: (text) => void (line += text) },
  }).warn(fields, message)
  return prettyLine(line, false)
}

describe('a line on a terminal', () => {
  it('is the time, the level, what happened, and the fields, without the node', () => {
    expect(shown({ user: 'ann', forMs: 12, ports: { a: 1 } }, 'a connection ended')).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} warn  a connection ended  user=ann forMs=12 ports=\{"a":1\}\n$/,
    )
  })

  it('has the stack of an error behind it', () => {
    const text = shown({ err: new Error('broken') }, 'a fault of the gateway')
    expect(text).toMatch(/a fault of the gateway\n {4}Error: broken\n {8}at /)
  })

  it('cannot be made to look like another line, or to move the cursor', () => {
    const text = shown(
      { user: 'ann\n12:00:00.000 info  all is well', path: '\u001B[2J' },
      'a request was refused',
    )
    expect(text.trimEnd().split('\n')).toHaveLength(1)
    expect(text).not.toContain('\u001B')
  })

  it('shows no secret: it is made of what the log writes', () => {
    expect(shown({ token: 'abc' }, 'x')).toContain('token=[redacted]')
  })

  it('that is no JSON stays as it is', () => {
    expect(prettyLine('plain\n', true)).toBe('plain\n')
  })

  it('has colours where it may', () => {
    expect(prettyLine('{"level":"error","time":"2026-01-01T00:00:00.000Z","msg":"x"}', true)).toContain(
      '\u001B[31m',
    )
  })
})
