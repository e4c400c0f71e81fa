/**
 * A line of the log as a person reads it: time, level, what happened, and the fields behind it. Of a fault the stack, on lines of its own.
 */

const COLORS: Readonly<Record<string, number>> = { debug: 90, info: 32, warn: 33, error: 31 }
const DIM = 2

/** `line`: as the log writes it, JSON. What is none stays as it is. */
export function prettyLine(line: string, colored: boolean): string {
  const fields = fieldsOf(line)
  if (fields === undefined) return line
  // Of one node, which a terminal shows, its id says nothing.
  const { level, time, msg, err, node: _node, ...others } = fields
  const paint = (text: string, color: number): string => (colored ? `\u001B[${color}m${text}\u001B[0m` : text)
  const clock = typeof time === 'string' ? time.slice(11, 23) : ''
  const name = String(level)
  const rest = Object.entries(others).map(([key, value]) => `${key}=${shown(value)}`)
  const head = `${paint(clock, DIM)} ${paint(name.padEnd(5), COLORS[name] ?? 0)} ${shownText(msg)}`
  return `${[head, paint(rest.join(' '), DIM)].join('  ').trimEnd()}\n${errorLines(err)}`
}

function errorLines(err: unknown): string {
  if (err === undefined) return ''
  const { stack, message } = (err ?? {}) as { readonly stack?: unknown; readonly message?: unknown }
  const text = typeof stack === 'string' ? stack : typeof message === 'string' ? message : shown(err)
  return `${text
    .split('\n')
    .map((one) => `    ${one.trimEnd()}`)
    .join('\n')}\n`
}

function shown(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value)
  // What a peer may have chosen must not look like another line, or move the cursor.
  return /^[\w\-./:@+%$,()[\]]+$/.test(value) ? value : JSON.stringify(value)
}

function shownText(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"') : shown(value)
}

function fieldsOf(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
