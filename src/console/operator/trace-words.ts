/**
 * An event of the flight recorder in words. Pure.
 */

/** As docs/http-api.md has it; what is not known is told as it is. */
export interface TraceEvent {
  readonly type: string
  readonly at?: number
  readonly node?: string
  readonly [field: string]: unknown
}

/** Of a message: how long it took to the write, and to the acknowledgement. */
function times({ published, written, acknowledged }: TraceEvent): string {
  if (typeof published !== 'number') return ''
  const parts = [
    typeof written === 'number' ? `written after ${Math.max(0, written - published)} ms` : '',
    typeof acknowledged === 'number' ? `acknowledged after ${Math.max(0, acknowledged - published)} ms` : '',
  ].filter((part) => part !== '')
  return parts.length === 0 ? '' : `, ${parts.join(', ')}`
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}

function place({ channel, offset }: TraceEvent): string {
  return `${text(channel)}${offset === undefined ? '' : ` #${text(offset)}`}`
}

const WORDS: Readonly<Record<string, (event: TraceEvent) => string>> = {
  following: ({ user }) => `follows ${text(user)}`,
  present: ({ transport }) => `is connected by ${text(transport)}`,
  connected: ({ transport, resumed }) =>
    `connected by ${text(transport)}${resumed === true ? ', and went on with the session' : ''}`,
  subscribed: (event) =>
    `subscribed to ${place(event)}${event['recovered'] === true ? ', nothing is missing' : ''}`,
  unsubscribed: (event) => `left ${place(event)}`,
  delivered: (event) => {
    const { live, data } = event
    const payload = data === undefined ? '' : `: ${text(data)}`
    return `got ${place(event)}${live === false ? ' (repaired: it had missed it)' : ''}${times(event)}${payload}`
  },
  acknowledged: (event) => `acknowledged ${place(event)}${times(event)}`,
  published: (event) => `published to ${place(event)}`,
  reset: (event) => `was told to fetch ${place(event)} anew: ${text(event['reason'])}`,
  move: ({ reason, url }) =>
    `was asked to go elsewhere (${text(reason)})${url === undefined ? '' : `, to ${text(url)}`}`,
  reauth: () => 'was asked for a fresh token',
  authenticated: () => 'showed a fresh token',
  error: ({ code, message }) => `was refused: ${text(code)}, ${text(message)}`,
  closed: ({ why, code }) => `connection ended: ${text(why)}${code === undefined ? '' : ` (${text(code)})`}`,
  'left out': ({ events }) => `${text(events)} events are not told: they came too fast`,
  over: ({ why }) => `is not followed any more (${text(why)})`,
}

export function traceText(event: TraceEvent): string {
  const words = WORDS[event.type]
  if (words !== undefined) return words(event)
  const { type, at: _at, node: _node, session: _session, ...rest } = event
  return `${type} ${JSON.stringify(rest)}`
}
